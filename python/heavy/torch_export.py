"""Models of examples/torch_export.py with random weights: PyTorch's logits are those of the exported models. Needs the package and `torch`.

    python python/heavy/torch_export.py

PyTorch computes in f64 here. Of products of f32 activations the logits are within 1e-5 of the greatest. Of int8 activations too, but where one is so near to a
half between two numbers (1e-5 of one) that f32 and f64 may round it to different ones: a logit may be 0.3 away then, as the tests of the families
have it.
"""

import importlib.util
import pathlib
import sys
import tempfile

import torch
from torch import nn

import atome

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/torch_export.py"
spec = importlib.util.spec_from_file_location("example", EXAMPLE)
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)

#: The least distance to a half between two int8 activations of a model's run.
nearest = 0.5
int8 = example.int8


def watched(x: torch.Tensor) -> torch.Tensor:
    global nearest
    scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-5) / 127
    codes = x / scale
    distance = ((codes - codes.floor()) - 0.5).abs().min().item()
    nearest = min(nearest, distance)
    return int8(x)


class Floats(example.BitLinear):
    """The same of f32 activations: a norm that is none of its own."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs)
        del self.norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, example.ternary(self.weight))


def random_model(block: type, seed: int, width: int) -> nn.Module:
    torch.manual_seed(seed)
    model = example.Model(block, width=width)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.RMSNorm):
                module.weight.uniform_(0.8, 1.2)
    return model


def difference(model: nn.Module, seed: int, out: pathlib.Path) -> tuple[float, float]:
    """The greatest difference of a logit, and the greatest logit, after each of some tokens."""
    model.export().pack(out)
    packed = atome.Model(out)
    ids = torch.randint(0, 256, (1, 24), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        expected = model.double()(ids)[0]
    session, worst = packed.session(), 0.0
    for token, row in zip(ids[0].tolist(), expected):
        session.step(token)
        found = torch.tensor(session.logits().tolist(), dtype=torch.float64)
        worst = max(worst, (found - row).abs().max().item())
    return worst, expected.abs().max().item()


def main() -> None:
    global nearest
    example.int8 = watched
    own, failed = example.BitLinear, False
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "model.safetensors"
        for name, block in example.BLOCKS.items():
            for kind, linear in (("int8", own), ("f32", Floats)):
                example.BitLinear = linear
                for seed in range(6):
                    nearest = 0.5
                    model = random_model(block, seed, width=(48, 64, 80)[seed % 3])
                    found, greatest = difference(model, seed, out)
                    bound = 1e-5 * greatest if kind == "f32" else (1e-4 if nearest > 1e-5 else 0.3)
                    verdict = "" if found <= bound else ": too far"
                    failed |= found > bound
                    print(f"{name} {kind} seed {seed}: {found:.1e} of {greatest:.1f}, expected {bound:.1e} (nearest half {nearest:.0e}){verdict}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
