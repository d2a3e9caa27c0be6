"""The CUDA variant of a package on the stand-in driver gives what the processor gives, with every checker of the simulator on.

  cuda.py FOLDER LIB [--demo|--bf16|--tf32]     LIB: the folder that has fakecuda/libcuda.so.1

`./dev demo --device cuda:0` runs it with --demo: fifty steps of the watch model, and five of the small MoME+HTL. --bf16: one step of that
in bf16, whose roundings on both sides part where sums in other orders fall on different sides of a tie. --tf32: one in tf32, which rounds what
tensor cores multiply to ten bits, beside the processor's f32.

Adam divides a gradient by its own size: where it is rounding and nothing else, the sign of a parameter's first step is, too. So
parameters after a first step are compared in two ways: each element whose gradient is at least GRADIENT of its tensor's largest, as
everything else; and each tensor by its norm.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy
from harness import ROOT, check, checkpoint_bytes, compile_model, load, recordings, run, workplace

TOLERANCE = 1e-5  # of the largest element of a tensor; f32
GRADIENT = 1e-4
FIRST_STEP_TOLERANCE = 1e-3  # of the norm of parameters: some start at zero, and all that they are is Adam's first step
BF16_TOLERANCE = 2e-2  # as TOLERANCE, of moments after one step (docs/numerics.md)
BF16_LOSS_TOLERANCE = 1e-3
BF16_PARAMETER_TOLERANCE = 5e-3  # of the largest element or of PARAMETER_SIZE: where the sign of a tiny gradient parts, so do whole steps
PARAMETER_SIZE = 1e-2
LEAST_SIZE = 1e-3  # parameters that start at zero are a few steps of Adam: their differences are parts of this
TF32_TOLERANCE = 1e-2  # as BF16_TOLERANCE
TF32_LOSS_TOLERANCE = 1e-3
STEPS = 50 if "--demo" in sys.argv else 8


def without_key_bias(name, array):
    """The gradient of the keys' bias is zero but for rounding, which Adam amplifies to full steps."""
    if not name.endswith(("attn.qkv.bias", "attn.in_proj_bias")):
        return array
    third = array.shape[0] // 3
    return numpy.concatenate([array[:third], array[2 * third :]])


def differences(name, results, first_step, least):
    """By what a result differs: its largest difference as a part of its largest element, and for parameters after first steps also the
    difference's norm as a part of the norm."""
    expected, found = (without_key_bias(name, numpy.asarray(results[device][name], numpy.float64)) for device in ("cpu", "cuda:0"))
    difference = found - expected
    if not (first_step and name.startswith("param.")):
        yield TOLERANCE, numpy.max(numpy.abs(difference), initial=0) / max(numpy.max(numpy.abs(expected), initial=0), least)
        return
    gradient = numpy.abs(without_key_bias(name, numpy.asarray(results["cpu"][f"moment.m/{name[6:]}"], numpy.float64)))
    well_known = gradient >= GRADIENT * numpy.max(gradient, initial=0)
    yield TOLERANCE, numpy.max(numpy.abs(difference[well_known]), initial=0) / max(numpy.max(numpy.abs(expected), initial=0), least)
    yield FIRST_STEP_TOLERANCE, numpy.linalg.norm(difference) / max(numpy.linalg.norm(expected), least)


def compare(here, model, package, entry, *options, parameter_size=1e-6, first_step=False, **kinds):
    """Runs an entry on both, from `init` on; every result must agree, some `kinds` (loss, param, ...) to a bound of their own."""
    results = {}
    for device in ("cpu", "cuda:0"):
        out = here / f"{model}.{entry}.{device.replace(':', '')}.safetensors"
        run("mome", "run", package, "--entry", entry, "--device", device, "--random-inputs", "--out", out, "-q", *options)
        results[device] = load(out)
    worst = 0.0
    for name in results["cpu"]:
        kind = name.split(".")[0]
        for bound, error in differences(name, results, first_step, parameter_size if kind == "param" else 1e-6):
            bound = kinds.get(kind, kinds.get("others", bound))
            worst = max(worst, error / bound)
            if not error <= bound:
                sys.exit(f"FAILED: {model} {entry}: {name} differs by {error}, {bound} is allowed")
    check(True, f"{model} {entry}: {len(results['cpu'])} results agree; the worst to {worst:.1e} of what is allowed")
    return results["cuda:0"]


def again(here, package, first, *options):
    """The same step on the same device, its operations in another order where streams leave one open."""
    out = here / "again.safetensors"
    run("mome", "run", package, "--entry", "step", "--device", "cuda:0", "--random-inputs", "--out", out, "-q", *options,
        env={**os.environ, "MOME_FAKECUDA": "seed=2"})
    same = load(out)
    check(first.keys() == same.keys() and all(numpy.array_equal(first[name], same[name]) for name in first), "a second run gives the same bits")


def main():
    here = workplace()
    os.environ["LD_LIBRARY_PATH"] = str(pathlib.Path(sys.argv[2]) / "fakecuda")
    if "--bf16" in sys.argv:
        return bf16(here)
    if "--tf32" in sys.argv:
        return tf32(here)
    package = compile_model(ROOT / "models/watch.mome", here / "watch.mpk", "--preset=tiny", "--batch=8", "--eval-batch=8", "--target=cpu,cuda:sm_80")
    check("runs code for sm_" in run("mome", "doctor"), "mome doctor finds the device")
    compare(here, "watch", package, "predict")
    compare(here, "watch", package, "grad")
    again(here, package, compare(here, "watch", package, "step"))
    train(here, package)
    if "--demo" in sys.argv:
        htl(here)


def htl(here):
    """Five training steps of three experts on clips, one after the other, with dropout drawn anew in each."""
    package = compile_model(ROOT / "models/mome_htl.mome", here / "htl.mpk", "--preset=tiny", "--batch=2", "--eval-batch=2",
                            "--precision=f32", "--target=cpu,cuda:sm_80")
    options = ("--repeat", 5, "--set", "step=1", "--set", "seed=0", "--set", "sample=0")
    last = compare(here, "mome_htl", package, "step", *options, parameter_size=LEAST_SIZE, first_step=True)
    again(here, package, last, *options)


def bf16(here):
    """One step in bf16 on both: tensor cores on one side, multiply-adds on the other."""
    package = compile_model(ROOT / "models/mome_htl.mome", here / "htl.mpk", "--preset=tiny", "--batch=2", "--eval-batch=2",
                            "--precision=bf16", "--target=cpu,cuda:sm_80")
    check(b"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32" in package.read_bytes(), "the package multiplies by tensor cores")
    compare(here, "mome_htl bf16", package, "step", "--set", "step=1", "--set", "seed=0", "--set", "sample=0",
            others=BF16_TOLERANCE, loss=BF16_LOSS_TOLERANCE, param=BF16_PARAMETER_TOLERANCE, parameter_size=PARAMETER_SIZE)


def tf32(here):
    """One step in tf32 beside the processor, which does not have it and computes the same package in f32. A training package, so that
    gradients are compared as moments; `predict` as it is."""
    package = compile_model(ROOT / "models/mome_htl.mome", here / "htl.mpk", "--preset=tiny", "--batch=2", "--eval-batch=2",
                            "--precision=tf32", "--target=cpu,cuda:sm_80")
    check(b"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32" in package.read_bytes(), "the package multiplies by tensor cores")
    compare(here, "mome_htl tf32", package, "predict", others=TF32_TOLERANCE)
    first = compare(here, "mome_htl tf32", package, "step", "--set", "step=1", "--set", "seed=0", "--set", "sample=0",
                    others=TF32_TOLERANCE, loss=TF32_LOSS_TOLERANCE, param=BF16_PARAMETER_TOLERANCE, parameter_size=PARAMETER_SIZE)
    exact = load(here / "mome_htl tf32.step.cpu.safetensors")
    check(any(not numpy.array_equal(first[name], exact[name]) for name in exact if name.startswith("loss.")), "and it does round")


def without_driver(here, package, data):
    """A machine without a driver: a GPU that was asked for is one helpful error at once, `auto` is the processor."""
    os.environ["MOME_CUDA_DRIVER"] = "/nowhere/libcuda.so.1"
    command = ["mome", "train", package, "--data", data, "--steps", "2", "-q", "--out"]
    begin = time.monotonic()
    done = subprocess.run([*command, here / "none", "--device", "cuda:0"], capture_output=True, text=True)
    seconds = time.monotonic() - begin
    lines = done.stderr.splitlines()
    check(done.returncode == 6 and len(lines) == 2 and "no CUDA driver" in lines[0] and "--device cpu" in lines[1],
          f"without a driver --device cuda:0 is an error that says what to do: {lines[0]}")
    check(seconds < 1, f"and it comes within a second: {seconds:.2f} s")
    check(not (here / "none").exists(), "and leaves nothing behind")
    run(*command, here / "auto", "--device", "auto")
    manifest = checkpoint_bytes(here / "auto")["manifest.json"]
    check(json.loads(manifest)["state"]["variant"].startswith("x86-64"), "--device auto trains on the processor then")
    del os.environ["MOME_CUDA_DRIVER"]


def trained(here, package, data, device, seed=1):
    """Losses of every step, and the parameters at the end. `seed`: of the order of operations on the stand-in."""
    out = here / f"run-{device.replace(':', '')}-{seed}"
    run("mome", "train", package, "--data", data, "--out", out, "--device", device, "--steps", STEPS, "--log-every", 1, "-q",
        env={**os.environ, "MOME_FAKECUDA": f"seed={seed}"})
    events = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    latest = out / "ckpt" / (out / "ckpt/LATEST").read_text().strip()
    run("mome", "export", latest, "--out", f"{out}.safetensors")
    return numpy.array([event["losses"]["total"] for event in events if event["event"] == "step"]), load(f"{out}.safetensors")


def train(here, package):
    """Training: the same losses at every step, the same parameters at the end."""
    # Enough for the demo's steps before `monitor` loses its patience.
    data = recordings(here / "data", per_subject=12 if STEPS > 8 else 2)
    without_driver(here, package, data)
    expected, parameters = trained(here, package, data, "cpu")
    found, others = trained(here, package, data, "cuda:0")
    error = numpy.max(numpy.abs(found - expected) / expected)
    check(len(expected) == STEPS and error <= TOLERANCE, f"{len(expected)} of {STEPS} training steps have the same losses to {error:.1e}")
    worst = 0.0
    for name, value in parameters.items():
        value, other = (without_key_bias(name, numpy.asarray(array, numpy.float64)) for array in (value, others[name]))
        error = float(numpy.max(numpy.abs(other - value), initial=0)) / max(float(numpy.max(numpy.abs(value), initial=0)), LEAST_SIZE)
        worst = max(worst, error) if error == error else float("inf")
    check(worst <= TOLERANCE, f"and the same parameters to {worst:.1e}")
    losses, same = trained(here, package, data, "cuda:0", seed=2)
    check(numpy.array_equal(losses, found) and all(numpy.array_equal(same[name], others[name]) for name in parameters),
          "a second training gives the same bits")


if __name__ == "__main__":
    sys.exit(main())
