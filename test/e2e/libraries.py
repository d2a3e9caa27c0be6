"""Packages that call cuBLASLt and cuDNN, on stand-ins of both and of the driver: the whole way from --cuda-libs to results beside the
processor's, and what is said where a library is missing.

  libraries.py FOLDER LIB     LIB: the folder that has fakecuda/
"""
import json
import os
import pathlib
import subprocess
import sys

import numpy
from cuda import compare
from harness import ROOT, check, compile_model, load, run, workplace


def calls_of(package):
    """What the package's variant for the device leaves to libraries."""
    variants = json.loads(run("mome", "inspect", package, "--json"))["variants"]
    return next(v for v in variants if v["name"].startswith("cuda:")).get("libraries", [])


def says(command, code, *words, **environment):
    """The command fails with this code, and one line with a hint that says all of this."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env={**os.environ, **environment})
    lines = done.stderr.splitlines()
    check(done.returncode == code and len(lines) == 2 and all(word in done.stderr for word in words),
          f"exit {done.returncode}: {' '.join(lines)}")


def missing(here, package, compile_command):
    """Who has no library is told what to do, by momec and by mome."""
    nowhere = {"MOME_CUBLASLT": "/nowhere/libcublasLt.so.13"}
    says([*compile_command, "-o", here / "none.mpk"], 2, "--cuda-libs", "/nowhere/libcublasLt.so.13", "MOME_CUBLASLT", **nowhere)
    run_command = ["mome", "run", package, "--entry", "predict", "--random-inputs", "-q", "--out", here / "none.safetensors", "--device"]
    says([*run_command, "cuda:0"], 6, "cublaslt", "/nowhere/libcublasLt.so.13", "libcublas", "without --cuda-libs", **nowhere)
    subprocess.run([str(c) for c in [*run_command, "cpu"]], check=True, env={**os.environ, **nowhere})
    check(True, "and the package's variant for the processor misses nothing")


def main():
    here = workplace()
    os.environ["LD_LIBRARY_PATH"] = str(pathlib.Path(sys.argv[2]) / "fakecuda")
    flags = ["--target=cpu,cuda:sm_80", "--cuda-libs=cublaslt,cudnn"]
    model = ROOT / "test/e2e/Inputs/filters.mome"
    package = compile_model(model, here / "filters.mpk", *flags)
    calls = calls_of(package)
    operations = sorted({c["call"]["operation"] for c in calls})
    check(operations == ["conv", "conv_for_input", "conv_for_weight", "product"], f"{len(calls)} kernels are left to libraries: {operations}")
    compare(here, "filters", package, "predict")
    compare(here, "filters", package, "grad")
    first = compare(here, "filters", package, "step", first_step=True)
    again = here / "again.safetensors"
    run("mome", "run", package, "--entry", "step", "--device", "cuda:0", "--random-inputs", "--out", again, "-q")
    same = load(again)
    check(all(numpy.array_equal(first[name], same[name]) for name in first), "a second run gives the same bits")
    notes = json.loads(run("mome", "profile", package, "--device", "cuda:0", "--repeat", "1", "--json"))["notes"]
    check(len(notes) == len(calls) and any("algorithm" in n for n in notes) and any("engine 1," in n for n in notes),
          f"what libraries chose is on record: {notes[0]}")
    missing(here, package, ["momec", model, *flags])


if __name__ == "__main__":
    sys.exit(main())
