"""Predictions of the performance model (docs/performance-model.md) against timings that others have published, and a ranking.

  model.py GENERATED LADDER     GENERATED: k_product of ../model.mlir as mome-opt leaves it, LADDER: PTX of kernels with published timings

Sources of the timings, all measured by their authors on the named GPU:
  worklog   S. Boehm, "How to Optimize a CUDA Matmul Kernel for cuBLAS-like Performance" (2022), github.com/siboehm/SGEMM_CUDA, README
  a100      the same kernels at n = 8192 on "a single A100": README of the code of tushaargvs.github.io/posts/matmul.html
  v100      the same kernels at n = 4096 on a V100: github.com/Fridge003/Cuda-Learn-By-Practice, README
  tursa     BabelStream 5.0, doubles, 2^25 elements, on A100-SXM4-80GB: README of EPCC's BabelStream benchmark
  polaris   the same on A100-SXM4-40GB: ALCF Beginners Guide, Polaris
"""
import json
import math
import pathlib
import re
import subprocess
import sys

# kernel -> rows and columns of a block's tile, its threads
LADDER = {
    "naive": (32, "32,32"),
    "coalesced": (32, "1024"),
    "shared_tile": (32, "1024"),
    "column_tile": (64, "512"),
    "square_tile": (128, "256"),
    "vector_tile": (128, "256"),
}
# Registers of a thread by ptxas 13.0 for sm_80 and sm_86; V100 is taken as sm_80.
REGISTERS = {
    "sm_80": {"naive": 32, "coalesced": 32, "shared_tile": 32, "column_tile": 37, "square_tile": 123, "vector_tile": 118},
    "sm_86": {"naive": 34, "coalesced": 40, "shared_tile": 37, "column_tile": 48, "square_tile": 128, "vector_tile": 116},
}
# source, GPU, kernel, n, measured GFLOP/s
PRODUCTS = [
    ("worklog", "a6000", "naive", 4096, 309.0),
    ("worklog", "a6000", "coalesced", 4096, 1986.5),
    ("worklog", "a6000", "shared_tile", 4096, 2980.3),
    ("worklog", "a6000", "column_tile", 4096, 8474.7),
    ("worklog", "a6000", "square_tile", 4096, 15971.7),
    ("worklog", "a6000", "vector_tile", 4096, 18237.3),
    ("v100", "v100", "naive", 4096, 220.0),
    ("v100", "v100", "coalesced", 4096, 1919.3),
    ("v100", "v100", "shared_tile", 4096, 3986.6),
    ("a100", "a100", "naive", 8192, 293.5),
    ("a100", "a100", "coalesced", 8192, 2743.0),
    ("a100", "a100", "shared_tile", 8192, 4212.0),
]
# source, GPU, kernel, arrays, measured GB/s
STREAMS = [
    ("tursa", "a100", "stream_copy", 2, 1709.4),
    ("tursa", "a100", "stream_add", 3, 1715.8),
    ("tursa", "a100", "stream_triad", 3, 1724.8),
    ("polaris", "a100-40", "stream_copy", 2, 1400.3),
    ("polaris", "a100-40", "stream_triad", 3, 1377.5),
]
ELEMENTS = 1 << 25


def predict(gpu, file, kernel, grid, block, registers, *arguments):
    done = subprocess.run(["mome-ptxsim", file, "-k", kernel, "-g", grid, "-b", block, "--predict", gpu, "--registers", str(registers),
                           "--json", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"FAILED: {kernel}: {done.stderr}")
    return json.loads(done.stdout)


def product(gpu, ladder, kernel, n):
    tile, block = LADDER[kernel]
    registers = REGISTERS["sm_86" if gpu in ("a6000", "rtx4090") else "sm_80"][kernel]
    matrix = f"f32[{n * n}]"
    return predict(gpu, ladder, kernel, f"{n // tile},{n // tile}", block, registers, f"i32:{n}", "f32:1", matrix, matrix, "f32:0", matrix)


def timings(ladder):
    """Kernel, measured, predicted, unit, limiter."""
    for source, gpu, kernel, n, measured in PRODUCTS:
        found = product(gpu, ladder, kernel, n)
        yield f"{gpu} {kernel} ({source})", measured, 2e-9 * n**3 / found["predicted_seconds"], "GFLOP/s", found["limiter"]
    for source, gpu, kernel, arrays, measured in STREAMS:
        found = predict(gpu, ladder, kernel, str(ELEMENTS // 1024), "1024", 12, *[f"f64[{ELEMENTS}]"] * arrays)
        yield f"{gpu} {kernel} ({source})", measured, 8e-9 * arrays * ELEMENTS / found["predicted_seconds"], "GB/s", found["limiter"]


def compare(ladder):
    logs = []
    for name, measured, predicted, unit, limiter in timings(ladder):
        ratio = predicted / measured
        logs.append(abs(math.log(ratio)))
        print(f"{name:38} measured {measured:8.1f} {unit:8} predicted {predicted:8.1f} x {ratio:4.2f}  limited by {limiter}")
    mean, worst = math.exp(sum(logs) / len(logs)), math.exp(max(logs))
    print(f"{len(logs)} timings: predictions are off by a factor of {mean:.2f} in the geometric mean, {worst:.2f} at worst")
    close = sum(log <= math.log(1.25) for log in logs)
    print(f"{close} of them are within 25 %")
    if not (mean <= MEAN and worst <= WORST and close >= CLOSE):
        sys.exit(f"FAILED: more than {MEAN}, {WORST}, or fewer than {CLOSE} within 25 %")


def rank(generated, ladder):
    """Our product must be predicted ahead of five that are bad on purpose, each for a reason of its own."""
    text = pathlib.Path(generated).read_text()
    ptx = pathlib.Path(generated + ".ptx")
    # A resource begins with four bytes of alignment; the device's image is the second.
    ptx.write_bytes(bytes.fromhex(re.search(r'code_1: "0x([0-9A-F]+)"', text)[1])[4:])
    scratch = int(re.search(r'rt\.launches @k_product on @"cuda:\w+" scratch (\d+)', text)[1])
    launches = re.findall(r'#rt\.launch<"(k_product_\d)" blocks (\d+) threads (\d+) shared (\d+)>', text)
    matrix, parts = "f32[4194304]", f"f32[{max(16, scratch // 4)}]"
    for gpu in ("a100", "h100", "rtx4090"):
        ours = sum(predict(gpu, str(ptx), function, blocks, threads, 128, "--shared", shared, matrix, matrix, matrix, parts)["predicted_seconds"]
                   for function, blocks, threads, shared in launches)
        for kernel in ("naive", "coalesced", "shared_tile", "column_tile", "square_tile"):
            other = product(gpu, ladder, kernel, 2048)
            ratio = other["predicted_seconds"] / ours
            print(f"{gpu:8} {kernel:12} predicted {ratio:5.1f} times as long as ours, which takes {ours * 1e6:.0f} us")
            if not ratio > 1:
                sys.exit(f"FAILED: {kernel} is predicted to be faster than ours on {gpu}")


MEAN, WORST, CLOSE = 1.3, 2.0, 12

if __name__ == "__main__":
    compare(sys.argv[2])
    rank(*sys.argv[1:3])
