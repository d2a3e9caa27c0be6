"""Packages with machine code from NVIDIA's own assembler, for four architectures and for sm_90a, in a variant per kind of device: nothing
spills; and the stand-in driver, which takes the PTX from the same fat binary, gives what it gives for PTX alone. An H100 takes the variant for sm_90a.

  cubins.py FOLDER LIB     LIB: the folder that has fakecuda/libcuda.so.1
"""
import json
import os
import pathlib
import sys

import numpy
from harness import ROOT, check, compile_model, load, run, workplace

VARIANTS = {"cuda:sm_80": ["sm_80"], "cuda:sm_89": ["sm_89"], "cuda:sm_90": ["sm_90", "sm_100"], "cuda:sm_90a": ["sm_90a"]}
MODELS = {
    "watch": ("models/watch.mome", "--preset=tiny"),
    "mome_htl": ("models/mome_htl.mome", "--preset=tiny", "--batch=2", "--eval-batch=2", "--precision=f32"),
}


def variant(package, name="cuda:sm_80"):
    variants = json.loads(run("mome", "inspect", package, "--json"))["variants"]
    return next(v for v in variants if v["name"] == name)


def step(here, package, *options, model="a100", expect=0):
    out = here / (package.stem + ".safetensors")
    run("mome", "run", package, "--entry", "step", "--device", "cuda:0", "--random-inputs", "--out", out, "-q", *options, expect=expect,
        env={**os.environ, "MOME_FAKECUDA": f"model={model}"})
    return load(out) if expect == 0 else {}


def same(left, right):
    return all(numpy.array_equal(left[key], right[key]) for key in right)


def main():
    here = workplace()
    os.environ["LD_LIBRARY_PATH"] = str(pathlib.Path(sys.argv[2]) / "fakecuda")
    for name, (source, *options) in MODELS.items():
        package = compile_model(ROOT / source, here / f"{name}.mpk", *options, "--target=cpu,cuda:sm_90a,sm_80,sm_89,sm_90,sm_100")
        assembled = {}
        for of_variant, architectures in VARIANTS.items():
            found = variant(package, of_variant)["assembled"]
            check(sorted(found) == sorted(architectures), f"{name}: {of_variant} has machine code for {', '.join(architectures)}")
            assembled.update(found)
        for architecture, functions in assembled.items():
            registers = max(f["registers"] for f in functions)
            check(all(f["spilled"] == 0 and f["stack"] == 0 for f in functions),
                  f"{name} on {architecture}: {len(functions)} functions, at most {registers} registers, nothing spills")
    package = here / "watch.mpk"
    os.environ["CUDA_PATH"] = str(ROOT / "test/tools/momec/Inputs/broken-toolkit")
    plain = compile_model(ROOT / "models/watch.mome", here / "plain.mpk", "--preset=tiny", "--target=cpu,cuda:sm_80")
    check("assembled" not in variant(plain), "without an assembler a package carries PTX alone")
    check(same(step(here, package), step(here, plain)), "and gives the same bits")
    check(same(step(here, package, model="h100"), step(here, package, "--variant", "cuda:sm_90a", model="h100")), "an H100 takes sm_90a")
    step(here, package, "--variant", "cuda:sm_90a", expect=6)
    check(True, "which no other device runs")


if __name__ == "__main__":
    sys.exit(main())
