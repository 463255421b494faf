"""Trains the model of gated.graph on a text and writes its float weights: python3 train.py TEXT OUT.safetensors

Needs numpy. Every matrix is rounded to -1, 0, 1 times its mean magnitude in the forward pass, as `atome pack` rounds it, and
gradients go to the float weights as if it were not.
"""
import json, struct, sys
import numpy as np

VOCAB, D, LAYERS = 256, 128, 2
T, B, STEPS, RATE = 64, 32, 1000, 3e-3
rng = np.random.default_rng(0)

P = {"embed": rng.normal(0, 1, (VOCAB, D)), "unembed": rng.normal(0, D**-0.5, (VOCAB, D)), "norm_f": np.ones(D)}
for i in range(LAYERS):
    P |= {f"layers.{i}.{name}": rng.normal(0, D**-0.5, (D, D)) for name in ("forget", "input", "gate", "out")}
    P |= {f"layers.{i}.norm": np.ones(D), f"layers.{i}.floor": np.linspace(0, 0.9, D)}
is_ternary = lambda name: P[name].ndim == 2
sigmoid = lambda x: 1 / (1 + np.exp(-x))


def ternary(w):
    scale = np.abs(w).mean()
    return np.clip(np.rint(w / scale), -1, 1) * scale


def norm(x, gain):
    root = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
    return x * root * gain, (x, root, gain)


def norm_back(d, saved):
    x, root, gain = saved
    inner = d * gain
    return inner * root - x * root**3 * (inner * x).mean(-1, keepdims=True), (d * x * root).sum((0, 1))


def loss_and_gradients(ids, targets):
    W = {name: ternary(w) if is_ternary(name) else w for name, w in P.items()}
    x, layers, G = W["embed"][ids], [], {}
    for i in range(LAYERS):
        w = lambda name: W[f"layers.{i}.{name}"]
        n, saved = norm(x, w("norm"))
        f, u, g = (n @ w(name).T for name in ("forget", "input", "gate"))
        s, open_ = sigmoid(f), sigmoid(g)
        k = w("floor") + (1 - w("floor")) * s
        h = np.zeros((B, T + 1, D))
        for t in range(T):
            h[:, t + 1] = k[:, t] * h[:, t] + u[:, t] * (1 - k[:, t])
        y = h[:, 1:] * g * open_
        x = x + y @ w("out").T
        layers.append((n, saved, u, g, s, open_, k, h, y))
    n, saved = norm(x, W["norm_f"])
    logits = n @ W["unembed"].T
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    loss = -np.log2(np.take_along_axis(p, targets[..., None], -1)).mean()

    p[np.arange(B)[:, None], np.arange(T), targets] -= 1
    d = p / (B * T)
    product = lambda d, x: np.einsum("btr,btc->rc", d, x)
    G["unembed"] = product(d, n)
    dx, G["norm_f"] = norm_back(d @ W["unembed"], saved)
    for i in reversed(range(LAYERS)):
        w = lambda name: W[f"layers.{i}.{name}"]
        n, saved, u, g, s, open_, k, h, y = layers[i]
        G[f"layers.{i}.out"], dy = product(dx, y), dx @ w("out")
        dg = dy * h[:, 1:] * (open_ + g * open_ * (1 - open_))
        dh, dk, du, carry = dy * g * open_, np.empty_like(k), np.empty_like(u), 0
        for t in reversed(range(T)):
            now = dh[:, t] + carry
            dk[:, t], du[:, t], carry = now * (h[:, t] - u[:, t]), now * (1 - k[:, t]), now * k[:, t]
        G[f"layers.{i}.floor"] = (dk * (1 - s)).sum((0, 1))
        df, dn = dk * (1 - w("floor")) * s * (1 - s), 0
        for name, part in (("forget", df), ("input", du), ("gate", dg)):
            G[f"layers.{i}.{name}"], dn = product(part, n), dn + part @ w(name)
        back, G[f"layers.{i}.norm"] = norm_back(dn, saved)
        dx = dx + back
    G["embed"] = np.zeros_like(P["embed"])
    np.add.at(G["embed"], ids, dx)
    return loss, G


def main(text, out):
    data = np.frombuffer(open(text, "rb").read(), np.uint8).astype(np.int64)
    mean, square = ({name: np.zeros_like(w) for name, w in P.items()} for _ in range(2))
    for step in range(1, STEPS + 1):
        at = rng.integers(0, len(data) - T, B)[:, None] + np.arange(T)
        loss, G = loss_and_gradients(data[at], data[at + 1])
        for name, g in G.items():
            mean[name] += 0.1 * (g - mean[name])
            square[name] += 0.01 * (g * g - square[name])
            P[name] -= RATE * (1 - step / STEPS) * mean[name] / (np.sqrt(square[name]) + 1e-9)
        if step % 100 == 0:
            print(f"step {step}: {loss:.2f} bits a byte", file=sys.stderr)
    header, body = {}, b""
    for name, w in P.items():
        raw = w.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(w.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(out, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + body)


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
