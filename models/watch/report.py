#!/usr/bin/env python3
"""Prints the demo's tables from the JSON summaries of `mome eval`."""
import json
import pathlib
import sys


def main():
    out = pathlib.Path(sys.argv[1])
    read = lambda name: json.loads((out / f"{name}.json").read_text())
    interval = lambda summary: "{:.3f} [{:.3f}, {:.3f}]".format(summary["mean1"], *interval_ends(summary["intervals"]["mean1"]))
    print("Mean-1 (mean recall over classes), 95 % interval by bootstrap over subjects")
    for label, name in (("accelerometer + gyroscope", "watch"), ("accelerometer alone", "acc"), ("gyroscope alone", "gyro")):
        print(f"  {label:28}{interval(read(name))}")
    print("Mean votes")
    for label, name in (("clean", "watch"), ("accelerometer zeroed", "watch-zero-acc"), ("gyroscope zeroed", "watch-zero-gyro")):
        summary = read(name)
        votes = "  ".join(f"{key} {value:.3f}" for key, value in summary["outputs"].items() if key.startswith("vote"))
        print(f"  {label:28}{votes}   Mean-1 {summary['mean1']:.3f}")
    print("Losses (mean over samples)")
    print("  " + "  ".join(f"{name.removeprefix('loss.')} {value:.4f}" for name, value in read("watch")["losses"].items()))
    fused = read("watch")["mean1"]
    if not fused >= 0.80:
        print(f"Fused Mean-1 {fused:.3f} is below 0.80 on this split and seed: what the validation subjects chose does not carry over.")


def interval_ends(value):
    return (value["low"], value["high"]) if isinstance(value, dict) else value


if __name__ == "__main__":
    main()
