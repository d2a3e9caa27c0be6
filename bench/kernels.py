#!/usr/bin/env python3
"""The kernels of bench/gemm.mlir and bench/rows.mlir beside PyTorch, on one thread.

    kernels.py BIN_DIR --python VENV/bin/python [--rounds N] [--bf16] [--pairs N [--forms REGEX]] [--out FILE.json]

Times are the best whole runs of several rounds, ours and theirs in turns, and so is the peak of fused multiply-adds of this machine.
PyTorch's products are its BLAS; `eager` is one operation after the other, `fused` a function of PyTorch for the whole, `onednn` a
product of oneDNN with packed weights.

With --pairs, products only, and what a user gets instead of the best: ours and theirs take bursts of 0.15 s by turns, each in a process
that lives on, and each pair of bursts gives a ratio of mean processor times. Printed is the median of N ratios with its 95 % interval, from
order statistics, which assume nothing of how ratios are distributed.
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LINE = re.compile(r"(\S+)\s+\S+\s+[\d.]+ us\s+([\d.]+) GFLOP/s.*% of peak ([\d.]+)\)\s+([\d.]+) GB/s\s+whole\s+([\d.]+) us")


class Kernel:
    """Seconds of ours and of each form of theirs; the rates of our best chunks."""

    def __init__(self):
        self.seconds, self.theirs, self.flops, self.rate = 1e9, {}, 0.0, 0.0

    def add(self, seconds, gflops, bandwidth):
        self.seconds, self.flops, self.rate = min(self.seconds, seconds), max(self.flops, gflops), max(self.rate, bandwidth)

    def add_theirs(self, forms):
        for form, seconds in forms.items():
            self.theirs[form] = min(self.theirs.get(form, 1e9), seconds)


def source(name, bf16):
    with open(os.path.join(HERE, name)) as file:
        text = file.read()
    if bf16:  # operands of products; results and sums stay f32
        text = re.sub(r"(%(?:x|w|dy): tensor<[0-9x]+)f32", r"\1bf16", text)
        text = re.sub(r": \(tensor<([0-9x]+)f32>, tensor<([0-9x]+)f32>", r": (tensor<\1bf16>, tensor<\2bf16>", text)
    return text


def run_ours(bin_dir, text, kernels):
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(text)
        file.flush()
        tool = os.path.join(bin_dir, "mome-check-kernels")
        output = subprocess.run([tool, file.name, "--bench"], capture_output=True, text=True, check=True).stdout
    for name, gflops, peak, bandwidth, whole in LINE.findall(output):
        kernels.setdefault(name, Kernel()).add(float(whole) * 1e-6, float(gflops), float(bandwidth))
    return max(float(found[2]) for found in LINE.findall(output))


def run_theirs(python, kind, precision, kernels):
    script = os.path.join(HERE, "peers", "torch_kernels.py")
    output = subprocess.run([python, script, kind, precision, "1"], capture_output=True, text=True, check=True).stdout
    for name, forms in json.loads(output).items():
        kernels[name].add_theirs(forms)


class Server:
    """A program that prints one line, then answers each line with seconds."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def interval(ratios):
    """The median's, at 95 % or more: from the k-th smallest to the k-th largest, as few lie on one side of the median so seldom."""
    ratios, n = sorted(ratios), len(ratios)
    k = max((k for k in range(1, n // 2 + 1) if 2 * sum(math.comb(n, i) for i in range(k)) <= 0.05 * 2**n), default=None)
    if k is None:
        raise SystemExit("kernels.py: an interval takes 6 pairs or more")
    return ratios[k - 1], ratios[n - k]


def measure_pairs(arguments):
    precision = "bf16" if arguments.bf16 else "f32"
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(source("gemm.mlir", arguments.bf16))
        file.flush()
        ours = Server(os.path.join(arguments.bin_dir, "mome-check-kernels"), file.name, "--serve")
    theirs = Server(arguments.python, os.path.join(HERE, "peers", "torch_kernels.py"), "products", precision, "1", "--serve")
    ratios = {(kernel, form): [] for kernel, form in json.loads(theirs.first) if re.fullmatch(arguments.forms, form)}
    for number in range(arguments.pairs):
        for (kernel, form), found in ratios.items():
            turns = [(ours, kernel), (theirs, f"{kernel} {form}")]
            seconds = {server: server.ask(line) for server, line in (reversed(turns) if number % 2 else turns)}
            found.append(seconds[theirs] / seconds[ours])
    ours.close()
    theirs.close()
    print(f"one thread, {arguments.pairs} pairs: PyTorch's time over ours, the median and its 95 % interval")
    for (kernel, form), found in ratios.items():
        low, high = interval(found)
        print(f"{kernel:16} {form:8} {statistics.median(found):6.3f}  [{low:.3f}, {high:.3f}]")
    return [{"kernel": kernel, "form": form, "ratios": found} for (kernel, form), found in ratios.items()]


def print_table(kernels, peak):
    print(f"peak {peak:.1f} GFLOP/s, one thread; best chunks in GFLOP/s and GB/s, best whole runs in us and as times ours")
    print(f"{'':26} {'GFLOP/s':>8} {'% of peak':>10} {'GB/s':>6} {'us':>9}  PyTorch")
    for name, kernel in kernels.items():
        peers = "  ".join(f"{form} {1e6 * s:9.1f} ({s / kernel.seconds:5.2f}x)" for form, s in kernel.theirs.items())
        print(f"{name:26} {kernel.flops:8.1f} {100 * kernel.flops / peak:8.0f} % {kernel.rate:6.1f} {kernel.seconds * 1e6:9.1f}  {peers}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("--python", required=True, help="one that has torch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bf16", action="store_true", help="products with operands in bf16, results in f32 (PyTorch's: in bf16)")
    parser.add_argument("--pairs", type=int, help="pairs of bursts of each product, 6 or more, instead of best times")
    parser.add_argument("--forms", default=".*", help="with --pairs: those of PyTorch that match")
    parser.add_argument("--out")
    arguments = parser.parse_args()
    if arguments.pairs:
        return write(arguments.out, {"pairs": measure_pairs(arguments)})
    kernels, peak = {}, 0
    kinds = [("gemm.mlir", "products")] + [("rows.mlir", "rows")] * (not arguments.bf16)
    for _ in range(arguments.rounds):
        for file, kind in kinds:
            peak = max(peak, run_ours(arguments.bin_dir, source(file, arguments.bf16), kernels))
            run_theirs(arguments.python, kind, "bf16" if arguments.bf16 else "f32", kernels)
    print_table(kernels, peak)
    write(arguments.out, {"peak": peak, "kernels": {name: vars(kernel) for name, kernel in kernels.items()}})


def write(path, result):
    if path:
        with open(path, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
