"""A Mamba-2-like model of random weights that is packed as the exporter packs it, without PyTorch."""

import array
import os
import random
import types

from atome.export import export

numbers = random.Random(3)


def tensor(*shape: int, spread: float = 1.0, mean: float = 0.0) -> memoryview:
    count = 1
    for size in shape:
        count *= size
    flat = array.array("f", [numbers.gauss(mean, spread) for _ in range(count)])
    return memoryview(flat).cast("B").cast("f", shape)


def part(**attributes: object) -> types.SimpleNamespace:
    return types.SimpleNamespace(**attributes)


def linear(rows: int, cols: int) -> types.SimpleNamespace:
    norm = part(weight=tensor(cols, spread=0.1, mean=1.0), eps=1e-6)
    return part(weight=tensor(rows, cols, spread=cols**-0.5), norm=norm)


def pack(out: str | os.PathLike[str], width: int = 128, layers: int = 2, heads: int = 4, states: int = 4) -> None:
    """Writes the model."""
    inner = 2 * width
    block = lambda: part(
        in_proj=linear(2 * inner + 2 * states + heads, width),
        conv1d=part(weight=tensor(inner, 1, 4, spread=0.3), bias=tensor(inner, spread=0.1)),
        dt_bias=tensor(heads, mean=-2.0),
        A_log=tensor(heads, spread=0.5, mean=1.0),
        D=tensor(heads, spread=0.1, mean=1.0),
        out_proj=linear(width, inner),
    )
    norm = part(weight=tensor(width, spread=0.1, mean=1.0), eps=1e-6)
    blocks = [block() for _ in range(layers)]
    export([part(weight=tensor(256, width)), *blocks, norm, linear(256, width)]).pack(out)
