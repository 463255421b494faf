"""Two small language models in PyTorch, as researchers write them, and how they become model files.

    pip install atome torch
    python torch_export.py matmul-free model.safetensors        # or mamba2
    atome run model.safetensors -p "Once"

The weights are random here; train them first, by these very modules: what they compute is what runs afterwards.
"""

import sys

import torch
import torch.nn.functional as F
from torch import nn

from atome.export import export


def ternary(w: torch.Tensor) -> torch.Tensor:
    """-1, 0 and +1 times the mean of the absolute values; the gradient passes as if nothing were rounded."""
    scale = w.detach().double().abs().mean().to(w.dtype)
    rounded = (w / scale).clamp(-1, 1).round() * scale
    return w + (rounded - w).detach()


def int8(x: torch.Tensor) -> torch.Tensor:
    """Rounded to 255 steps of the greatest absolute value of a token."""
    scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-5) / 127
    rounded = (x / scale).round().clamp(-128, 127) * scale
    return x + (rounded - x).detach()


class BitLinear(nn.Linear):
    """Ternary weights by int8 activations, which a norm makes alike."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, bias=False)
        self.norm = nn.RMSNorm(inputs, eps=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(int8(self.norm(x)), ternary(self.weight))


class Recurrence(nn.Module):
    """A gated linear recurrence, a state a channel."""

    def __init__(self, width: int):
        super().__init__()
        self.i_proj, self.f_proj, self.g_proj, self.o_proj = (BitLinear(width, width) for _ in range(4))
        self.g_norm = nn.RMSNorm(width, eps=1e-6)
        self.lower_bound = nn.Parameter(torch.rand(width) * 0.9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        keep = self.lower_bound + (1 - self.lower_bound) * torch.sigmoid(self.f_proj(x))
        new = F.silu(self.i_proj(x)) * (1 - keep)
        h, states = torch.zeros_like(new[:, 0]), []
        for t in range(x.shape[1]):
            h = keep[:, t] * h + new[:, t]
            states.append(h)
        return self.o_proj(self.g_norm(self.g_proj(x)) * F.silu(torch.stack(states, 1)))


class FeedForward(nn.Module):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.gate_proj, self.down_proj = BitLinear(width, 2 * inner), BitLinear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, y = self.gate_proj(x).chunk(2, -1)
        return self.down_proj(F.silu(gate) * y)


class MatMulFree(nn.Module):
    """A block as MatMul-free LM has them."""

    def __init__(self, width: int):
        super().__init__()
        self.attn_norm, self.mlp_norm = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        self.attn, self.mlp = Recurrence(width), FeedForward(width, 2 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.attn_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class Mamba2(nn.Module):
    """A layer like Mamba-2's: heads with a decay each, states that the heads of a group read and write alike."""

    def __init__(self, width: int, heads: int = 4, states: int = 8, groups: int = 2, taps: int = 4):
        super().__init__()
        self.inner, self.heads, self.states, self.ngroups = 2 * width, heads, states, groups
        self.in_proj = BitLinear(width, 2 * self.inner + 2 * groups * states + heads)
        self.conv1d = nn.Conv1d(self.inner, self.inner, taps, groups=self.inner, padding=taps - 1)
        self.dt_bias = nn.Parameter(torch.empty(heads).uniform_(-4, -1))
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(0, 2.5))
        self.D = nn.Parameter(torch.empty(heads).uniform_(0.8, 1.2))
        self.out_proj = BitLinear(self.inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, _ = x.shape
        shared = self.ngroups * self.states
        z, u, b, c, dt = self.in_proj(x).split([self.inner, self.inner, shared, shared, self.heads], -1)
        u = F.silu(self.conv1d(u.transpose(1, 2))[..., :tokens].transpose(1, 2))
        u = u.reshape(batch, tokens, self.heads, -1)
        per_head = lambda part: part.reshape(batch, tokens, self.ngroups, 1, -1).expand(-1, -1, -1, self.heads // self.ngroups, -1).flatten(2, 3)
        b, c = per_head(b), per_head(c)
        step = F.softplus(dt + self.dt_bias)
        decay = torch.exp(-torch.exp(self.A_log) * step)
        h, outs = x.new_zeros(batch, self.heads, self.states, u.shape[-1]), []
        for t in range(tokens):
            new = (b[:, t] * step[:, t, :, None])[..., None] * u[:, t, :, None]
            h = h * decay[:, t, :, None, None] + new
            outs.append((h * c[:, t, ..., None]).sum(2) + self.D[:, None] * u[:, t])
        y = torch.stack(outs, 1).flatten(2) * F.silu(z)
        return x + self.out_proj(y)


class Model(nn.Module):
    def __init__(self, block, width: int = 64, layers: int = 2, vocab: int = 256):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.blocks = nn.ModuleList(block(width) for _ in range(layers))
        self.norm, self.head = nn.RMSNorm(width, eps=1e-6), BitLinear(width, vocab)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    def export(self):
        return export([self.embedding, *self.blocks, self.norm, self.head])


BLOCKS = {"matmul-free": MatMulFree, "mamba2": Mamba2}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in BLOCKS:
        sys.exit(__doc__)
    torch.manual_seed(1)
    print(Model(BLOCKS[sys.argv[1]]).export().pack(sys.argv[2]))
