"""bf16 training against f32: gradients of every loss, L_intra with an outlier channel, the same bits for any threads, training."""
import sys

import numpy as np

from harness import ROOT, check, checkpoint_bytes, compile_model, load, recordings, run, summary, workplace

sys.path.insert(0, str(ROOT / "test/models"))
from compare import without_key_bias  # noqa: E402
from safetensors import save  # noqa: E402

GOLDEN = ROOT / "models/golden"
SINGLE = GOLDEN / "uniformer.mome"
DROPOUT = ("--set", "seed=0", "--set", "step=1", "--set", "sample=0")
LOSSES = {"cls": (1, 0, 0), "intra": (0, 1, 0), "inter": (0, 0, 1), "all": (1, 0.01, 1)}


def flagship(here):
    """models/mome_htl.mome, where the classification loss has a weight too, so that each loss can stand alone."""
    text = (ROOT / "models/mome_htl.mome").read_text().replace('"lib/', f'"{ROOT}/models/lib/')
    text = text.replace("hyper alpha = 0.01,", "hyper gamma = 1.0, alpha = 0.01,").replace("loss cls  ", "loss cls(weight = gamma)  ")
    assert "gamma = 1.0" in text and "weight = gamma" in text
    path = here / "flagship.mome"
    path.write_text(text)
    return path


class Pair:
    """One model in both precisions, with parameters and inputs."""

    def __init__(self, here, case, source, *options):
        self.here = here / case
        run("/usr/bin/python3", GOLDEN / "uniformer.py", "inputs", case, self.here)
        self.params, self.inputs = self.here / "params.safetensors", self.here / "inputs.safetensors"
        self.packages = {p: compile_model(source, self.here / f"{p}.mpk", *options, "--precision", p) for p in ("f32", "bf16")}

    def gradients(self, precision, *options, params=None):
        out = self.here / f"{precision}.safetensors"
        run("mome", "run", self.packages[precision], "--entry", "grad", "--params", params or self.params, "--in", self.inputs,
            "--out", out, "-q", *options)
        return load(out)


def cosines(want, got):
    """By gradient tensor, where there is a gradient beyond rounding."""
    largest = max(np.linalg.norm(array) for name, array in want.items() if name.startswith("grad."))
    result = {}
    for name, array in want.items():
        a, b = (without_key_bias(name, x[name]).astype(np.float64).ravel() for x in (want, got))
        if name.startswith("grad.") and np.linalg.norm(a) > 1e-6 * largest:
            result[name.removeprefix("grad.")] = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    return result


def check_cosines(title, want, got):
    found = cosines(want, got)
    worst = min(found, key=found.get)
    bad = {name: round(value, 5) for name, value in found.items() if not value >= 0.999}
    check(not bad, f"{title}: {len(found)} gradients, worst cosine {found[worst]:.5f} ({worst}){bad or ''}")
    check(any(value < 1 - 1e-9 for value in found.values()), f"{title}: and it is bf16 that was compared")


def outlier(pair):
    """One channel of the residual stream 50 above the others, whose deviation is about 1, in every expert from its first block on."""
    params = dict(load(pair.params))
    names = [name for name in params if name.endswith("resblocks.0.mlp.c_proj.bias")]
    assert len(names) == 3, sorted(params)
    for name in names:
        params[name] = params[name].copy()
        params[name][3] += 50.0
    path = pair.here / "outlier.safetensors"
    save(path, params)
    want, got = (pair.gradients(p, *DROPOUT, params=path)["loss.intra"] for p in ("f32", "bf16"))
    check(abs(got - want) <= 0.01 * abs(want), f"an outlier channel: L_intra {float(got):.6g}, in f32 {float(want):.6g}")


def training(here):
    """The simulated watch: both precisions learn alike; a checkpoint of bf16 training holds f32."""
    data = recordings(here / "data")
    losses = {}
    for precision in ("f32", "bf16"):
        package = compile_model(ROOT / "models/watch.mome", here / f"watch_{precision}.mpk", "--preset", "tiny", "--precision", precision)
        for steps in (1, 120):
            out = here / f"run_{precision}_{steps}"
            run("mome", "train", package, "--data", data, "--out", out, "-q", "--steps", steps)
            said = summary(run("mome", "eval", out, "--data", data, "--part", "test", "--json", "--latest"))
            losses[precision, steps] = said["losses"]["loss.cls"]
    first, f32, bf16 = losses["f32", 1], losses["f32", 120], losses["bf16", 120]
    check(first - f32 > 0.1 and abs(bf16 - f32) < 0.1 * (first - f32), f"cross entropy of the test part {first:.3f} before, {f32:.3f} after training in f32, {bf16:.3f} in bf16")
    step = here / "run_bf16_120/ckpt" / (here / "run_bf16_120/ckpt/LATEST").read_text().strip()
    run("mome", "export", step, "--out", here / "exported.safetensors")
    check(all(array.dtype == np.float32 for array in load(here / "exported.safetensors").values()), "a checkpoint holds f32")
    bf16 = here / "watch_bf16.mpk"
    run("mome", "train", bf16, "--data", data, "--out", here / "threads1", "-q", "--steps", 12, "--threads", 1)
    run("mome", "train", bf16, "--data", data, "--out", here / "threads2", "-q", "--steps", 12, "--threads", 2)
    check(checkpoint_bytes(here / "threads1") == checkpoint_bytes(here / "threads2"), "one and two threads write the same checkpoint bytes")


def main():
    here = workplace()
    single = Pair(here, "tiny", SINGLE)
    check_cosines("UniFormerV2", single.gradients("f32"), single.gradients("bf16"))
    htl = Pair(here, "htl", flagship(here), "--preset", "tiny", "--batch", 2, "--eval-batch", 2, "--devices", 1)
    for title, weights in LOSSES.items():
        options = [part for name, value in zip(("gamma", "alpha", "beta"), weights) for part in ("--set", f"{name}={value}")]
        check_cosines(f"MoME + HTL, {title}", *(htl.gradients(p, *DROPOUT, *options) for p in ("f32", "bf16")))
    outlier(htl)
    training(here)


if __name__ == "__main__":
    sys.exit(main())
