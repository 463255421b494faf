"""Float weights to ternary ones, and to model files.

Arrays are anything that has the buffer protocol (NumPy, `array.array`, `memoryview`), or a method `numpy()`, as tensors of
PyTorch have. NumPy is not needed.
"""

from __future__ import annotations

import array
import json
import os
import struct
import sys
from typing import TYPE_CHECKING, Any, Literal, Mapping, NamedTuple, Union

from . import _atome
from .errors import ArgumentError

if TYPE_CHECKING:
    from ._atome import Report

__all__ = ["Ternary", "encode", "pack", "quantize"]

Scale = Union[float, Literal["absmean", "exact"]]

#: Types of safetensors for the formats that go into it as they are.
_AS_THEY_ARE = {"f": "F32", "e": "F16"}
#: Formats whose numbers are made f32.
_OTHERS = frozenset("dbBhHiIlLqQ?")


class Ternary(NamedTuple):
    """A matrix of -1, 0 and +1, and what they are multiplied by."""

    #: int8, shape (rows, cols).
    trits: memoryview[int]
    scale: float


def pack(
    weights: Mapping[str, Any] | bytes | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    graph: str | None = None,
    scale: Scale | None = None,
    packing: Literal["int2", "base3"] | None = None,
    embedding: Literal["f32", "f16", "int8", "int2", "base3"] | None = None,
    config: str | os.PathLike[str] | None = None,
    top_k: int | None = None,
    max_seq: int | None = None,
    provenance: str | None = None,
    force: bool = False,
) -> Report:
    """Packs weights into a model file, and proves that every number of it is the source's.

    `weights` are arrays by name, a safetensors file of them (its path, or its bytes), a directory as model hubs have them, or a
    model file of any other format. `out` ends in .safetensors or .gguf; it is written whole or not at all, and only over
    a file that was packed before, unless `force`.

    `graph` is the text of the model's graph, whose parameters the weights are; without one they are of the Atome family.
    `scale` is how floats become trits: `absmean` (the default) by the mean of the absolute values of each tensor, `exact` for
    tensors that are ternary already, or a number for all. The other keywords are those of `atome pack`.

    Returns bytes, parameters, and for each tensor of a file of floats what share of its length rounding lost (`error`).
    """
    source = encode(weights) if isinstance(weights, Mapping) else weights
    return _atome.pack(
        source,
        os.fspath(out),
        graph=graph,
        scale=scale,
        packing=packing,
        embedding=embedding,
        config=config,
        top_k=top_k,
        max_seq=max_seq,
        provenance=provenance,
        force=force,
    )


def quantize(matrix: Any, scale: float | None = None) -> Ternary:
    """The trits of a matrix of floats: `round(clip(w / scale, -1, 1))`, a half to even.

    Without a scale it is the mean of the absolute values. Every number has to be finite.
    """
    view = _view("the matrix", matrix)
    shape = _shape(view)
    if len(shape) != 2:
        raise ArgumentError(f"expected a matrix, found an array of shape {' x '.join(map(str, shape)) or '()'}")
    rows, cols = shape
    numbers = view.tobytes() if view.format == "f" else _floats(view).tobytes()
    trits, scale = _atome.quantize(numbers, rows, cols, scale)
    return Ternary(trits, scale)


def encode(tensors: Mapping[str, Any]) -> bytes:
    """The bytes of a safetensors file of arrays by name: f32 and f16 as they are, other numbers as f32."""
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    end = 0
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise ArgumentError(f"expected names of tensors, found {name!r}")
        view = _view(f"`{name}`", tensor)
        kind = _AS_THEY_ARE.get(view.format)
        part = view.tobytes() if kind else _floats(view).tobytes()
        if sys.byteorder == "big":
            part = _swapped(part, 2 if kind == "F16" else 4)
        start, end = end, end + len(part)
        header[name] = {"dtype": kind or "F32", "shape": list(_shape(view)), "data_offsets": [start, end]}
        parts.append(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def _view(name: str, tensor: Any) -> memoryview[Any]:
    """The numbers of an array, wherever they are."""
    # PyTorch: without the gradient, in this machine's memory, in a type that others know.
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        if str(tensor.dtype) == "torch.bfloat16":
            tensor = tensor.float()
    if hasattr(tensor, "numpy"):
        tensor = tensor.numpy()
    try:
        view = memoryview(tensor)
    except (TypeError, ValueError, BufferError) as cause:
        raise ArgumentError(f"{name}: expected an array of numbers, found {type(tensor).__name__}: {cause}") from None
    kind = view.format.lstrip("@=<" if sys.byteorder == "little" else "@=>")
    if kind not in _AS_THEY_ARE and kind not in _OTHERS:
        raise ArgumentError(f"{name}: expected an array of floats or whole numbers, found the format {view.format!r}")
    if kind != view.format:
        view = _cast(view.tobytes(), kind, _shape(view))
    return view


def _cast(numbers: bytes, kind: str, shape: tuple[int, ...] | None = None) -> memoryview[Any]:
    """Numbers of a format, in a shape or one after the other."""
    view: Any = memoryview(numbers)
    found: memoryview[Any] = view.cast(kind) if shape is None else view.cast(kind, shape)
    return found


def _shape(view: memoryview[Any]) -> tuple[int, ...]:
    return view.shape or ()


def _floats(view: memoryview[Any]) -> array.array[float]:
    """Numbers of another type as f32, row by row."""
    if 0 in _shape(view):
        return array.array("f")
    # Of halves `memoryview` knows no cast.
    kind = view.format
    flat: Any = struct.unpack(f"{view.nbytes // 2}e", view.tobytes()) if kind == "e" else _cast(view.tobytes(), kind)
    try:
        return array.array("f", flat)
    except OverflowError:
        raise ArgumentError("expected numbers that f32 has, found one beyond") from None


def _swapped(numbers: bytes, size: int) -> bytes:
    swapped = array.array("H" if size == 2 else "I", numbers)
    swapped.byteswap()
    return swapped.tobytes()

