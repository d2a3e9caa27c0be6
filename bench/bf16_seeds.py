#!/usr/bin/env python3
"""Does training in bf16 cost accuracy? The tiny video model, trained in f32 and in bf16 from the same seeds.

    bf16_seeds.py BIN_DIR [--scratch] [--seeds N] [--data FOLDER] [--out FOLDER] [--processes N]

On generated video as `./dev demo video` makes it, but four times as much and with equal classes, made if it is not there. The
trainings go on from one in f32, as one fine-tunes a checkpoint: where they start from scratch (--scratch), the moment when a seed leaves
its first plateau decides about several points. The last weights of each predict the subjects never seen. Prints both Mean-1 per seed, and
the mean of their paired differences with its 95 % interval (Student's t). Exit code 1 if the interval leaves +-1 point.
"""
import argparse
import concurrent.futures
import csv
import pathlib
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STUDENT = {4: 2.776, 9: 2.262, 19: 2.093}  # 97.5 % quantiles by degrees of freedom


def mean1(path):
    """Mean recall over the classes present."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    recalls = []
    for label in sorted({row["label"] for row in rows}):
        of_class = [row for row in rows if row["label"] == label]
        recalls.append(sum(row["predicted"] == label for row in of_class) / len(of_class))
    return 100 * statistics.mean(recalls), len(rows)


def run(arguments, *words):
    subprocess.run([arguments.bin_dir / words[0], *words[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def train(arguments, precision, section, seed, *more):
    """The folder of the training's run."""
    folder = arguments.out / f"{section}.{precision}.{seed}"
    run(arguments, "mome", "train", arguments.out / f"{precision}.mpk", "--section", section, "--data", arguments.data, "--out", folder,
        "--seed", str(seed), "--set", "beta=0.1", "--threads", "1", "--no-tensorboard", "-q", *more)
    return folder


def measure(arguments, precision, seed, start):
    folder = train(arguments, precision, "again", seed, "--init-from", start) if start else train(arguments, precision, "first", seed)
    run(arguments, "mome", "eval", folder, "--latest", "--data", arguments.data, "--part", "test", "--dump", "--out", folder / "test",
        "--threads", "1")
    return mean1(folder / "test" / "predictions.csv")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir", type=pathlib.Path)
    parser.add_argument("--scratch", action="store_true")
    parser.add_argument("--seeds", type=int, default=10, choices=[n + 1 for n in STUDENT])
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "data/video/bf16")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "runs/bf16-seeds")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    for name in ("bin_dir", "data", "out"):  # commands run in ROOT
        setattr(arguments, name, getattr(arguments, name).resolve())
    shutil.rmtree(arguments.out, ignore_errors=True)
    arguments.out.mkdir(parents=True)
    if not (arguments.data / "prepared.json").exists():
        raw = arguments.data.with_suffix(".raw")
        run(arguments, "mome", "data", "synth", raw, "--chunks", "192", "--imbalance", "0")
        run(arguments, "mome", "data", "prepare", raw, arguments.data, "--short-side", "40", "--gop", "1")
    for precision in ("f32", "bf16"):
        run(arguments, "momec", "bench/bf16_seeds.mome", "--preset=tiny", f"--precision={precision}", "-o", arguments.out / f"{precision}.mpk")
    start = None if arguments.scratch else train(arguments, "f32", "first", 3)
    with concurrent.futures.ThreadPoolExecutor(arguments.processes) as pool:
        runs = [[pool.submit(measure, arguments, precision, seed, start) for precision in ("f32", "bf16")] for seed in range(arguments.seeds)]
        differences = []
        for seed, (f32, bf16) in enumerate(runs):
            (wide, count), (narrow, _) = f32.result(), bf16.result()
            differences.append(narrow - wide)
            print(f"seed {seed}: f32 {wide:.2f}  bf16 {narrow:.2f}  difference {differences[-1]:+.2f}  ({count} samples)", flush=True)
    mean = statistics.mean(differences)
    half = STUDENT[arguments.seeds - 1] * statistics.stdev(differences) / arguments.seeds ** 0.5
    print(f"bf16 minus f32: {mean:+.2f} points of Mean-1, 95 % interval [{mean - half:+.2f}, {mean + half:+.2f}]")
    return 0 if mean - half >= -1 and mean + half <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
