#!/usr/bin/env python3
"""Turns the smart-watch action recordings into a Mome tensor source (index.csv + safetensors shards).

Source: PyPI `seglearn` 1.2.5, seglearn/data/watch_dataset.npy (BSD-3-Clause): 140 recordings of 7 shoulder exercises by 10
subjects (both arms), accelerometer and gyroscope of one smart watch at 50 Hz (Burns et al., "Shoulder physiotherapy exercise
recognition", Physiological Measurement 2018). The file is a pickle: it is read by an unpickler that knows four names
and refuses every other, so that no code of the file can run.

Windows of 128 samples (2.56 s) with a step of 64 never cross a recording. Subjects are split into train, val and test; recordings
of left arms are mirrored to right ones (a reflection: ax, wy and wz change sign); channels are standardised with the
training subjects' mean and deviation. With --generate, recordings are simulated instead (same shape, for machines without
PyPI): they are labelled `generated` in the index's key and are no substitute for the real set.

    convert.py WHEEL_OR_NPY OUT        convert.py --generate OUT
"""
import argparse
import csv
import io
import os
import pickle
import sys
import zipfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from safetensors import save

CLASSES = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
# Reflection through x: acceleration is a vector, angular rate a pseudovector.
MIRROR = np.array([-1, 1, 1, 1, -1, -1])
SENSORS = {"acc": slice(0, 3), "gyro": slice(3, 6)}


class ArraysOnly(pickle.Unpickler):
    """Rebuilds numpy arrays and plain containers; every other name in the pickle is an error."""

    def find_class(self, module, name):
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return lambda cls, shape, kind: np.ndarray.__new__(np.ndarray, shape, kind)
        if (module, name) == ("_codecs", "encode"):
            return lambda text, encoding: text.encode(encoding)
        raise pickle.UnpicklingError(f"the file wants {module}.{name}: refused")


def read_recordings(path):
    """Yields (signal [n, 6], class id, subject) per recording."""
    if path.endswith(".whl"):
        with zipfile.ZipFile(path) as wheel:
            raw = wheel.read("seglearn/data/watch_dataset.npy")
    else:
        with open(path, "rb") as file:
            raw = file.read()
    stream = io.BytesIO(raw)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise SystemExit(f"{path}: not the expected .npy version")
    np.lib.format.read_array_header_1_0(stream)
    data = ArraysOnly(stream, encoding="latin1").load()
    data = data.item() if isinstance(data, np.ndarray) else data
    for signal, label, subject, right in zip(data["X"], data["y"], data["subject"], data["side"]):
        signal = np.asarray(signal, np.float64)
        yield signal if right else signal * MIRROR, int(label), int(subject)


def generate_recordings(subjects=10, seed=7):
    """Simulated recordings: each class is a pair of rhythms, each subject has an own tempo, amplitude and mounting."""
    rng = np.random.default_rng(seed)
    for subject in range(1, subjects + 1):
        tempo, mount = rng.uniform(0.8, 1.25), np.linalg.qr(rng.normal(size=(3, 3)))[0]
        mount = 0.8 * np.eye(3) + 0.2 * mount
        for label in range(len(CLASSES)):
            t = np.arange(1500) / 50.0 * tempo
            phase = rng.uniform(0, 2 * np.pi)
            base = np.stack([np.sin((0.6 + 0.25 * (label % 3)) * 2 * np.pi * t + phase + k * (label + 1)) for k in range(3)], 1)
            turn = np.stack([np.cos((0.5 + 0.2 * (label // 2)) * 2 * np.pi * t + k * (label - 2)) for k in range(3)], 1)
            signal = np.concatenate([base @ mount, turn @ mount], 1) * rng.uniform(0.7, 1.3)
            yield signal + rng.normal(0, 0.35, signal.shape), label, subject


def split_of(subject, subjects):
    """Whole subjects only: of every ten, six train, two validate, two test."""
    position = subjects.index(subject) % 10
    return "test" if position in (3, 8) else "val" if position in (1, 6) else "train"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", help="the seglearn wheel or watch_dataset.npy")
    parser.add_argument("out", help="folder to write")
    parser.add_argument("--generate", action="store_true", help="simulate recordings instead")
    parser.add_argument("--window", type=int, default=128, help="samples per window (step: half of it)")
    parser.add_argument("--per-subject", type=int, help="keep so many windows of each subject and class")
    args = parser.parse_args()
    if args.generate == bool(args.source):
        parser.error("give either a source or --generate")
    recordings = list(generate_recordings() if args.generate else read_recordings(args.source))
    subjects = sorted({subject for _, _, subject in recordings})

    rows, windows = [], []
    for number, (signal, label, subject) in enumerate(recordings):
        for start in range(0, len(signal) - args.window + 1, args.window // 2):
            if args.per_subject and sum(row[1] == f"s{subject:02d}" and row[3] == CLASSES[label] for row in rows) >= args.per_subject:
                break
            key = f"{'generated-' if args.generate else ''}r{number:03d}-{start:05d}"
            rows.append((key, f"s{subject:02d}", split_of(subject, subjects), CLASSES[label], "watch.safetensors", len(windows)))
            windows.append(signal[start : start + args.window].T)
    x = np.stack(windows)
    if not np.isfinite(x).all():
        raise SystemExit("the recordings hold values that are not finite")
    train = np.array([row[2] == "train" for row in rows])
    mean, deviation = x[train].mean((0, 2), keepdims=True), x[train].std((0, 2), keepdims=True)
    x = (x - mean) / deviation

    os.makedirs(args.out, exist_ok=True)
    save(os.path.join(args.out, "watch.safetensors"), {name: x[:, part].astype("<f4") for name, part in SENSORS.items()})
    with open(os.path.join(args.out, "index.csv"), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", "subject", "split", "label", "shard", "row"])
        writer.writerows(rows)
    counts = {part: sum(row[2] == part for row in rows) for part in ("train", "val", "test")}
    people = {part: len({row[1] for row in rows if row[2] == part}) for part in counts}
    print(f"{'generated' if args.generate else 'real'} recordings: {len(recordings)}; windows: "
          + ", ".join(f"{part} {counts[part]} ({people[part]} subjects)" for part in counts))


if __name__ == "__main__":
    sys.exit(main())
