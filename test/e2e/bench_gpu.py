"""bench/gpu on the stand-in driver: every kernel of a package is compared with the processor, and measured and predicted times printed
(here the time measured is the simulator's).

  bench_gpu.py FOLDER LIB     LIB: the folder that has fakecuda/libcuda.so.1
"""
import os
import pathlib
import re
import shutil
import sys

from harness import ROOT, check, compile_model, run, workplace


def main():
    here = workplace()
    os.environ["LD_LIBRARY_PATH"] = str(pathlib.Path(sys.argv[2]) / "fakecuda")
    os.environ["MOME_BIN"] = str(pathlib.Path(shutil.which("mome-bench-gpu")).parent)
    package = compile_model(ROOT / "test/e2e/Inputs/mlp.mome", here / "mlp.mpk", "--target=cpu,cuda:sm_80")
    os.environ["GPU_OPTIONS"] = "--repeat 2"
    text = run(ROOT / "bench/gpu", package)
    print(text)
    kernels, wrong = map(int, re.search(r"(\d+) kernels, (\d+) differ from the processor", text).groups())
    check(kernels > 5 and wrong == 0, f"{kernels} kernels agree with the processor")
    measured, predicted = map(float, re.search(r"measured ([\d.]+) ms, predicted ([\d.]+) ms", text).groups())
    check(measured > predicted > 0, "times are printed; the simulator's are longer than those predicted for an A100")
    check("predicted for A100 SXM 80 GB" in text, "and it says for which device")
    os.environ["GPU_OPTIONS"] = "--repeat 1 --tolerance 0"
    check("WRONG" in run(ROOT / "bench/gpu", package, expect=1), "what differs by more than the tolerance is an error")
    run("mome-bench-gpu", compile_model(ROOT / "test/e2e/Inputs/mlp.mome", here / "cpu.mpk"), expect=6)
    run("mome-bench-gpu", package, "--device", "cpu", expect=2)


if __name__ == "__main__":
    sys.exit(main())
