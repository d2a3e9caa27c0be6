#!/usr/bin/env python3
"""Does training in bf16 cost accuracy? The tiny video model, trained in f32 and in bf16 from the same seeds.

    bf16_seeds.py BIN_DIR [--seeds N] [--data FOLDER] [--out FOLDER] [--processes N]

Same generated video as `./dev demo video`, the set 'gate', made if it is not there; the last weights of each training predict the
subjects never seen. Prints both Mean-1 per seed, and the mean of their paired differences with its 95 % interval (Student's t).
Exit code 1 if the interval leaves +-1 point.
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


def train(arguments, precision, seed):
    mome, run = arguments.bin_dir / "mome", arguments.out / f"{precision}.{seed}"
    subprocess.run([mome, "train", arguments.out / f"{precision}.mpk", "--data", arguments.data, "--out", run, "--seed", str(seed),
                    "--set", "beta=0.1", "--threads", "1", "--no-tensorboard", "-q"], check=True)
    subprocess.run([mome, "eval", run, "--latest", "--data", arguments.data, "--part", "test", "--dump", "--out", run / "test",
                    "--threads", "1"], check=True, stdout=subprocess.DEVNULL)
    return mean1(run / "test" / "predictions.csv")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=10, choices=[n + 1 for n in STUDENT])
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "data/video/gate")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "runs/bf16-seeds")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.out, ignore_errors=True)
    arguments.out.mkdir(parents=True)
    if not (arguments.data / "prepared.json").exists():
        raw = arguments.data.with_suffix(".raw")
        subprocess.run([arguments.bin_dir / "mome", "data", "synth", raw], check=True)
        subprocess.run([arguments.bin_dir / "mome", "data", "prepare", raw, arguments.data, "--short-side", "40", "--gop", "1"], check=True)
    for precision in ("f32", "bf16"):
        subprocess.run([arguments.bin_dir / "momec", "models/video.mome", "--preset=tiny", f"--precision={precision}", "-o",
                        arguments.out / f"{precision}.mpk"], cwd=ROOT, check=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.processes) as pool:
        runs = [[pool.submit(train, arguments, precision, seed) for precision in ("f32", "bf16")] for seed in range(arguments.seeds)]
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
