"""Classifiers."""

import array
import json
import os
import pathlib
import subprocess

import pytest

import atome
from conftest import ROOT, matrix

GRAPH = """
graph three {
  %x = embedding embed(256, 16)
  %n = rms_norm norm(%x) eps=1e-6
  state h: f32[16]
  mix: map n=%n[16], h=h, y=%y[16] { h = 0.5 * h + n; y = h }
  head { %logits = linear out(%y, 3) }
}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("classes") / "three.safetensors"
    weights = {"embed": matrix(256, 16, 1), "norm": array.array("f", [1.0] * 16), "out": matrix(3, 16, 2)}
    atome.pack(weights, path, graph=GRAPH)
    return path


def test_a_verdict_is_that_of_the_logits(file: pathlib.Path) -> None:
    model = atome.Model(file)
    assert model.classes == ["0", "1", "2"]
    seen = set()
    for text in ("abc", "The king", "x", "zzz", "And", "!"):
        verdict, logits = model.classify(text), model.logits(text)
        assert verdict.index == max(range(3), key=logits.__getitem__)
        assert verdict.name == verdict.label == str(verdict.index)
        assert abs(sum(verdict.probabilities) - 1) < 1e-12
        assert verdict.probability == max(verdict.probabilities) == verdict.top(1)[0][1]
        assert [index for index, _ in verdict.top()] == sorted(range(3), key=lambda i: -logits[i])
        assert model.classify(list(text.encode())).probabilities == verdict.probabilities
        assert 0 <= verdict.margin <= 1 and 0 <= verdict.entropy <= 1.6 and verdict.router_entropy is None
        seen.add(verdict.index)
    assert len(seen) > 1
    with pytest.raises(atome.RunError, match="the model is a classifier"):
        model.generate("abc")


def test_the_command_says_the_same(file: pathlib.Path) -> None:
    command = os.environ.get("ATOME_COMMAND")
    if not command:
        pytest.skip("ATOME_COMMAND names no command")
    said = json.loads(subprocess.check_output([command, "classify", file, "-p", "The king"]))
    assert said["class"] == atome.Model(file).classify("The king").index
    assert [float(x) for x in said["logits"]] == pytest.approx(list(atome.Model(file).logits("The king")), rel=1e-7)


def test_published_classifiers() -> None:
    folder = ROOT / "../shared/data/atome"
    models = sorted(folder.glob("*.atomecl"))
    if not models:
        pytest.skip("no ../shared/data/atome")
    for path in models:
        model = atome.Model(path, config=folder / "atomecl.json")
        assert model.classes and model.classify(b"\x00\x80\xff").name in model.classes
