#!/usr/bin/env python3
"""UniFormerV2 and its mixture in PyTorch (f64), apart from ours: goldens for models/golden/uniformer*.mome and models/mome_htl.mome.

    uniformer.py                     writes uniformer.CASE.expected.safetensors next to itself (needs PyTorch 1.13 or later)
    uniformer.py inputs CASE FOLDER  writes FOLDER/params and FOLDER/inputs.safetensors of a case (numpy alone)
    uniformer.py check CASE FOLDER   the same, and FOLDER/expected.safetensors: for cases too large to keep (needs PyTorch)

Parameters and inputs are a hash of their names, so only the results are kept: predictions, losses, gradients (rounded to f32),
and what batch norm remembers. `predicted` holds the logits of evaluation. No tensor is at its zero initialisation.
"""
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
from safetensors import save  # noqa: E402

TINY, MICRO, BASE = (32, 4, 4, 8, 2), (16, 3, 2, 8, 1), (768, 12, 12, 16, 4)
RGB, TWO, THREE = {"rgb": 3}, {"rgb": 3, "depth": 1}, {"rgb": 3, "ir": 3, "depth": 3}


class Case:
    """One model: its backbone, its modalities, and the knobs of its losses."""

    def __init__(self, sizes=TINY, modalities=RGB, local=False, downsample=False, htl=False, weights="softmax", detach=True,
                 reduction="mean", rate=0.0, batch=2, classes=5, frames=4, size=32):
        self.__dict__.update({name: value for name, value in locals().items() if name != "self"})
        self.dim, self.depth, self.heads, self.patch, self.globals = sizes
        self.time = frames // 2 if downsample else frames
        self.side = size // self.patch


CASES = {
    "tiny": Case(),
    "local": Case(local=True),
    "down": Case(local=True, downsample=True),
    "htl": Case(modalities=THREE, htl=True, rate=0.5),
    "literal": Case(MICRO, TWO, htl=True, weights="literal", detach=False, reduction="sum"),
    "fixed": Case(MICRO, TWO, htl=True, weights="fixed", reduction="sum"),
    "attached": Case(MICRO, TWO, htl=True, detach=False),
    "base": Case(BASE, batch=1, classes=34, frames=8, size=224),
}


# === Names and numbers


def numbers(name, shape):
    """Uniform in (-1, 1): SplitMix64 over a hash of the name and the position. The same everywhere."""
    seed = np.uint64(14695981039346656037)
    with np.errstate(over="ignore"):
        for byte in name.encode():
            seed = (seed ^ np.uint64(byte)) * np.uint64(1099511628211)
        z = seed + np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z = z ^ z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1).astype(np.float32).reshape(shape)


def block_shapes(b, d, hidden):
    for norm in ("ln_1", "ln_2"):
        yield f"{b}.{norm}.weight", (d,)
        yield f"{b}.{norm}.bias", (d,)
    yield f"{b}.attn.in_proj_weight", (3 * d, d)
    yield f"{b}.attn.in_proj_bias", (3 * d,)
    yield f"{b}.attn.out_proj.weight", (d, d)
    yield f"{b}.attn.out_proj.bias", (d,)
    yield f"{b}.mlp.c_fc.weight", (hidden, d)
    yield f"{b}.mlp.c_fc.bias", (hidden,)
    yield f"{b}.mlp.c_proj.weight", (d, hidden)
    yield f"{b}.mlp.c_proj.bias", (d,)


def backbone_shapes(case, e, channels):
    d, n = case.dim, int(case.dim // 1.5)
    yield f"{e}.conv1.weight", (d, channels, 3 if case.downsample else 1, case.patch, case.patch)
    yield f"{e}.class_embedding", (d,)
    yield f"{e}.positional_embedding", (case.side**2 + 1, d)
    yield f"{e}.ln_pre.weight", (d,)
    yield f"{e}.ln_pre.bias", (d,)
    yield f"{e}.transformer.temporal_cls_token", (1, 1, d)
    yield f"{e}.transformer.balance", (d,)
    for i in range(case.depth):
        b = f"{e}.transformer.resblocks.{i}"
        yield from block_shapes(b, d, 4 * d)
        for m in ("lmhra1", "lmhra2") if case.local else ():
            p = f"{b}.{m}.pos_embed"
            for leaf in ("weight", "bias", "running_mean", "running_var"):
                yield f"{p}.0.{leaf}", (d,)
            for k, shape in ((1, (n, d, 1, 1, 1)), (2, (n, 1, 3, 1, 1)), (3, (d, n, 1, 1, 1))):
                yield f"{p}.{k}.weight", shape
                yield f"{p}.{k}.bias", shape[:1]
    for j in range(case.globals):
        yield f"{e}.transformer.dpe.{j}.weight", (d, 1, 3, 3, 3)
        yield f"{e}.transformer.dpe.{j}.bias", (d,)
        yield from block_shapes(f"{e}.transformer.dec.{j}", d, 4 * d)
        yield f"{e}.transformer.dec.{j}.ln_3.weight", (d,)
        yield f"{e}.transformer.dec.{j}.ln_3.bias", (d,)


def shapes(case):
    for name, channels in case.modalities.items():
        yield from backbone_shapes(case, f"experts.{name}", channels)
    if len(case.modalities) > 1:
        yield "gate.vote.proj.weight", (len(case.modalities), len(case.modalities) * case.dim)
        yield "gate.vote.proj.bias", (len(case.modalities),)
    yield "head.logits.norm.weight", (case.dim,)
    yield "head.logits.norm.bias", (case.dim,)
    yield "head.logits.fc.weight", (case.classes, case.dim)
    yield "head.logits.fc.bias", (case.classes,)
    if case.htl and case.weights != "fixed":
        yield "loss.intra.block_weights.w", (case.depth - 1,)


def parameters(case):
    result = {}
    for name, shape in shapes(case):
        owner, leaf = name.rsplit(".", 2)[-2:]
        norm = leaf == "running_var" or (leaf == "weight" and (owner.startswith(("ln_", "norm")) or ".pos_embed.0." in name))
        fan = int(np.prod(shape[1:])) if len(shape) > 1 and leaf != "temporal_cls_token" else 0
        scale = 0.2 if norm else (3 / fan) ** 0.5 if fan and "embedding" not in name else 0.3
        base = 1 if norm or name.endswith("block_weights.w") else 0
        result[name] = np.float32(base) + np.float32(scale) * numbers(name, shape)
    return result


def inputs(case):
    shape = (case.batch, None, case.frames, case.size, case.size)
    result = {name: np.float32(2) * numbers("input." + name, shape[:1] + (c,) + shape[2:]) for name, c in case.modalities.items()}
    result["y"] = np.arange(3, 3 + case.batch, dtype=np.int32) % case.classes
    return result


# === The model, as its authors compute it


def layer_norm(p, name, x):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], 1e-5)


def linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def attention(case, p, a, x, y):
    """Queries of x over keys and values of y, both [batch, tokens, D]."""
    (wq, wk, wv), (bq, bk, bv) = p[f"{a}.in_proj_weight"].chunk(3), p[f"{a}.in_proj_bias"].chunk(3)
    q, k, v = (t.unflatten(-1, (case.heads, case.dim // case.heads)).transpose(1, 2)
               for t in (F.linear(x, wq, bq), F.linear(y, wk, bk), F.linear(y, wv, bv)))
    weights = (q @ k.transpose(-1, -2) / (case.dim // case.heads) ** 0.5).softmax(-1)
    return linear(p, f"{a}.out_proj", (weights @ v).transpose(1, 2).flatten(2))


def dropout(path, x, rate):
    """By our mask of step 1, seed 0: Philox4x32-10 keyed by the path, counted by (element, sample, step)."""
    if not rate:
        return x
    rng_id = 2166136261
    for byte in f"{path}#0".encode():
        rng_id = (rng_id ^ byte) * 16777619 & 0xFFFFFFFF
    count, low = x[0].numel(), np.uint64(0xFFFFFFFF)
    index = np.arange(x.numel(), dtype=np.uint64)
    c = [index % np.uint64(count), index // np.uint64(count), np.full_like(index, 1), np.zeros_like(index)]
    k = [0, rng_id]
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [b >> np.uint64(32) ^ c[1] ^ np.uint64(k[0]), b & low, a >> np.uint64(32) ^ c[3] ^ np.uint64(k[1]), a & low]
        k = [k[0] + 0x9E3779B9 & 0xFFFFFFFF, k[1] + 0xBB67AE85 & 0xFFFFFFFF]
    keep = (c[0] >> np.uint64(8)).astype(np.float64) * 2.0**-24 >= rate
    return x * torch.tensor(keep / (1 - rate)).view(x.shape)


def mlp(p, b, x, rate=0.0):
    h = linear(p, f"{b}.mlp.c_fc", x)
    return linear(p, f"{b}.mlp.c_proj", dropout(b, h * torch.sigmoid(1.702 * h), rate))


def to_grid(case, x):
    """The patch tokens of [B T, 1 + H W, D] as [B, D, T, H, W]."""
    return x[:, 1:].view(-1, case.time, case.side, case.side, case.dim).permute(0, 4, 1, 2, 3)


def add_grid(case, x, grid):
    grid = grid.permute(0, 2, 3, 4, 1).reshape(x.shape[0], -1, case.dim)
    return torch.cat([x[:, :1], x[:, 1:] + grid], 1)


def depthwise(x, weight, bias):
    """F.conv3d(x, weight, bias, padding=1, groups=channels), tap by tap: PyTorch's own takes minutes in f64."""
    padded, (t, h, w) = F.pad(x, (1,) * 6), x.shape[2:]
    taps = [padded[:, :, i : i + t, j : j + h, k : k + w] * weight[:, 0, i, j, k].view(-1, 1, 1, 1)
            for i in range(3) for j in range(3) for k in range(3)]
    return sum(taps) + bias.view(-1, 1, 1, 1)


def local_mhra(case, p, name, x, states):
    grid = to_grid(case, x)
    bn = f"{name}.pos_embed.0"
    if states is not None:
        mean, var = p[f"{bn}.running_mean"].clone(), p[f"{bn}.running_var"].clone()
        grid = F.batch_norm(grid, mean, var, p[f"{bn}.weight"], p[f"{bn}.bias"], True, 0.1, 1e-5)
        states |= {f"{bn}.running_mean": mean, f"{bn}.running_var": var}
    else:
        grid = F.batch_norm(grid, p[f"{bn}.running_mean"], p[f"{bn}.running_var"], p[f"{bn}.weight"], p[f"{bn}.bias"], False, 0.1, 1e-5)
    for k, options in ((1, {}), (2, {"padding": (1, 0, 0), "groups": int(case.dim // 1.5)}), (3, {})):
        grid = F.conv3d(grid, p[f"{name}.pos_embed.{k}.weight"], p[f"{name}.pos_embed.{k}.bias"], **options)
    return add_grid(case, x, grid)


def expert(case, p, e, x, states):
    """Class tokens [B, D] and patch tokens [B, N, D] behind every layer."""
    batch, stride = x.shape[0], (1, case.patch, case.patch)
    if case.downsample:
        x = F.conv3d(x, p[f"{e}.conv1.weight"], stride=(2,) + stride[1:], padding=(1, 0, 0))
    else:
        x = F.conv3d(x, p[f"{e}.conv1.weight"], stride=stride)
    x = x.permute(0, 2, 3, 4, 1).reshape(batch * case.time, -1, case.dim)
    x = torch.cat([p[f"{e}.class_embedding"].expand(x.shape[0], 1, -1), x], 1) + p[f"{e}.positional_embedding"]
    x = layer_norm(p, f"{e}.ln_pre", x)
    video, cls, st = p[f"{e}.transformer.temporal_cls_token"].expand(batch, 1, -1), [], []
    for i in range(case.depth):
        b = f"{e}.transformer.resblocks.{i}"
        if case.local:
            x = local_mhra(case, p, f"{b}.lmhra1", x, states)
        h = layer_norm(p, f"{b}.ln_1", x)
        x = x + attention(case, p, f"{b}.attn", h, h)
        if case.local:
            x = local_mhra(case, p, f"{b}.lmhra2", x, states)
        x = x + mlp(p, b, layer_norm(p, f"{b}.ln_2", x))
        j = i - (case.depth - case.globals)
        if j >= 0:
            t = f"{e}.transformer.d"
            grid = depthwise(to_grid(case, x), p[f"{t}pe.{j}.weight"], p[f"{t}pe.{j}.bias"])
            y = add_grid(case, x, grid).reshape(batch, -1, case.dim)
            d = f"{t}ec.{j}"
            video = video + attention(case, p, f"{d}.attn", layer_norm(p, f"{d}.ln_1", video), layer_norm(p, f"{d}.ln_3", y))
            video = video + mlp(p, d, layer_norm(p, f"{d}.ln_2", video), case.rate)
        cls.append(x[:, 0].view(batch, case.time, -1).mean(1))
        st.append(x[:, 1:].reshape(batch, -1, case.dim))
    w = torch.sigmoid(p[f"{e}.transformer.balance"])
    cls[-1] = (1 - w) * video[:, 0] + w * cls[-1]
    return cls, st


def kl(teacher, student):
    return (teacher.softmax(-1) * (teacher.log_softmax(-1) - student.log_softmax(-1))).sum(-1).mean()


def htl_losses(case, p, experts):
    n = case.depth - 1
    if case.weights == "fixed":
        weights = torch.ones(n).double()
    else:
        weights = p["loss.intra.block_weights.w"]
        weights = n * weights.softmax(0) if case.weights == "softmax" else weights
    teacher = (lambda t: t.detach()) if case.detach else (lambda t: t)
    intra = [
        weights[l] * (kl(teacher(cls[-1]), cls[l]) + kl(teacher(st[-1]).flatten(1), st[l].flatten(1)))
        for cls, st in experts
        for l in range(n)
    ]
    deep = [cls[-1] for cls, _ in experts]
    square = (lambda a, b: ((a - b) ** 2).mean()) if case.reduction == "mean" else (lambda a, b: ((a - b) ** 2).sum(1).mean())
    inter = [square(a, b) for a in deep for b in deep if a is not b]
    return {"intra": sum(intra) / len(intra), "inter": sum(inter) / len(inter)}


def forward(case, p, data, states):
    experts = [expert(case, p, f"experts.{name}", data[name], states) for name in case.modalities]
    deep = [cls[-1] for cls, _ in experts]
    outputs = {}
    if len(deep) > 1:
        outputs["vote"] = linear(p, "gate.vote.proj", torch.cat(deep, -1)).softmax(-1)
        outputs["z"] = sum(outputs["vote"][:, n : n + 1] * c for n, c in enumerate(deep))
    else:
        outputs["z"] = deep[0]
    logits = linear(p, "head.logits.fc", dropout("head.logits", layer_norm(p, "head.logits.norm", outputs["z"]), case.rate))
    losses = {"cls": F.cross_entropy(logits, data["y"].long())}
    if case.htl:
        losses |= htl_losses(case, p, experts)
    return outputs | {"logits": logits}, losses


def doubles(arrays):
    tensors = {name: torch.tensor(value) for name, value in arrays.items()}
    return {name: value.double() if value.is_floating_point() else value for name, value in tensors.items()}


def expected(case):
    data, p = doubles(inputs(case)), doubles(parameters(case))
    trained = {name: value.requires_grad_() for name, value in p.items() if "running_" not in name}
    states = {}
    outputs, losses = forward(case, p, data, states)
    sum(weight * losses[name] for name, weight in {"cls": 1, "intra": 0.01, "inter": 1}.items() if name in losses).backward()
    found = outputs | {f"loss.{name}": value for name, value in losses.items()}
    found |= {f"grad.{name}": value.grad.float() for name, value in trained.items()}
    found |= {f"state.{name}": value for name, value in states.items()}
    if case.htl and len(case.modalities) > 2:
        del found["logits"]  # no output of models/mome_htl.mome
    return {name: value.detach().numpy() for name, value in found.items()}


def predicted(case):
    """Logits in evaluation: batch norm reads what it remembers."""
    data, p = doubles(inputs(case)), doubles(parameters(case))
    return {"logits": forward(case, p, data, None)[0]["logits"].numpy()}


def main():
    if len(sys.argv) == 4:
        mode, name, folder = sys.argv[1:]
        os.makedirs(folder, exist_ok=True)
        save(os.path.join(folder, "params.safetensors"), parameters(CASES[name]))
        save(os.path.join(folder, "inputs.safetensors"), inputs(CASES[name]))
        if mode == "check":
            save(os.path.join(folder, "expected.safetensors"), expected(CASES[name]))
        return
    for name, case in CASES.items():
        count = sum(value.size for key, value in parameters(case).items() if "running_" not in key)
        print(name, count, "parameters")
        if name != "base":
            save(os.path.join(HERE, f"uniformer.{name}.expected.safetensors"), expected(case))
        if case.local:
            save(os.path.join(HERE, f"uniformer.{name}.predicted.safetensors"), predicted(case))


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] != "inputs":
        import torch
        import torch.nn.functional as F
    main()
