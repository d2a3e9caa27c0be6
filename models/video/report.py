#!/usr/bin/env python3
"""The video demo's tables, from what `mome eval --dump` wrote: report.py FOLDER SET...

In FOLDER/SET there is one folder MODEL.SEED with predictions.csv for each model and seed, and synth.csv says how reliable every
view of a sample is.
"""
import csv
import pathlib
import sys

import numpy as np

VIEWS = {"rgb": "kinect_color", "ir": "kinect_ir", "depth": "kinect_depth"}
LABELS = {"mome": "MoME + HTL", "uniform": "uniform gate", "permuted": "votes of another sample", **{v: f"{v} alone" for v in VIEWS}}
DRAWS = 2000


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def mean1(labels, predicted):
    """Mean recall over the classes present."""
    return float(np.mean([np.mean(predicted[labels == c] == c) for c in np.unique(labels)]))


class Model:
    """The predictions of one model, a row per seed, columns in one order of samples."""

    def __init__(self, folder, name):
        runs = [read(run / "predictions.csv") for run in sorted(folder.glob(f"{name}.*"))]
        order = [row["key"] for row in runs[0]]
        runs = [[{row["key"]: row for row in run}[key] for key in order] for run in runs]
        self.keys, self.seeds = order, len(runs)
        self.labels = np.array([row["label"] for row in runs[0]])
        self.predicted = np.array([[row["predicted"] for row in run] for run in runs])
        votes = [name for name in runs[0][0] if name.startswith("vote.")]
        self.votes = {name[5:]: np.array([[float(row[name]) for row in run] for run in runs]) for name in votes}

    def score(self, samples=slice(None)):
        """Mean-1, averaged over the seeds."""
        return float(np.mean([mean1(self.labels[samples], row[samples]) for row in self.predicted]))


def draws(count, labels):
    """Bootstrap samples that keep the number of each class, so that every draw has all classes."""
    random = np.random.default_rng(0)
    places = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    for _ in range(count):
        yield np.concatenate([random.choice(place, len(place)) for place in places])


def interval(values):
    return np.percentile(values, [2.5, 97.5])


def ranks(values):
    """Ranks, equal values sharing theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def spearman(a, b):
    a, b = ranks(a), ranks(b)
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else float("nan")


def report(folder, index):
    models = {name: Model(folder, name) for name in LABELS if any(folder.glob(f"{name}.*"))}
    samples = list(draws(DRAWS, models["mome"].labels))
    boot = {name: np.array([model.score(s) for s in samples]) for name, model in models.items()}
    fused = models["mome"]
    print(f"{folder.name}: {len(fused.keys)} samples of unseen subjects, {fused.seeds} seeds; Mean-1 with 95 % interval over samples")
    for name, model in models.items():
        low, high = interval(boot[name])
        print(f"  {LABELS[name]:26} {model.score():.3f} [{low:.3f}, {high:.3f}]")
    best = max((view for view in VIEWS if view in models), key=lambda view: models[view].score())
    for title, other in ((f"MoME minus {best} alone", best), ("MoME minus uniform gate", "uniform"), ("MoME minus votes of another sample", "permuted")):
        low, high = interval(boot["mome"] - boot[other])
        print(f"  {title:36} {fused.score() - models[other].score():+.3f} [{low:+.3f}, {high:+.3f}]")
    reliability = {row["key"]: row for row in index}
    print("  rank correlation of vote and reliability (mean of seeds)")
    for view, camera in VIEWS.items():
        truth = np.array([float(reliability[key][f"reliability.{camera}"]) for key in fused.keys])
        print(f"    {view:6} {np.mean([spearman(row, truth) for row in fused.votes[view]]):+.3f}   mean vote {fused.votes[view].mean():.3f}")
    return {name: model.score() for name, model in models.items()}, {name: interval(values) for name, values in boot.items()}, best


def main():
    out = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        scores, intervals, best = report(out / name, read(out / f"{name}.csv"))
        if name == "gate" and not (scores["mome"] >= 0.80 and intervals["mome"][0] > intervals[best][1]):
            print("  The aim, 0.80 and an interval above the best single view's, is not reached.")


if __name__ == "__main__":
    main()
