"""The native part of the package."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, TypedDict, TypeVar, final, overload

from typing_extensions import Self, Unpack

Backend = Literal["auto", "jit", "aot", "interp"]
Cpu = Literal["x86-64-v2", "x86-64-v3", "x86-64-v4"]
Text = str | bytes
Piece = TypeVar("Piece", str, int)

VERSION: str

class Options(TypedDict, total=False):
    """How a model is loaded. Logits depend on `activations`, `cache_type` and a full `context` alone."""

    #: The file of the dimensions, where the model's format has none.
    config: str | os.PathLike[str] | None
    #: What runs the model: `auto` (ahead-of-time kernels at once, machine code when it is made), `jit`, `aot`, `interp`.
    backend: Backend
    #: CPU tier; by default the best that this machine has.
    cpu: Cpu | str | None
    #: Threads that share a product; chosen by the model's size.
    threads: int | None
    #: Sessions that may be open at the same time (64), those of running calls too.
    sessions: int
    #: Tokens of a prompt that run at once (32).
    block: int
    no_multiply: bool
    activations: Literal["f32", "int8"] | None
    packing: Literal["int2", "base3"] | None
    context: int | None
    #: What attention by heads keeps keys and values in; f16 rounds them.
    cache_type: Literal["f32", "f16"] | None
    #: Whether expressions that follow each other run as one.
    fuse: bool
    #: Whether what `atome tune` found is used.
    tune: bool
    huge_pages: bool

class Sampling(TypedDict, total=False):
    """How tokens are chosen. What is not given is as the model is published with, else as `atome run` has it."""

    greedy: bool
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    frequency_penalty: float
    presence_penalty: float
    #: Starts the random sequence: the same seed gives the same tokens, on every machine.
    seed: int
    #: What is added to the logits of tokens; -inf bans one.
    logit_bias: Mapping[int, float]

class Generation(Sampling, total=False):
    """How a prompt is continued."""

    #: Most tokens (200).
    n: int
    #: Texts that end it, and are no part of it.
    stop: str | Sequence[str]
    #: Whether it goes on where the model ends the text.
    ignore_eos: bool

class TensorReport(TypedDict):
    dtype: str
    error: float | None

class Report(TypedDict):
    bytes: int
    packing: str
    parameters: int
    tensors: dict[str, TensorReport]

@final
class Model:
    """A loaded model, which any number of threads may use at once."""

    def __new__(cls, path: str | os.PathLike[str], **options: Unpack[Options]) -> Self: ...
    @staticmethod
    def default(**options: Unpack[Options]) -> Model: ...
    @staticmethod
    def from_bytes(data: bytes, **options: Unpack[Options]) -> Model: ...
    @property
    def path(self) -> os.PathLike[str] | None: ...
    @property
    def options(self) -> dict[str, Any]: ...
    @property
    def vocab(self) -> int: ...
    @property
    def classes(self) -> list[str] | None: ...
    @property
    def ends(self) -> list[int]: ...
    @property
    def graph(self) -> str: ...
    @property
    def info(self) -> dict[str, Any]: ...
    @property
    def fingerprint(self) -> str: ...
    def tokenize(self, text: Text, *, special: bool = False, begins: bool = False) -> list[int]: ...
    def detokenize(self, tokens: Iterable[int]) -> str: ...
    # Bytes are whole numbers to iterate over, but text here: the first signature goes before the second.
    @overload
    def generate(self, prompt: Text, **settings: Unpack[Generation]) -> str: ...  # type: ignore[overload-overlap]
    @overload
    def generate(self, prompt: Iterable[int], **settings: Unpack[Generation]) -> list[int]: ...
    @overload
    def stream(self, prompt: Text, **settings: Unpack[Generation]) -> Stream[str]: ...  # type: ignore[overload-overlap]
    @overload
    def stream(self, prompt: Iterable[int], **settings: Unpack[Generation]) -> Stream[int]: ...
    def logits(self, prompt: Text | Iterable[int]) -> memoryview[float]: ...
    def classify(self, prompt: Text | Iterable[int]) -> Verdict: ...
    def session(self) -> Session: ...
    def step_batch(self, sessions: Sequence[Session], tokens: Iterable[int]) -> None: ...
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]: ...

@final
class Session:
    """A sequence of tokens over a model: what it remembers, and the logits that follow."""

    @property
    def model(self) -> Model: ...
    @property
    def position(self) -> int: ...
    def prefill(self, prompt: Text | Iterable[int]) -> None: ...
    def step(self, token: int) -> None: ...
    def logits(self) -> memoryview[float]: ...
    def argmax(self) -> int: ...
    def states(self) -> dict[str, memoryview[float]]: ...
    def save(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...
    def fork(self) -> Session: ...
    def reset(self) -> None: ...

@final
class Sampler:
    """Chooses tokens for sessions of a model, and holds the random sequence."""

    def __new__(cls, model: Model, **settings: Unpack[Sampling]) -> Self: ...
    def sample(self, session: Session) -> int: ...
    def saw(self, tokens: Iterable[int]) -> None: ...
    def restart(self) -> None: ...

@final
class Stream(Generic[Piece], Iterator[Piece]):
    """What follows a prompt: an iterator of pieces of text, or of token ids."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> Piece: ...

@final
class Verdict:
    """Which class a text is of, and how sure that is."""

    @property
    def label(self) -> str | None: ...
    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def probability(self) -> float: ...
    @property
    def margin(self) -> float: ...
    @property
    def entropy(self) -> float: ...
    @property
    def router_entropy(self) -> float | None: ...
    @property
    def probabilities(self) -> list[float]: ...
    def top(self, most: int = 5) -> list[tuple[int, float]]: ...

def pack(weights: bytes | str | os.PathLike[str], out: str, **options: Any) -> Report: ...
def quantize(bytes: bytes, rows: int, cols: int, scale: float | None = None) -> tuple[memoryview[int], float]: ...
