#!/usr/bin/env python3
"""Fills the table of docs/performance-cuda.md that a GPU has measured, from what bench/gpu printed there.

    bench/measured.py docs/performance-cuda.md BENCH_GPU_OUTPUT KERNELS.json

KERNELS.json names the kernels: `momec report MODEL ... --target=cuda:sm_90a --gpu=h200 --kernels=KERNELS.json`, of the package that was measured.
"""
import json
import pathlib
import re
import sys

from predicted import class_of, shorten

LEAST = 0.01  # of the step


def read(path):
    """Of each kernel: symbol, runs, measured and predicted us."""
    rows = []
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) > 8 and words[0].startswith("k_") and words[2].isdigit():
            rows.append({"symbol": words[0], "root": words[1], "runs": int(words[2]), "us": float(words[5]), "predicted": float(words[6]),
                         "tflops": float(words[7]) * 1e-3, "gbs": float(words[8])})
    return rows


def table(rows, places):
    whole = sum(row["us"] * row["runs"] for row in rows)
    lines = ["| kernel, at its first place | runs | measured us | share | predicted us | TFLOP/s | GB/s |", "|---|---|---|---|---|---|---|"]
    small = [row for row in rows if row["us"] * row["runs"] < LEAST * whole]
    for row in sorted(rows, key=lambda row: -row["us"] * row["runs"]):
        if row in small:
            continue
        kernel = places.get(row["symbol"])
        name = f"{row['root'].removeprefix('nn.')} {shorten(kernel['path']) if kernel else ''}".strip()
        tflops = f"{row['tflops']:.0f}" if kernel and class_of(kernel) != "memory" else ""
        share = 100 * row["us"] * row["runs"] / whole
        cells = [name, row["runs"], f"{row['us']:.1f}", f"{share:.1f} %", f"{row['predicted']:.1f}", tflops, f"{row['gbs']:.0f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    runs, share = sum(row["runs"] for row in small), sum(row["us"] * row["runs"] for row in small) / whole
    predicted = sum(row["predicted"] * row["runs"] for row in rows)
    return lines + [f"| {len(small)} more | {runs} | | {100 * share:.1f} % | | | |", f"| all, one after the other | | {whole:.0f} | | {predicted:.0f} | | |"]


def main():
    path, output, kernels = map(pathlib.Path, sys.argv[1:])
    places = {kernel["launches"][0]["function"].rsplit("_", 1)[0]: kernel for kernel in json.loads(kernels.read_text())["kernels"]}
    lines = table(read(output), places)
    page, count = re.subn(r"(<!-- measured -->\n).*?(<!-- end -->)", lambda m: m[1] + "\n".join(lines) + "\n" + m[2], path.read_text(), flags=re.S)
    if count != 1:
        sys.exit(f"{path} has no table 'measured'")
    path.write_text(page)


if __name__ == "__main__":
    main()
