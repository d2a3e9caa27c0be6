"""Packages with machine code from NVIDIA's own assembler, for four architectures: nothing spills; and the stand-in driver, which takes
the PTX from the same fat binary, gives what it gives for PTX alone.

  cubins.py FOLDER LIB     LIB: the folder that has fakecuda/libcuda.so.1
"""
import json
import os
import pathlib
import sys

import numpy
from harness import ROOT, check, compile_model, load, run, workplace

ARCHITECTURES = ["sm_80", "sm_89", "sm_90", "sm_100"]
MODELS = {
    "watch": ("models/watch.mome", "--preset=tiny"),
    "mome_htl": ("models/mome_htl.mome", "--preset=tiny", "--batch=2", "--eval-batch=2", "--precision=f32"),
}


def variant(package):
    variants = json.loads(run("mome", "inspect", package, "--json"))["variants"]
    return next(v for v in variants if v["name"] == "cuda:sm_80")


def step(here, package):
    out = here / (package.stem + ".safetensors")
    run("mome", "run", package, "--entry", "step", "--device", "cuda:0", "--random-inputs", "--out", out, "-q")
    return load(out)


def main():
    here = workplace()
    os.environ["LD_LIBRARY_PATH"] = str(pathlib.Path(sys.argv[2]) / "fakecuda")
    for name, (source, *options) in MODELS.items():
        package = compile_model(ROOT / source, here / f"{name}.mpk", *options, "--target=cpu,cuda:" + ",".join(ARCHITECTURES))
        assembled = variant(package)["assembled"]
        check(sorted(assembled) == sorted(ARCHITECTURES), f"{name}: machine code for {', '.join(ARCHITECTURES)}")
        for architecture, functions in assembled.items():
            registers = max(f["registers"] for f in functions)
            check(all(f["spilled"] == 0 and f["stack"] == 0 for f in functions),
                  f"{name} on {architecture}: {len(functions)} functions, at most {registers} registers, nothing spills")
    package = here / "watch.mpk"
    os.environ["CUDA_PATH"] = str(ROOT / "test/tools/momec/Inputs/broken-toolkit")
    plain = compile_model(ROOT / "models/watch.mome", here / "plain.mpk", "--preset=tiny", "--target=cpu,cuda:sm_80")
    check("assembled" not in variant(plain), "without an assembler a package carries PTX alone")
    both, alone = step(here, package), step(here, plain)
    check(all(numpy.array_equal(both[key], alone[key]) for key in alone), "and gives the same bits")


if __name__ == "__main__":
    sys.exit(main())
