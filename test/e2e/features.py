"""What the language promises and only a compiled package can show: sharing, missing modalities, scales, freezing, averages."""
import csv
import sys

import numpy as np
from harness import ROOT, check, checkpoint_bytes, compile_model, load, run, workplace

sys.path.insert(0, str(ROOT / "models"))
from safetensors import save  # noqa: E402

INPUTS = ROOT / "test/e2e/Inputs"


def source(name, here, *changes):
    """An input model with its imports made absolute and some of its text replaced."""
    text = (INPUTS / f"{name}.mome").read_text().replace("../../models", str(ROOT / "models"))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = here / f"{name}{abs(hash(changes)) % 10**8 if changes else ''}.mome"
    path.write_text(text)
    return path


def build(name, here, *changes):
    path = source(name, here, *changes)
    return compile_model(path, path.with_suffix(".mpk"))


def init(package, out, seed=1):
    run("mome", "init", package, "--out", out, "--seed", seed)
    return load(out)


def entry(package, name, params, inputs, here, *options):
    save(here / "params.safetensors", params)
    save(here / "inputs.safetensors", inputs)
    run("mome", "run", package, "--entry", name, "--params", here / "params.safetensors", "--in", here / "inputs.safetensors", "--out", here / "out.safetensors",
        "-q", *options)
    return load(here / "out.safetensors")


def near(a, b, tolerance=1e-5):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return bool(np.linalg.norm(a - b) <= tolerance * np.linalg.norm(b) + 1e-12)


def draw(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def sharing(here):
    shared = build("shared", here)
    twin = build("shared", here, ("same encoder:", "other:"))
    rng, params = np.random.default_rng(1), init(shared, here / "shared.safetensors")
    inputs = {"left": draw(rng, 4, 5), "right": draw(rng, 4, 5), "y": np.array([0, 2, 1, 1], np.int32)}
    copies = params | {name.replace("encoder", "other"): value for name, value in params.items() if name.startswith("encoder")}
    one, two = entry(shared, "grad", params, inputs, here), entry(twin, "grad", copies, inputs, here)
    check(near(one["logits"], two["logits"]), "a shared encoder computes what two equal ones do")
    for leaf in ("weight", "bias"):
        total = two[f"grad.encoder.{leaf}"] + two[f"grad.other.{leaf}"]
        check(near(one[f"grad.encoder.{leaf}"], total) and not near(total, two[f"grad.encoder.{leaf}"]), f"the gradient of a shared {leaf} is the sum over its uses")


def presence_of_one_step(here):
    package = build("presence", here)
    rng, params = np.random.default_rng(2), init(package, here / "presence.safetensors")
    params["gate.vote.proj.weight"] = draw(rng, *params["gate.vote.proj.weight"].shape)
    inputs = {"acc": draw(rng, 8, 8), "gyro": draw(rng, 8, 8), "y": rng.integers(0, 3, 8).astype(np.int32)}
    there = np.ones((8, 2), np.float32)
    there[[1, 4], 1] = 0
    there[6, 0] = 0
    full, some = (entry(package, "grad", params, inputs | mask, here) for mask in ({}, {"presence": there}))
    check((full["present"] == 1).all() and (some["present"] == there).all(), "presence is an input, all ones when nobody says otherwise")
    check((some["vote"][there == 0] == 0).all() and near(some["vote"].sum(1), np.ones(8)), "a missing sensor gets no vote")
    both = there.all(1)
    check(near(some["vote"][both], full["vote"][both]), "samples with all sensors are voted on as before")
    agree = np.square(some["a"].astype(np.float64) - some["g"]).mean(1)[both].mean()
    check(near(some["loss.agree"], agree) and not near(some["loss.agree"], full["loss.agree"]), "a loss with `where` averages over the samples that have both")
    garbage = inputs | {"gyro": inputs["gyro"].copy()}
    garbage["gyro"][[1, 4]] = 7.0
    other = entry(package, "grad", params, garbage | {"presence": there}, here)
    check(near(other["loss.agree"], some["loss.agree"]) and near(other["loss.deep"], some["loss.deep"]), "what a missing sensor holds does not reach such a loss")
    none = entry(package, "grad", params, inputs | {"presence": np.repeat([[1, 0]], 8, 0).astype(np.float32)}, here)
    check(none["loss.agree"] == 0 and all(np.isfinite(value).all() for value in none.values()), "a loss over no sample is 0, and nothing is NaN")
    check(not none["grad.experts.gyro.fc2.weight"].any() and none["grad.experts.acc.fc2.weight"].any(), "an expert that is missing everywhere gets no gradient")


def write_data(folder, missing):
    """Three classes; each sensor sees a class as a bump at its own place. `missing`: share of samples without gyroscope."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    rows, sensors = [], {"acc": [], "gyro": []}
    for part, count in {"train": 96, "val": 30, "test": 30}.items():
        for i in range(count):
            label, there = i % 3, int(rng.random() >= missing)
            for shift, values in enumerate(sensors.values()):
                values.append(rng.normal([2.0 if d % 3 == (label + shift) % 3 else 0.0 for d in range(8)], 1.0))
            rows.append((f"{part}{i}", f"{part}-s{i % 4}", part, "abc"[label], "all.safetensors", len(rows), there))
    with open(folder / "index.csv", "w", newline="") as file:
        csv.writer(file).writerows([("key", "subject", "split", "label", "shard", "row", "presence.gyro"), *rows])
    save(folder / "all.safetensors", {name: np.array(values, np.float32) for name, values in sensors.items()})
    return folder


def presence_of_a_run(here):
    package, data = build("presence", here), write_data(here / "gaps", 0.4)
    run("mome", "train", package, "--data", data, "--out", here / "gaps_run", "-q")
    run("mome", "eval", here / "gaps_run", "--data", data, "--part", "test", "--dump", "--out", here / "gaps_eval")
    with open(here / "gaps_eval/predictions.csv") as file:
        rows = list(csv.DictReader(file))
    absent = [row for row in rows if row["presence.gyro"] == "0"]
    check(0 < len(absent) < len(rows), f"{len(absent)} of {len(rows)} test samples lack the gyroscope")
    check(all(float(row["vote.gyro"]) == 0 for row in absent), "trained, a missing sensor still gets no vote")
    check(all(float(row["vote.gyro"]) > 0 for row in rows if row not in absent), "and one that is there gets some")


def recurrence(here):
    package = build("recurrent", here)
    rng, params = np.random.default_rng(8), init(package, here / "recurrent.safetensors")
    inputs = {"a": draw(rng, 4, 2, 5)}
    got = entry(package, "predict", params, inputs, here)["h"]
    path, sigmoid = "experts.a.rnn", lambda x: 1 / (1 + np.exp(-x))
    weight, bias, recurrent = (params[f"{path}.{leaf}"].astype(np.float64) for leaf in ("input.weight", "input.bias", "recurrent"))
    h = c = np.zeros((4, 4))
    for t in range(5):
        i, f, g, o = np.split(inputs["a"][:, :, t] @ weight.T + bias + h @ recurrent, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        if not near(got[:, t], h):
            check(False, f"step {t} of the LSTM")
    check(got.shape == (4, 5, 4), "an LSTM computes what NumPy does, step by step")


def mixing(here):
    plain, mixed = build("layers", here), build("layers", here, ("  seed      7", "  seed      7\n  mixup     0.4"))
    rng, params = np.random.default_rng(9), init(plain, here / "mixed.safetensors")
    x = {name: draw(rng, 8, 8) for name in ("acc", "gyro")}
    y = rng.integers(0, 3, 8).astype(np.int32)
    share = 0.7
    got = entry(mixed, "grad", params, x | {"y": y}, here, "--set", f"fit.mixup_now={share}")
    both = {name: (share * value + (1 - share) * np.roll(value, 1, 0)).astype(np.float32) for name, value in x.items()}
    own, other = (entry(plain, "grad", params, both | {"y": label}, here) for label in (y, np.roll(y, 1)))
    check(all(near(got[name], share * own[name] + (1 - share) * other[name]) for name in own if name != "logits"), "mixup mixes values and labels of neighbours")
    same, alone = entry(mixed, "grad", params, x | {"y": y}, here), entry(plain, "grad", params, x | {"y": y}, here)
    check(all(near(same[name], alone[name]) for name in alone), "with a share of 1 nothing is mixed")
    logits = [entry(package, "predict", params, x, here)["logits"] for package in (mixed, plain)]
    check((logits[0] == logits[1]).all(), "evaluation mixes nothing")
    data = write_data(here / "mix_data", 0)
    folders = {}
    for name, options in {"a": (), "b": (), "off": ("--set", "fit.mixup.alpha=0")}.items():
        run("mome", "train", mixed, "--data", data, "--out", here / f"mix_{name}", "-q", "--steps", 4, *options)
        folders[name] = checkpoint_bytes(here / f"mix_{name}")["model.safetensors"]
    run("mome", "train", plain, "--data", data, "--out", here / "mix_plain", "-q", "--steps", 4)
    check(folders["a"] == folders["b"] != folders["off"], "training with mixup repeats bit for bit")
    off, without = (load(sorted((here / f"mix_{name}/ckpt").glob("step-*"))[-1] / "model.safetensors") for name in ("off", "plain"))
    check(all(near(off[name], without[name]) for name in without), "alpha = 0 trains the model without mixup")


def scales(here):
    package = build("layers", here)
    rng, params = np.random.default_rng(4), init(package, here / "layers.safetensors")
    inputs = {"acc": draw(rng, 8, 8), "gyro": draw(rng, 8, 8), "y": rng.integers(0, 3, 8).astype(np.int32)}
    gradients = entry(package, "grad", params, inputs, here)
    for factor, options in ((0.75, ()), (0.5, ("--set", "fit.scale.1=0.5"))):
        after = entry(package, "step", params, inputs, here, "--set", "fit.lr_now=0.1", *options)
        scale = {"head.logits.fc": 1, "experts.acc.embed": 0.5, "experts.gyro.embed": 0}
        for expert in ("acc", "gyro"):
            scale |= {f"experts.{expert}.blocks.{layer}": 0.5 * factor ** (2 - layer) for layer in range(3)}
        for path, rate in scale.items():
            for leaf, decay in (("weight", 0.2), ("bias", 0)):
                name = f"{path}.{leaf}"
                step = -0.1 * rate * (gradients[f"grad.{name}"] + decay * params[name].astype(np.float64))
                moved = after[f"param.{name}"].astype(np.float64) - params[name]
                if not np.linalg.norm(moved - step) <= 1e-4 * np.linalg.norm(step) + 1e-7:
                    check(False, f"{name} moves by {rate} of the rate")
        check(set(after) >= {f"param.{name}" for name in params}, f"layers learn at their own rates, last layer fastest, {factor} per layer; groups keep their decay")


def seeds(here):
    package, data = build("layers", here), write_data(here / "seed_data", 0)
    folders = {}
    for name, options in {"own": (), "same": ("--seed", 7), "other": ("--seed", 8)}.items():
        run("mome", "train", package, "--data", data, "--out", here / f"seed_{name}", "-q", "--steps", 2, *options)
        folders[name] = checkpoint_bytes(here / f"seed_{name}")["model.safetensors"]
    check(folders["own"] == folders["same"] != folders["other"], "`seed 7` in the train section is what --seed 7 is")


def every_step(folder):
    """Parameters after 0, 1, 2, ... steps of a run that saved each."""
    return [load(path / "model.safetensors") for path in sorted((folder / "ckpt").glob("step-*"))]


def freezing(here):
    rules = "  freeze experts.acc until epoch 1\n  freeze head.logits.norm\n  clip global_norm(1)\n"
    package, data = build("presence", here, ("  schedule", rules + "  schedule")), write_data(here / "freeze_data", 0)
    run("mome", "train", package, "--data", data, "--out", here / "frozen", "-q", "--steps", 16, "--save-every", 1, "--keep", 100, "--seed", 5)
    start, steps = init(package, here / "frozen.safetensors", 5), every_step(here / "frozen")
    check(len(steps) == 16, "every step is kept (12 are an epoch)")
    for name, value in start.items():
        same = [bool((step[name] == value).all()) for step in steps]
        if name.startswith("experts.acc"):
            check(same == [True] * 12 + [False] * 4, f"{name} keeps its bits for an epoch and moves from the first step after it")
        elif name.startswith("head.logits.norm"):
            check(all(same), f"{name} keeps its bits for good")
        else:
            check(not any(same), f"{name} moves at once")
    # AdamW's first step after the thaw is a first step: its moments are corrected for one step, so nothing moves by more than lr.
    first = max(abs(steps[12][name].astype(np.float64) - start[name] * (1 - 3e-5)).max() for name in start if name.startswith("experts.acc"))
    check(0.5 * 3e-3 < first <= 1.001 * 3e-3, f"the first step after the thaw moves by the learning rate ({first:.3g})")
    run("mome", "train", package, "--data", data, "--out", here / "thawed", "-q", "--steps", 1, "--save-every", 1, "--seed", 5, "--set", "fit.freeze.0.until=0")
    check(not (every_step(here / "thawed")[0]["experts.acc.fc1.weight"] == start["experts.acc.fc1.weight"]).all(), "--set fit.freeze.0.until=0 thaws at once")


def averages(here):
    package, data = build("presence", here, ("  schedule", "  ema 0.6\n  schedule")), write_data(here / "ema_data", 0.3)
    run("mome", "train", package, "--data", data, "--out", here / "ema", "-q", "--steps", 20, "--save-every", 1, "--keep", 100, "--seed", 6)
    average = {name: value.astype(np.float64) for name, value in init(package, here / "ema.safetensors", 6).items()}
    for number, step in enumerate(every_step(here / "ema"), 1):
        decay = min(0.6, (1 + number) / (10 + number))
        average = {name: decay * value + (1 - decay) * step[name] for name, value in average.items()}
    last = sorted((here / "ema/ckpt").glob("step-*"))[-1]
    kept = load(last / "optimizer.safetensors")
    check(all(near(kept[f"ema/{name}"], value) for name, value in average.items()), "the averages equal NumPy's")
    check(not near(kept["ema/experts.acc.fc2.weight"], load(last / "model.safetensors")["experts.acc.fc2.weight"], 1e-3), "and are not the weights themselves")
    run("mome", "eval", here / "ema", "--latest", "--data", data, "--part", "test", "--dump", "--out", here / "ema_eval")
    dumped, shard = load(here / "ema_eval/outputs.safetensors"), load(data / "all.safetensors")
    with open(data / "index.csv") as file:
        first = [row for row in csv.DictReader(file) if row["split"] == "test"][:8]
    rows = [int(row["row"]) for row in first]
    there = np.array([[1, int(row["presence.gyro"])] for row in first], np.float32)
    inputs = {"acc": shard["acc"][rows], "gyro": shard["gyro"][rows] * there[:, 1:], "presence": there}
    averaged = {name.removeprefix("ema/"): value for name, value in kept.items() if name.startswith("ema/")}
    by_average = entry(package, "predict", averaged, inputs, here)["logits"]
    by_weights = entry(package, "predict", load(last / "model.safetensors"), inputs, here)["logits"]
    check(near(dumped["logits"][:8], by_average) and not near(dumped["logits"][:8], by_weights, 1e-3), "evaluation uses the averages")


def main():
    here = workplace()
    for part in (sharing, presence_of_one_step, presence_of_a_run, recurrence, mixing, scales, seeds, freezing, averages):
        part(here)


if __name__ == "__main__":
    sys.exit(main())
