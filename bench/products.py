#!/usr/bin/env python3
"""The matrix products of bench/gemm.mlir beside PyTorch's (its BLAS, with operands as they lie in a model), on one thread.

    products.py BIN_DIR --python VENV/bin/python [--rounds N] [--bf16] [--out FILE.json]

Times are the best whole runs of several rounds, ours and theirs in turns; so is the peak of fused multiply-adds of this machine.
"""
import argparse
import json
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LINE = re.compile(r"(\S+)\s+gemm.*% of peak ([\d.]+)\).*whole\s+([\d.]+) us")


def ours(bin_dir, file):
    tool = os.path.join(bin_dir, "mome-check-kernels")
    text = subprocess.run([tool, file, "--bench"], capture_output=True, text=True, check=True).stdout
    return {name: (float(whole) * 1e-6, float(peak)) for name, peak, whole in LINE.findall(text)}


def theirs(python, bf16):
    script = os.path.join(HERE, "peers", "torch_products.py")
    text = subprocess.run([python, script] + ["bf16"] * bf16, capture_output=True, text=True, check=True).stdout
    return json.loads(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("--python", required=True, help="one that has torch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bf16", action="store_true", help="operands in bf16, results in f32 (PyTorch's: in bf16)")
    parser.add_argument("--out")
    arguments = parser.parse_args()
    with open(os.path.join(HERE, "gemm.mlir")) as file:
        text = file.read()
    if arguments.bf16:
        text = re.sub(r"(%(?:x|w|dy): tensor<[0-9x]+)f32", r"\1bf16", text)
        text = re.sub(r": \(tensor<([0-9x]+)f32>, tensor<([0-9x]+)f32>", r": (tensor<\1bf16>, tensor<\2bf16>", text)
    best, peak = {}, 0
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(text)
        file.flush()
        for _ in range(arguments.rounds):
            for name, (seconds, found) in ours(arguments.bin_dir, file.name).items():
                best.setdefault(name, [1e9, 1e9])[0] = min(best.get(name, [1e9])[0], seconds)
                peak = max(peak, found)
            for name, (seconds, flops) in theirs(arguments.python, arguments.bf16).items():
                best[name][1:] = [min(best[name][1], seconds), flops]
    print(f"peak {peak:.1f} GFLOP/s, one thread\n{'':14} {'ours':>8} {'% of peak':>10} {'PyTorch':>9} {'ours / PyTorch':>15}")
    for name, (own, peer, flops) in best.items():
        rate, other = flops / own * 1e-9, flops / peer * 1e-9
        print(f"{name:14} {rate:8.1f} {100 * rate / peak:8.0f} % {other:9.1f} {rate / other:15.2f}")
    if arguments.out:
        with open(arguments.out, "w") as file:
            json.dump({"peak": peak, "products": best}, file, indent=1)


if __name__ == "__main__":
    main()
