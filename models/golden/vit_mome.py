#!/usr/bin/env python3
"""Golden numbers for models/golden/vit_mome.mome, from PyTorch in f64 (1.13 or later, CPU).

Writes next to itself: vit_mome.params, .inputs, .expected (predictions, losses, every gradient), .dropout (the same with the
head's dropout at 0.5 and our masks) and .steps (the parameters after ten AdamW steps with decay, groups and clipping), all
safetensors. No tensor is at its zero initialisation. Run it to regenerate: the seed is fixed.

    /usr/bin/python3 models/golden/vit_mome.py
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
from safetensors import save  # noqa: E402

BATCH, CLASSES, FRAMES, SIZE, PATCH, DIM, DEPTH, HEADS = 4, 5, 2, 8, 4, 16, 3, 4
CHANNELS = {"rgb": 3, "depth": 1}
TOKENS = FRAMES * (SIZE // PATCH) ** 2
ALPHA, BETA = 0.01, 1.0
STEPS, LR, DECAY, CLIP = 10, 1e-3, 0.05, 1.0


def make_params(rng):
    shapes = {}
    for name, channels in CHANNELS.items():
        e = f"experts.{name}"
        shapes[f"{e}.patch_embed.weight"] = (DIM, channels, 1, PATCH, PATCH)
        shapes[f"{e}.patch_embed.bias"] = (DIM,)
        shapes[f"{e}.cls_token"] = (1, 1, DIM)
        shapes[f"{e}.pos_embed"] = (1, TOKENS + 1, DIM)
        for i in range(DEPTH):
            b = f"{e}.blocks.{i}"
            for norm in ("norm1", "norm2"):
                shapes[f"{b}.{norm}.weight"] = shapes[f"{b}.{norm}.bias"] = (DIM,)
            for linear, (n, k) in {"attn.qkv": (3 * DIM, DIM), "attn.proj": (DIM, DIM), "fc1": (4 * DIM, DIM), "fc2": (DIM, 4 * DIM)}.items():
                shapes[f"{b}.{linear}.weight"], shapes[f"{b}.{linear}.bias"] = (n, k), (n,)
    shapes["gate.vote.proj.weight"], shapes["gate.vote.proj.bias"] = (2, 2 * DIM), (2,)
    shapes["head.logits.norm.weight"] = shapes["head.logits.norm.bias"] = (DIM,)
    shapes["head.logits.fc.weight"], shapes["head.logits.fc.bias"] = (CLASSES, DIM), (CLASSES,)
    shapes["loss.intra.block_weights.w"] = (DEPTH - 1,)
    params = {}
    for name, shape in shapes.items():
        mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        scale = 0.15 if len(shape) > 1 else 0.1
        # f32 values, so that both sides start from the very same numbers.
        params[name] = torch.tensor((mean + scale * rng.standard_normal(shape)).astype(np.float32)).double()
    return params


def layer_norm(p, name, x):
    return F.layer_norm(x, (x.shape[-1],), p[f"{name}.weight"], p[f"{name}.bias"], 1e-5)


def linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def attention(p, name, x):
    batch, tokens, dim = x.shape
    q, k, v = (t.view(batch, tokens, HEADS, dim // HEADS).transpose(1, 2) for t in linear(p, f"{name}.qkv", x).split(dim, -1))
    weights = (q @ k.transpose(-1, -2) / (dim // HEADS) ** 0.5).softmax(-1)
    return linear(p, f"{name}.proj", (weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


def expert(p, name, x):
    """Class tokens [B, D] and patch tokens [B, N, D] after every block."""
    e = f"experts.{name}"
    x = F.conv3d(x, p[f"{e}.patch_embed.weight"], p[f"{e}.patch_embed.bias"], stride=(1, PATCH, PATCH))
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([p[f"{e}.cls_token"].expand(x.shape[0], 1, DIM), x], 1) + p[f"{e}.pos_embed"]
    cls, st = [], []
    for i in range(DEPTH):
        b = f"{e}.blocks.{i}"
        x = x + attention(p, f"{b}.attn", layer_norm(p, f"{b}.norm1", x))
        h = linear(p, f"{b}.fc1", layer_norm(p, f"{b}.norm2", x))
        x = x + linear(p, f"{b}.fc2", h * torch.sigmoid(1.702 * h))
        cls.append(x[:, 0])
        st.append(x[:, 1:])
    return cls, st


def kl(teacher, student):
    """KL(softmax(teacher) || softmax(student)) over the last axis, mean over the batch."""
    return (teacher.softmax(-1) * (teacher.log_softmax(-1) - student.log_softmax(-1))).sum(-1).mean()


def philox(counter, key):
    """Philox4x32-10 of one counter; the first of its four words (Salmon et al., 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        low, high = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [high >> 32 ^ c[1] ^ k[0], high & 0xFFFFFFFF, low >> 32 ^ c[3] ^ k[1], low & 0xFFFFFFFF]
        k = [k[0] + 0x9E3779B9 & 0xFFFFFFFF, k[1] + 0xBB67AE85 & 0xFFFFFFFF]
    return c[0]


def dropout_mask(path, shape, rate, seed=0, step=1):
    """The mask of the first dropout below `path`: keyed by (seed, step, hash of the path, sample, element)."""
    rng_id = 2166136261
    for byte in f"{path}#0".encode():
        rng_id = (rng_id ^ byte) * 16777619 & 0xFFFFFFFF
    uniform = [[(philox((i, b, step, 0), (seed, rng_id)) >> 8) * 2.0**-24 for i in range(shape[1])] for b in range(shape[0])]
    return torch.tensor(uniform).double().ge(rate).double() / (1 - rate)


def forward(p, inputs, detach_teacher=True, rate=0.0):
    experts = [expert(p, name, inputs[name]) for name in CHANNELS]
    deep = [cls[-1] for cls, _ in experts]
    vote = linear(p, "gate.vote.proj", torch.cat(deep, -1)).softmax(-1)
    z = sum(vote[:, n : n + 1] * c for n, c in enumerate(deep))
    hidden = layer_norm(p, "head.logits.norm", z)
    if rate:
        hidden = hidden * dropout_mask("head.logits", hidden.shape, rate)
    logits = linear(p, "head.logits.fc", hidden)
    weights = (DEPTH - 1) * p["loss.intra.block_weights.w"].softmax(0)
    teacher = (lambda t: t.detach()) if detach_teacher else (lambda t: t)
    intra = [
        weights[l] * (kl(teacher(cls[-1]), cls[l]) + kl(teacher(st[-1]).flatten(1), st[l].flatten(1)))
        for cls, st in experts
        for l in range(DEPTH - 1)
    ]
    inter = [F.mse_loss(a, b) for a in deep for b in deep if a is not b]
    losses = {
        "cls": F.cross_entropy(logits, inputs["y"].long()),
        "intra": sum(intra) / len(intra),
        "inter": sum(inter) / len(inter),
    }
    return {"vote": vote, "z": z, "logits": logits}, losses


def objective(losses):
    return losses["cls"] + ALPHA * losses["intra"] + BETA * losses["inter"]


def main():
    rng = np.random.default_rng(20260405)
    params = make_params(rng)
    inputs = {
        name: torch.tensor(rng.standard_normal((BATCH, c, FRAMES, SIZE, SIZE)).astype(np.float32)).double()
        for name, c in CHANNELS.items()
    }
    inputs["y"] = torch.tensor(rng.integers(0, CLASSES, BATCH).astype(np.int32))

    def gradients(**options):
        p = {name: value.clone().requires_grad_() for name, value in params.items()}
        outputs, losses = forward(p, inputs, **options)
        objective(losses).backward()
        found = {name: value.detach() for name, value in outputs.items()}
        found |= {f"loss.{name}": value.detach() for name, value in losses.items()}
        return found | {f"grad.{name}": value.grad for name, value in p.items()}, losses

    expected, losses = gradients()

    p = {name: value.clone().requires_grad_() for name, value in params.items()}
    optimizer = torch.optim.AdamW(
        [
            {"params": [v for v in p.values() if v.dim() >= 2], "weight_decay": DECAY},
            {"params": [v for v in p.values() if v.dim() < 2], "weight_decay": 0.0},
        ],
        lr=LR,
    )
    for _ in range(STEPS):
        optimizer.zero_grad()
        objective(forward(p, inputs)[1]).backward()
        torch.nn.utils.clip_grad_norm_(p.values(), CLIP)
        optimizer.step()

    def dump(suffix, tensors):
        save(os.path.join(HERE, f"vit_mome.{suffix}.safetensors"), {name: value.detach().numpy() for name, value in tensors.items()})

    dump("params", {name: value.float() for name, value in params.items()})
    dump("inputs", {name: value.float() if value.is_floating_point() else value for name, value in inputs.items()})
    dump("expected", expected)
    dump("dropout", gradients(rate=0.5)[0])
    dump("steps", {f"param.{name}": value for name, value in p.items()})
    print({name: float(value) for name, value in losses.items()}, "parameters:", sum(v.numel() for v in params.values()))


if __name__ == "__main__":
    main()
