#!/usr/bin/env python3
"""A training step of UniFormerV2 experts in JAX: one jitted function with donated state, AdamW and clipping by optax.

    jax_step.py MODEL BATCH f32|tf32|bf16 THREADS|gpu jit

Speaks the protocol of bench/steps.py: `peer.py` says how. Shapes, losses and optimizer are those of models/mome_htl.mome.
"""
import os

import peer

MODEL, BATCH, PRECISION, PLACE, MODE = peer.arguments()
if PLACE == "gpu":
    os.environ["JAX_PLATFORMS"] = "cuda"
else:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PLACE])  # XLA has as many threads as it sees processors
    os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import optax
from jax import lax, nn

jax.config.update("jax_default_matmul_precision", "tensorfloat32" if PRECISION == "tf32" else "highest")
COMPUTE = jnp.bfloat16 if PRECISION == "bf16" else jnp.float32


class Init:
    """Draws parameters; the tree has the names of the modules."""

    def __init__(self):
        self.key = jax.random.key(0)

    def normal(self, *shape, scale=0.02):
        self.key, key = jax.random.split(self.key)
        return scale * jax.random.normal(key, shape)

    def linear(self, fan, width):
        return {"w": self.normal(fan, width), "b": jnp.zeros(width)}

    def norm(self, d):
        return {"scale": jnp.ones(d), "b": jnp.zeros(d)}

    def block(self, d, norms=2):
        mlp = {"fc": self.linear(d, 4 * d), "proj": self.linear(4 * d, d)}
        return {"ln": [self.norm(d) for _ in range(norms)], "qkv": self.linear(d, 3 * d), "out": self.linear(d, d), "mlp": mlp}

    def expert(self, s):
        d = s.dim
        return {"conv1": self.normal(3 * s.patch**2, d), "class": self.normal(d), "pos": self.normal(s.side**2 + 1, d),
                "ln_pre": self.norm(d), "blocks": [self.block(d) for _ in range(s.depth)],
                "dpe": [{"w": self.normal(3, 3, 3, 1, d), "b": jnp.zeros(d)} for _ in range(s.globals)],
                "dec": [self.block(d, norms=3) for _ in range(s.globals)], "video": jnp.zeros((1, 1, d)), "balance": jnp.zeros(d)}

    def model(self, s):
        return {"experts": [self.expert(s) for _ in range(s.experts)], "gate": self.linear(s.experts * s.dim, s.experts),
                "norm": self.norm(s.dim), "head": self.linear(s.dim, s.classes), "block_weights": jnp.ones(s.depth - 1)}


def linear(p, x):
    return x.astype(COMPUTE) @ p["w"].astype(COMPUTE) + p["b"].astype(COMPUTE)


def layer_norm(p, x):
    x = x.astype(jnp.float32)
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p["scale"] + p["b"]


def attention(s, p, q, k, v):
    q, k, v = (t.reshape(*t.shape[:2], s.heads, -1) for t in (q, k, v))
    return linear(p["out"], nn.dot_product_attention(q, k, v).reshape(*q.shape[:2], -1))


def dropout(key, x, rate):
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0) if rate else x


def mlp(p, x, key=None, rate=0.0):
    h = linear(p["fc"], x)
    return linear(p["proj"], dropout(key, h * nn.sigmoid(1.702 * h), rate))


def block(s, p, x):
    x = x + attention(s, p, *jnp.split(linear(p["qkv"], layer_norm(p["ln"][0], x)), 3, -1))
    return x + mlp(p["mlp"], layer_norm(p["ln"][1], x))


def extractor(s, p, video, y, key):
    d = s.dim
    one = {"w": p["qkv"]["w"][:, :d], "b": p["qkv"]["b"][:d]}
    two = {"w": p["qkv"]["w"][:, d:], "b": p["qkv"]["b"][d:]}
    k, v = jnp.split(linear(two, layer_norm(p["ln"][2], y)), 2, -1)
    video = video + attention(s, p, linear(one, layer_norm(p["ln"][0], video)), k, v)
    return video + mlp(p["mlp"], layer_norm(p["ln"][1], video), key, s.rate)


def depthwise(p, x):
    dims = ("NDHWC", "DHWIO", "NDHWC")
    return lax.conv_general_dilated(x, p["w"], (1, 1, 1), "SAME", dimension_numbers=dims, feature_group_count=x.shape[-1]) + p["b"]


def expert(s, p, x, key):
    batch, keys = x.shape[0], jax.random.split(key, s.globals)
    x = x.reshape(batch, 3, s.frames, s.side, s.patch, s.side, s.patch).transpose(0, 2, 3, 5, 1, 4, 6)
    x = x.reshape(batch * s.frames, s.side**2, -1).astype(COMPUTE) @ p["conv1"].astype(COMPUTE)
    x = jnp.concatenate([jnp.broadcast_to(p["class"], (x.shape[0], 1, s.dim)), x], 1) + p["pos"]
    x, video, cls, st = layer_norm(p["ln_pre"], x), jnp.broadcast_to(p["video"], (batch, 1, s.dim)), [], []
    for i in range(s.depth):
        x = block(s, p["blocks"][i], x)
        j = i - (s.depth - s.globals)
        if j >= 0:
            grid = depthwise(p["dpe"][j], x[:, 1:].reshape(batch, s.frames, s.side, s.side, s.dim))
            y = x.at[:, 1:].add(grid.reshape(x.shape[0], -1, s.dim))
            video = extractor(s, p["dec"][j], video, y.reshape(batch, -1, s.dim), keys[j])
        cls.append(x[:, 0].reshape(batch, s.frames, -1).mean(1))
        st.append(x[:, 1:].reshape(batch, -1, s.dim))
    w = nn.sigmoid(p["balance"])
    cls[-1] = (1 - w) * video[:, 0] + w * cls[-1]
    return cls, st


def kl(teacher, student):
    teacher, student = nn.log_softmax(teacher), nn.log_softmax(student)
    return (jnp.exp(teacher) * (teacher - student)).sum(-1).mean()


def htl(s, p, found):
    n, stop = s.depth - 1, lax.stop_gradient
    weights = n * nn.softmax(p["block_weights"])
    intra = [weights[l] * (kl(stop(cls[-1]), cls[l]) + kl(stop(st[-1]).reshape(BATCH, -1), st[l].reshape(BATCH, -1)))
             for cls, st in found for l in range(n)]
    deep = [cls[-1] for cls, _ in found]
    inter = [((a - b) ** 2).mean() for a in deep for b in deep if a is not b]
    return 0.01 * sum(intra) / len(intra) + sum(inter) / len(inter)


def loss_of(p, s, videos, labels, key):
    keys = jax.random.split(key, s.experts + 1)
    found = [expert(s, q, video, k) for q, video, k in zip(p["experts"], videos, keys)]
    deep = [cls[-1] for cls, _ in found]
    z = deep[0]
    if len(deep) > 1:
        vote = nn.softmax(linear(p["gate"], jnp.concatenate(deep, -1)).astype(jnp.float32))
        z = sum(vote[:, n : n + 1] * c for n, c in enumerate(deep))
    logits = linear(p["head"], dropout(keys[-1], layer_norm(p["norm"], z), s.rate)).astype(jnp.float32)
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return loss + htl(s, p, found) if len(deep) > 1 else loss


def make_step():
    s = peer.SIZES[MODEL]
    state = {"p": Init().model(s)}
    optimizer = optax.chain(optax.clip_by_global_norm(s.clip), optax.adamw(
        1e-5, weight_decay=0.05, mask=lambda p: jax.tree.map(lambda x: x.ndim >= 2, p)))
    state["opt"] = optimizer.init(state["p"])
    videos = [jax.random.uniform(jax.random.key(n), (BATCH, 3, s.frames, s.size, s.size), minval=-1) for n in range(s.experts)]
    labels = jnp.zeros(BATCH, jnp.int32)

    def train(state, count):
        loss, grads = jax.value_and_grad(loss_of)(state["p"], s, videos, labels, jax.random.fold_in(jax.random.key(1), count))
        updates, opt = optimizer.update(grads, state["opt"], state["p"])
        return {"p": optax.apply_updates(state["p"], updates), "opt": opt}, loss

    jitted, count = jax.jit(train, donate_argnums=0), 0

    def step():
        nonlocal state, count
        state, loss = jitted(state, count)
        count += 1
        jax.block_until_ready((state, loss))

    return step


def on_device():
    return jax.devices()[0].memory_stats()["peak_bytes_in_use"]


if __name__ == "__main__":
    peer.serve(f"JAX {jax.__version__}", make_step, on_device if PLACE == "gpu" else peer.resident)
