"""Modules of PyTorch as a graph and its weights, which `atome.pack` makes a model file of.

    from atome.export import export

    exported = export([embedding, *blocks, norm, head])
    exported.pack("model.safetensors")

The list is a model: an embedding, blocks that add to what they are given, and a norm and a head at its end. Blocks are known by the
names of their parts, whatever their class:

- a gated linear recurrence and a gated feed-forward, as MatMul-free LM has them: `attn_norm`, `attn` (`i_proj`, `f_proj`, `g_proj`, `o_proj`,
  `g_norm`, perhaps `lower_bound`), `mlp_norm`, `mlp` (`gate_proj`, whose rows are gates, then values; `down_proj`); each half may be alone;
- Mamba-2: `in_proj` (rows of z, x, B, C, dt), `conv1d` over x alone, `dt_bias`, `A_log`, `D` (a number a head or a channel), `out_proj`, perhaps `norm` before.

For others a function says what they are: `@lowers(MyBlock)` over `def my_block(r: Recorder, block, x: Rows) -> None`.

Projections are `Linear`: ternary by the mean of the absolute values of their weights, as in training. One that has a `norm` of its own multiplies what that gives,
rounded to int8, as a BitLinear does; one without multiplies f32. PyTorch is not imported: anything with these attributes will do.
"""

from __future__ import annotations

import array
import contextlib
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ArgumentError
from .weights import _cast, _floats, _shape, _view, encode, pack, quantize

if TYPE_CHECKING:
    from ._atome import Report

__all__ = ["Exported", "Recorder", "Rows", "export", "lowers"]

#: What is added to the mean square of a norm that does not say.
NORM_EPS = 1e-6


class Rows(NamedTuple):
    """A value for each column of every token: a part of a graph that calls read and write."""

    name: str
    width: int
    first: int = 0

    def columns(self, first: int, width: int) -> Rows:
        """Some of the columns."""
        return Rows(self.name, width, self.first + first)

    @property
    def part(self) -> str:
        """As an operand of a call that reads columns."""
        return f"%{self.name}[{self.first}..{self.first + self.width}]"


class Exported(NamedTuple):
    """A model as text and weights."""

    graph: str
    #: f32 arrays by the names of the graph's parameters; ternary ones are their scale times -1, 0 or +1.
    weights: dict[str, memoryview[float]]

    def pack(self, out: str | os.PathLike[str], **options: Any) -> Report:
        """Writes a model file, as `atome.pack`."""
        return pack(self.weights, out, graph=self.graph, scale="exact", **options)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes `weights.safetensors` and `graph.txt`, for `atome pack --scale exact --graph`."""
        target = pathlib.Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name, data in (("weights.safetensors", encode(self.weights)), ("graph.txt", self.graph.encode())):
            new = target / f".{name}.new"
            new.write_bytes(data)
            new.replace(target / name)


Lowering = Callable[["Recorder", Any, Rows], None]
_LOWERINGS: list[tuple[type, Lowering]] = []


def lowers(kind: type) -> Callable[[Lowering], Lowering]:
    """Says how blocks of a class are recorded: by a function of the recorder, the block, and the rows that it adds to."""

    def register(lowering: Lowering) -> Lowering:
        _LOWERINGS.insert(0, (kind, lowering))
        return lowering

    return register


def export(modules: Iterable[Any], name: str = "exported") -> Exported:
    """Records a model: an embedding, blocks, a norm, a head. Its logits are those of the modules one after the other, each block added."""
    parts = list(modules)
    if len(parts) < 3:
        raise ArgumentError(f"expected an embedding, blocks, a norm and a head, found {len(parts)} modules")
    embedding, *blocks, norm, head = parts
    r = Recorder(name)
    x = r.embedding(embedding)
    for i, block in enumerate(blocks):
        with r.scope(f"layers.{i}"):
            r.block(block, x)
    with r.scope("head"):
        normal = r.norm(norm, "norm_f", x)
        r.linear(head, "lm_head", normal, out="logits")
    return Exported("\n".join([*r.lines, "}", ""]), r.weights)


class Recorder:
    """Writes a graph statement after statement, and keeps its weights."""

    def __init__(self, name: str) -> None:
        self.lines = [f"graph {name} {{"]
        self.weights: dict[str, memoryview[float]] = {}
        self._scopes: list[str] = []

    def line(self, text: str) -> None:
        """A statement, or several, as they are."""
        indent = "  " * (1 + len(self._scopes))
        self.lines += [indent + line for line in text.splitlines()]

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """What is named within is named `name.` and that."""
        self.line(f"{name} {{")
        self._scopes.append("" if name == "head" else f"{name}.")
        yield
        self._scopes.pop()
        self.line("}")

    def keep(self, name: str, numbers: memoryview[float]) -> None:
        """Keeps the numbers of a parameter that a statement declares."""
        self.weights["".join(self._scopes) + name] = numbers

    def param(self, name: str, tensor: Any, shape: tuple[int, ...] | None = None, more: str = "") -> None:
        """A parameter of f32 numbers."""
        numbers = _numbers(name, tensor, shape)
        self.line(f"param {name}: f32{list(_shape(numbers))} {more}".rstrip())
        self.keep(name, numbers)

    def embedding(self, module: Any) -> Rows:
        """Looks the tokens' rows up."""
        table = _numbers("embedding", _attribute(module, "embedding", "weight"))
        vocab, width = _shape(table)
        self.line(f"%x = lookup embed({vocab}, {width})")
        self.keep("embed", table)
        return Rows("x", width)

    def norm(self, module: Any, name: str, x: Rows) -> Rows:
        """An RMSNorm, or a LayerNorm if it has a bias."""
        gain = _numbers(name, _attribute(module, name, "weight"), (x.width,))
        eps = _eps(module)
        bias = getattr(module, "bias", None)
        if bias is None:
            self.line(f"%{name} = rms_norm {name}(%{x.name}) eps={eps!r}")
            self.keep(name, gain)
        else:
            self.line(f"%{name} = layer_norm {name}(%{x.name}) eps={eps!r}")
            self.keep(f"{name}.gamma", gain)
            self.keep(f"{name}.beta", _numbers(name, bias, (x.width,)))
        return Rows(name, x.width)

    def linear(self, module: Any, name: str, x: Rows, out: str | None = None, rows: list[int] | None = None) -> Rows:
        """A ternary product; `rows` are those of the weights to take, if not each once."""
        trits, scale = quantize(_attribute(module, name, "weight"))
        taken: Any = trits.tolist()
        if rows is not None:
            taken = [taken[row] for row in rows]
        height, width = len(taken), _shape(trits)[1]
        if width != x.width:
            raise ArgumentError(f"`{name}`: expected weights of {x.width} columns, found {width}")
        flat = array.array("f", [scale * trit for row in taken for trit in row])
        weights = _cast(flat.tobytes(), "f", (height, width))
        bias = getattr(module, "bias", None)
        target = out or name
        product = target if bias is None else f"{target}.product"
        norm = getattr(module, "norm", None)
        if norm is None:
            self.line(f"%{product} = linear {name}(%{x.name}, {height})")
            self.keep(name, weights)
        else:
            self.line(f"%{product} = bit_linear_away {name}(%{x.name}, {height}) eps={_eps(norm)!r}")
            self.keep(f"{name}.norm.weight", _numbers(f"{name}.norm", norm.weight, (width,)))
            self.keep(f"{name}.weight", weights)
        if bias is not None:
            added = _numbers(f"{name}.bias", bias).tolist()
            self.param(f"{name}.bias", array.array("f", added if rows is None else [added[row] for row in rows]))
            self.line(f"{target}.sum: map y=%{product}[{height}], bias={name}.bias, out=%{target}[{height}] {{ out = y + bias }}")
        return Rows(target, height)

    def add(self, y: Rows, x: Rows) -> None:
        """Adds y to x."""
        self.line(f"residual {y.name}.residual(%{y.name}, %{x.name})")

    def block(self, block: Any, x: Rows) -> None:
        """Adds what a block makes of x to it."""
        for kind, lowering in _LOWERINGS:
            if isinstance(block, kind):
                return lowering(self, block, x)
        if _has(block, "attn", "attn_norm") or _has(block, "mlp", "mlp_norm"):
            return _gated(self, block, x)
        if _has(block, "in_proj", "conv1d", "dt_bias", "A_log", "D", "out_proj"):
            return _mamba2(self, block, x)
        found = type(block).__name__
        raise ArgumentError(
            f"expected a block with the parts of a gated recurrence or of Mamba-2, or one that `lowers` knows, found {found}"
        )


def _gated(r: Recorder, block: Any, x: Rows) -> None:
    """A gated linear recurrence and a gated feed-forward."""
    if _has(block, "attn", "attn_norm"):
        attn = block.attn
        normal = r.norm(block.attn_norm, "attn_norm", x)
        i, f, g = (r.linear(getattr(attn, part), f"attn.{part}", normal) for part in ("i_proj", "f_proj", "g_proj"))
        width = i.width
        if _has(attn, "g_norm"):
            g = r.norm(attn.g_norm, "attn.g_norm", g)
        floor = ""
        forget = "sigmoid(f)"
        if getattr(attn, "lower_bound", None) is not None:
            r.param("attn.lower_bound", attn.lower_bound, (width,))
            floor, forget = ", floor=attn.lower_bound", "floor + (1 - floor) * sigmoid(f)"
        r.line(f"state attn.h: f32[{width}]")
        r.line(
            f"attn: map i=%{i.name}[{width}], f=%{f.name}[{width}], g=%{g.name}[{width}]{floor}, h=attn.h, o=%attn.o[{width}] {{\n"
            f"  k = {forget}\n  h = k * h + silu(i) * (1 - k)\n  o = g * silu(h)\n}}"
        )
        r.add(r.linear(attn.o_proj, "attn.o_proj", Rows("attn.o", width)), x)
    if _has(block, "mlp", "mlp_norm"):
        normal = r.norm(block.mlp_norm, "mlp_norm", x)
        both = r.linear(block.mlp.gate_proj, "mlp.gate_proj", normal)
        width = both.width // 2
        gate, value = both.columns(0, width), both.columns(width, width)
        r.line(f"mlp: map gate={gate.part}, y={value.part}, out=%mlp.out[{width}] {{ out = silu(gate) * y }}")
        r.add(r.linear(block.mlp.down_proj, "mlp.down_proj", Rows("mlp.out", width)), x)


def _mamba2(r: Recorder, block: Any, x: Rows) -> None:
    """A Mamba-2 layer. The heads of a group share B and C: a copy of these rows is recorded for each head."""
    a_log, d = _numbers("A_log", block.A_log), _numbers("D", block.D)
    channels, one, taps = _shape(_numbers("conv1d.weight", block.conv1d.weight))
    heads = len(a_log)
    in_rows = _shape(_view("in_proj", block.in_proj.weight))[0]
    inner = _shape(_view("out_proj", block.out_proj.weight))[1]
    shared = in_rows - 2 * inner - heads
    if channels != inner or one != 1:
        raise ArgumentError(f"`conv1d`: expected a convolution over the {inner} channels of x alone, found {channels} channels")
    groups = int(getattr(block, "ngroups", None) or getattr(block, "n_groups", None) or 1)
    if inner % heads or shared < 2 or shared % (2 * groups) or heads % groups:
        raise ArgumentError(
            f"`in_proj`: expected rows of z, x, B, C and dt: {2 * inner + heads} and a multiple of {2 * groups}, found {in_rows}"
        )
    states = shared // (2 * groups)
    start = [2 * inner + part * groups * states for part in (0, 1)]
    group = [head * groups // heads for head in range(heads)]
    copies = [[first + g * states + n for g in group for n in range(states)] for first in start]
    rows = [*range(2 * inner), *copies[0], *copies[1], *range(in_rows - heads, in_rows)]

    source = r.norm(block.norm, "norm", x) if _has(block, "norm") else x
    p = r.linear(block.in_proj, "in_proj", source, rows=rows)
    width = heads * states
    z, value = p.columns(0, inner), p.columns(inner, inner)
    b, c, dt = p.columns(2 * inner, width), p.columns(2 * inner + width, width), p.columns(2 * inner + 2 * width, heads)
    r.param("conv1d.weight", block.conv1d.weight, (inner, 1, taps), "newest_tap_first")
    bias = getattr(block.conv1d, "bias", None)
    r.param("conv1d.bias", array.array("f", [0.0] * inner) if bias is None else bias, (inner,))
    r.line(f"state conv1d.history: f32[{(taps - 1) * inner}]")
    r.line(f"conv: conv_silu w=conv1d.weight, bias=conv1d.bias, x={value.part}, history=conv1d.history, out=%mixed[{inner}]")
    r.param("dt_bias", block.dt_bias, (heads,))
    r.param("A_log", a_log, (heads,))
    each = d.tolist() if len(d) == inner else [own for own in d.tolist() for _ in range(inner // heads)]
    r.param("D", array.array("f", each), (inner,))
    r.line(f"state ssm.h: f32[{inner * states}]")
    r.line(f"discretize: discretize dt={dt.part}, bias=dt_bias, a_log=A_log, step=%step[{heads}], decay=%decay[{heads}]")
    r.line(
        f"ssm: selective_scan x=%mixed, step=%step, decay=%decay, b={b.part}, c={c.part}, z={z.part}, d=D, state=ssm.h, out=%y[{inner}]"
    )
    r.add(r.linear(block.out_proj, "out_proj", Rows("y", inner)), x)


def _has(module: Any, *names: str) -> bool:
    return all(getattr(module, name, None) is not None for name in names)


def _attribute(module: Any, name: str, attribute: str) -> Any:
    found = getattr(module, attribute, None)
    if found is None:
        raise ArgumentError(f"`{name}`: expected a module with `{attribute}`, found {type(module).__name__}")
    return found


def _eps(norm: Any) -> float:
    for name in ("eps", "variance_epsilon"):
        eps = getattr(norm, name, None)
        if eps is not None:
            return float(eps)
    return NORM_EPS


def _numbers(name: str, tensor: Any, shape: tuple[int, ...] | None = None) -> memoryview[float]:
    """The f32 numbers of a tensor."""
    view = _view(f"`{name}`", tensor)
    found = _shape(view)
    if shape is not None and found != shape:
        raise ArgumentError(f"`{name}`: expected the shape {shape}, found {found}")
    return _cast(view.tobytes() if view.format == "f" else _floats(view).tobytes(), "f", found)
