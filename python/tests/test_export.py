"""The exporter, on modules that look like PyTorch's, against the same models in plain Python."""

import array
import math
import pathlib
import random
import types

import pytest

import atome
from atome.export import Recorder, Rows, export, lowers

WIDTH, VOCAB = 8, 11
numbers = random.Random(5)


def part(**attributes: object) -> types.SimpleNamespace:
    return types.SimpleNamespace(**attributes)


def tensor(*shape: int, mean: float = 0.0, spread: float = 1.0) -> memoryview:
    flat = array.array("f", [numbers.gauss(mean, spread) for _ in range(math.prod(shape))])
    return memoryview(flat).cast("B").cast("f", shape)


def norm(width: int) -> types.SimpleNamespace:
    return part(weight=tensor(width, mean=1.0, spread=0.1), eps=1e-5)


def linear(rows: int, cols: int) -> types.SimpleNamespace:
    return part(weight=tensor(rows, cols))


def gated() -> types.SimpleNamespace:
    attn = part(g_norm=norm(WIDTH), lower_bound=array.array("f", [0.3] * WIDTH))
    for name in ("i_proj", "f_proj", "g_proj", "o_proj"):
        setattr(attn, name, linear(WIDTH, WIDTH))
    mlp = part(gate_proj=linear(2 * 12, WIDTH), down_proj=linear(WIDTH, 12))
    return part(attn=attn, attn_norm=norm(WIDTH), mlp=mlp, mlp_norm=norm(WIDTH))


def mamba2() -> types.SimpleNamespace:
    """Four heads of four channels, two groups with two states each."""
    inner, heads, shared = 16, 4, 4
    return part(
        norm=norm(WIDTH),
        in_proj=linear(2 * inner + 2 * shared + heads, WIDTH),
        conv1d=part(weight=tensor(inner, 1, 3, spread=0.3), bias=tensor(inner, spread=0.1)),
        dt_bias=tensor(heads, mean=-1.0),
        A_log=tensor(heads, spread=0.5),
        D=tensor(heads, mean=1.0),
        ngroups=2,
        out_proj=linear(WIDTH, inner),
    )


def ternary(module: types.SimpleNamespace) -> list:
    trits, scale = atome.quantize(module.weight)
    return [[scale * trit for trit in row] for row in trits.tolist()]


def product(module: types.SimpleNamespace, x: list) -> list:
    return [sum(w * v for w, v in zip(row, x)) for row in ternary(module)]


def normal(module: types.SimpleNamespace, x: list) -> list:
    root = math.sqrt(sum(v * v for v in x) / len(x) + module.eps)
    return [v / root * gain for v, gain in zip(x, module.weight.tolist())]


sigmoid = lambda v: 1 / (1 + math.exp(-v))
silu = lambda v: v * sigmoid(v)


class Gated:
    """What a gated block adds, token after token."""

    def __init__(self, block: types.SimpleNamespace):
        self.block, self.h = block, [0.0] * WIDTH

    def __call__(self, x: list) -> list:
        attn, mlp = self.block.attn, self.block.mlp
        n = normal(self.block.attn_norm, x)
        i, f, g = (product(module, n) for module in (attn.i_proj, attn.f_proj, attn.g_proj))
        g = normal(attn.g_norm, g)
        floor = attn.lower_bound
        keep = [b + (1 - b) * sigmoid(v) for b, v in zip(floor, f)]
        self.h = [k * h + silu(v) * (1 - k) for k, h, v in zip(keep, self.h, i)]
        x = [a + b for a, b in zip(x, product(attn.o_proj, [u * silu(h) for u, h in zip(g, self.h)]))]
        both = product(mlp.gate_proj, normal(self.block.mlp_norm, x))
        inner = [silu(u) * v for u, v in zip(both[:12], both[12:])]
        return [a + b for a, b in zip(x, product(mlp.down_proj, inner))]


class Mamba2:
    """What a layer like Mamba-2's adds, token after token."""

    def __init__(self, block: types.SimpleNamespace):
        self.block, self.past, self.h = block, [[0.0] * 16] * 2, [[[0.0] * 4 for _ in range(2)] for _ in range(4)]

    def __call__(self, x: list) -> list:
        b = self.block
        p = product(b.in_proj, normal(b.norm, x))
        z, u, rest = p[:16], p[16:32], p[32:]
        taps = [*self.past, u]
        self.past = taps[1:]
        weights, bias = b.conv1d.weight.tolist(), b.conv1d.bias.tolist()
        u = [silu(bias[c] + sum(weights[c][0][k] * taps[k][c] for k in range(3))) for c in range(16)]
        y = []
        for head in range(4):
            group = head // 2
            read, write = (rest[4 * part + 2 * group :][:2] for part in (1, 0))
            step = math.log1p(math.exp(rest[8 + head] + b.dt_bias[head]))
            decay = math.exp(-math.exp(b.A_log[head]) * step)
            for channel in range(4):
                v = u[4 * head + channel]
                out = b.D[head] * v
                for n in range(2):
                    self.h[head][n][channel] = self.h[head][n][channel] * decay + v * write[n] * step
                    out += self.h[head][n][channel] * read[n]
                y.append(out * silu(z[4 * head + channel]))
        return [a + d for a, d in zip(x, product(b.out_proj, y))]


@pytest.mark.parametrize("parts, reference", [(gated, Gated), (mamba2, Mamba2)], ids=["gated", "mamba2"])
def test_logits_are_those_of_the_modules(parts, reference, tmp_path: pathlib.Path) -> None:
    embedding, blocks, last, head = part(weight=tensor(VOCAB, WIDTH)), [parts(), parts()], norm(WIDTH), linear(VOCAB, WIDTH)
    exported = export([embedding, *blocks, last, head])
    exported.pack(tmp_path / "model.safetensors")
    session = atome.Model(tmp_path / "model.safetensors").session()
    running = [reference(block) for block in blocks]
    for token in (3, 1, 4, 1, 5, 9, 2, 6):
        x = embedding.weight.tolist()[token]
        for block in running:
            x = block(x)
        expected = product(head, normal(last, x))
        session.step(token)
        for found, wanted in zip(session.logits(), expected):
            assert abs(found - wanted) < 2e-5 * max(map(abs, expected))
    # The files that are saved are the same model.
    exported.save(tmp_path / "saved")
    graph = (tmp_path / "saved/graph.txt").read_text()
    atome.pack(tmp_path / "saved/weights.safetensors", tmp_path / "again.safetensors", graph=graph, scale="exact")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


def test_bit_linears_biases_and_layer_norms(tmp_path: pathlib.Path) -> None:
    class Own:
        def __init__(self) -> None:
            self.norm, self.proj = part(weight=tensor(WIDTH), bias=tensor(WIDTH), eps=1e-5), linear(WIDTH, WIDTH)
            self.proj.bias = tensor(WIDTH)

    @lowers(Own)
    def own(r: Recorder, block: Own, x: Rows) -> None:
        r.add(r.linear(block.proj, "proj", r.norm(block.norm, "norm", x)), x)

    head = linear(VOCAB, WIDTH)
    head.norm = norm(WIDTH)
    embedding, block, last = part(weight=tensor(VOCAB, WIDTH)), Own(), norm(WIDTH)
    exported = export([embedding, block, last, head])
    assert "layer_norm" in exported.graph and "bit_linear_away" in exported.graph
    exported.pack(tmp_path / "model.safetensors")
    session = atome.Model(tmp_path / "model.safetensors").session()
    session.step(7)
    x = embedding.weight.tolist()[7]
    mean = sum(x) / WIDTH
    root = math.sqrt(sum((v - mean) ** 2 for v in x) / WIDTH + 1e-5)
    n = [(v - mean) / root * g + b for v, g, b in zip(x, block.norm.weight, block.norm.bias)]
    x = [v + y + b for v, y, b in zip(x, product(block.proj, n), block.proj.bias)]
    n = normal(head.norm, normal(last, x))
    step = max(map(abs, n)) / 127
    expected = product(head, [round(v / step) * step for v in n])
    for found, wanted in zip(session.logits(), expected):
        assert abs(found - wanted) < 1e-4 * max(map(abs, expected))


def test_what_cannot_be_exported_is_told() -> None:
    embedding, last, head = part(weight=tensor(VOCAB, WIDTH)), norm(WIDTH), linear(VOCAB, WIDTH)
    wide = mamba2()
    wide.conv1d.weight = tensor(24, 1, 3)
    for modules, message in [
        ([embedding], "expected an embedding, blocks, a norm and a head, found 1 modules"),
        ([embedding, part(), last, head], "expected a block with the parts of .* found SimpleNamespace"),
        ([part(), gated(), last, head], "`embedding`: expected a module with `weight`, found SimpleNamespace"),
        ([embedding, wide, last, head], "`conv1d`: expected a convolution over the 16 channels of x alone, found 24 channels"),
        ([embedding, gated(), norm(4), head], "`norm_f`: expected the shape"),
        ([embedding, gated(), last, linear(VOCAB, 4)], "`lm_head`: expected weights of 8 columns, found 4"),
    ]:
        with pytest.raises(atome.ArgumentError, match=message):
            export(modules)
