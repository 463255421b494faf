"""Ternary (1.58-bit) state-space language models on a CPU: the same logits, bit for bit, on every machine.

    import atome

    model = atome.Model("model.safetensors")        # or atome.Model.default()
    print(model.generate("Once upon a time", n=100, seed=7))
"""

from ._atome import VERSION as __version__
from ._atome import Model, Sampler, Session, Stream, Verdict
from .errors import ArgumentError, Error, FileError, PrepareError, RunError, TokenizerError
from .weights import Ternary, pack, quantize

__all__ = [
    "ArgumentError",
    "Error",
    "FileError",
    "Model",
    "PrepareError",
    "RunError",
    "Sampler",
    "Session",
    "Stream",
    "Ternary",
    "TokenizerError",
    "Verdict",
    "__version__",
    "pack",
    "quantize",
]
