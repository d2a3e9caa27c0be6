#!/usr/bin/env python3
"""Compares tensors of a run with golden ones; exit 1 and one line per breach.

    compare.py values EXPECTED GOT             outputs, losses and gradients:  |g - g*| <= 1e-5 |g*| + 1e-7 max |g*|
    compare.py steps  PARAMS EXPECTED GOT      parameters after some steps:    |dp - dp*| <= 1e-3 |dp*|
The key part of an attention's input bias has a gradient of exactly zero (the softmax cancels it); what Adam makes of its
rounding noise is no result, so `steps` leaves that third out.
Norms are Euclidean; `max |g*|` is over all tensors of the same kind. Every expected tensor must be there.
"""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../models"))
from safetensors import load  # noqa: E402


def without_key_bias(name, array):
    if not name.endswith("attn.qkv.bias"):
        return array
    third = array.shape[0] // 3
    return np.concatenate([array[:third], array[2 * third :]])


def kind(name):
    return name.split(".")[0] if name.startswith(("grad.", "loss.")) else "output"


def breaches(expected, got, bound):
    worst = 0.0
    for name, want in expected.items():
        if name not in got:
            yield f"{name}: missing"
            continue
        have = got[name].astype(np.float64).reshape(want.shape)
        error, limit = np.linalg.norm(have - want), bound(name, want)
        worst = max(worst, error / limit if limit else float(error > 0))
        if not error <= limit:
            yield f"{name}: |difference| = {error:.3g}, allowed {limit:.3g}"
    print(f"{len(expected)} tensors, worst error {worst:.3g} of what is allowed")


def main():
    mode, *paths = sys.argv[1:]
    tensors = [{name: array.astype(np.float64) for name, array in load(path).items()} for path in paths]
    if mode == "values":
        expected, got = tensors
        largest = {}
        for name, array in expected.items():
            largest[kind(name)] = max(largest.get(kind(name), 0.0), np.linalg.norm(array))
        found = list(breaches(expected, got, lambda name, want: 1e-5 * np.linalg.norm(want) + 1e-7 * largest[kind(name)]))
    else:
        params, expected, got = tensors
        delta = lambda after: {
            name: without_key_bias(name, array - params[name.removeprefix("param.")]) for name, array in after.items()
        }
        expected = delta(expected)
        got = delta({name: array for name, array in got.items() if name in expected})
        found = list(breaches(expected, got, lambda name, want: 1e-3 * np.linalg.norm(want)))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
