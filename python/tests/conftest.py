"""What tests share. They ask the wheel that is installed, never the sources."""

import array
import pathlib
import random

import pytest

import atome

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: A model file of the repository.
FILE = ROOT / "runtime/default.safetensors"
GRAPH = (ROOT / "runtime/examples/own_architecture/gated.graph").read_text("utf-8")

assert "site-packages" in atome.__file__, "the package is installed from its wheel"


@pytest.fixture(scope="session")
def model() -> atome.Model:
    return atome.Model(FILE, backend="aot")


def matrix(rows: int, cols: int, seed: int, spread: float = 1.0) -> memoryview:
    numbers = random.Random(seed)
    flat = array.array("f", [numbers.gauss(0, spread) for _ in range(rows * cols)])
    return memoryview(flat).cast("B").cast("f", (rows, cols))


def gated_weights() -> dict:
    """Random weights of the graph `GRAPH`."""
    width = 128
    ones = array.array("f", [1.0] * width)
    weights = {"embed": matrix(256, width, 1), "unembed": matrix(256, width, 2), "norm_f": ones}
    for layer in range(2):
        weights[f"layers.{layer}.norm"] = ones
        weights[f"layers.{layer}.floor"] = array.array("f", [0.5] * width)
        for i, name in enumerate(("forget", "input", "gate", "out")):
            weights[f"layers.{layer}.{name}"] = matrix(width, width, 10 * layer + i, 0.1)
    return weights


@pytest.fixture(scope="session")
def gated(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A packed model of an architecture of its own, with random weights."""
    path = tmp_path_factory.mktemp("gated") / "gated.safetensors"
    atome.pack(gated_weights(), path, graph=GRAPH)
    return path
