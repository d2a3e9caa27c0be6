"""The CUDA variant of a package on the stand-in driver gives what the processor gives, with every checker of the simulator on.

  cuda.py FOLDER LIB     LIB: the folder that has fakecuda/libcuda.so.1
"""
import json
import os
import pathlib
import sys

import numpy
from harness import ROOT, check, compile_model, load, recordings, run, workplace

TOLERANCE = 1e-5  # of the largest element of a tensor; f32
STEPS = 8


def without_key_bias(name, array):
    """The gradient of the keys' bias is zero but for rounding, which Adam amplifies to full steps."""
    if not name.endswith("attn.qkv.bias"):
        return array
    third = array.shape[0] // 3
    return numpy.concatenate([array[:third], array[2 * third :]])


def compare(here, model, package, entry):
    """Runs an entry on both, from `init` on; every result must agree."""
    results = {}
    for device in ("cpu", "cuda:0"):
        out = here / f"{model}.{entry}.{device.replace(':', '')}.safetensors"
        run("mome", "run", package, "--entry", entry, "--device", device, "--random-inputs", "--out", out, "-q")
        results[device] = load(out)
    worst = 0.0
    for name, expected in results["cpu"].items():
        expected, found = (without_key_bias(name, numpy.asarray(results[device][name], numpy.float64)) for device in ("cpu", "cuda:0"))
        error = float(numpy.max(numpy.abs(found - expected), initial=0)) / max(float(numpy.max(numpy.abs(expected), initial=0)), 1e-6)
        worst = max(worst, error) if error <= TOLERANCE else float("inf")
        if not error <= TOLERANCE:
            sys.exit(f"FAILED: {model} {entry}: {name} differs by {error}")
    check(True, f"{model} {entry}: {len(results['cpu'])} results agree to {worst:.1e}")
    return results["cuda:0"]


def main():
    here = workplace()
    os.environ["LD_LIBRARY_PATH"] = str(pathlib.Path(sys.argv[2]) / "fakecuda")
    package = compile_model(ROOT / "models/watch.mome", here / "watch.mpk", "--preset=tiny", "--target=cpu,cuda:sm_80")
    check("runs code for sm_" in run("mome", "doctor"), "mome doctor finds the device")
    compare(here, "watch", package, "predict")
    compare(here, "watch", package, "grad")
    first = compare(here, "watch", package, "step")
    again = here / "again.safetensors"
    run("mome", "run", package, "--entry", "step", "--device", "cuda:0", "--random-inputs", "--out", again, "-q")
    same = load(again)
    check(all(numpy.array_equal(first[name], same[name]) for name in first), "a second run gives the same bits")
    train(here, package)


def train(here, package):
    """Training: the same losses at every step, the same parameters at the end."""
    data = recordings(here / "data")
    losses = {}
    for device in ("cpu", "cuda:0"):
        out = here / f"run-{device.replace(':', '')}"
        run("mome", "train", package, "--data", data, "--out", out, "--device", device, "--steps", STEPS, "--log-every", 1, "-q")
        events = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        losses[device] = numpy.array([event["losses"]["total"] for event in events if event["event"] == "step"])
    error = numpy.max(numpy.abs(losses["cuda:0"] - losses["cpu"]) / losses["cpu"])
    check(len(losses["cpu"]) == STEPS and error <= TOLERANCE, f"{STEPS} training steps have the same losses to {error:.1e}")


if __name__ == "__main__":
    sys.exit(main())
