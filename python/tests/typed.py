"""What a type checker must accept, and what it must refuse: mypy --strict reads this, nobody runs it."""

import array
from collections.abc import Iterator

import atome
from atome.export import Exported, Recorder, Rows, export, lowers

model: atome.Model = atome.Model("model.safetensors", threads=2, backend="aot", config=None)
text: str = model.generate("prompt", n=3, seed=7, stop=["."], logit_bias={13: -1.5})
ids: list[int] = model.generate([1, 2, 3], greedy=True)
pieces: Iterator[str] = model.stream(b"prompt", temperature=0.5)
tokens: Iterator[int] = model.stream(range(3))
best: float = max(model.logits("x"))
session: atome.Session = model.session()
state: bytes = session.save()
model.step_batch([session, session.fork()], [1, 2])
following: int = atome.Sampler(model, top_k=40).sample(session)
names: list[str] | None = model.classes
label: str | None = model.classify("x").label
lost: float | None = atome.pack({"w": array.array("f")}, "out.gguf", packing="int2")["tensors"]["w"]["error"]
trits, scale = atome.quantize(array.array("f"))
exported: Exported = export([])


class Own:
    pass


@lowers(Own)
def own(r: Recorder, block: Own, x: Rows) -> None:
    r.add(x, x)


model.generate("prompt", tokens=3)  # type: ignore[call-overload]
model.step("x")  # type: ignore[attr-defined]
atome.Model("model.safetensors", backend="gpu")  # type: ignore[arg-type]
wrong: int = model.generate("prompt")  # type: ignore[assignment]
