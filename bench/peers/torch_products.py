#!/usr/bin/env python3
"""Best times of the products of bench/gemm.mlir in PyTorch on one thread: JSON {name: [seconds, flops]}."""
import json
import sys
import time

import torch
import torch.nn.functional as F

TOKENS, SHAPES = 1568, {"qkv": (768, 2304), "fc1": (768, 3072), "fc2": (3072, 768), "proj": (768, 768)}


def best(function):
    times = []
    while sum(times) < 1 or len(times) < 3:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    dtype = torch.bfloat16 if sys.argv[1:] == ["bf16"] else torch.float32
    result = {}
    for name, (fan, width) in SHAPES.items():
        x, dy = torch.randn(TOKENS, fan).to(dtype), torch.randn(TOKENS, width).to(dtype)
        w, b = torch.randn(width, fan).to(dtype), torch.randn(width).to(dtype)
        flops = 2 * TOKENS * fan * width
        for kind, function in (("forward", lambda: F.linear(x, w, b)), ("dx", lambda: dy @ w), ("dw", lambda: dy.t() @ x)):
            result[f"{kind}_{name}"] = [best(function), flops]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
