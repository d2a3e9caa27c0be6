"""bench/gpu on the stand-in driver: every kernel of a package is compared with the processor, and measured and predicted times printed
(here the time measured is the simulator's). And blocks in the simulator without a driver: right kernels agree, mutants do not.

  bench_gpu.py FOLDER LIB     LIB: the folder that has fakecuda/libcuda.so.1
"""
import os
import pathlib
import re
import shutil
import sys

from harness import ROOT, check, compile_model, run, workplace


IMAGE = re.compile(r'(code_1: "0x40000000)([0-9A-F]+)"')
# What is wrong, a pattern in the PTX and what takes its place, what is printed.
MUTANTS = [
    ("parts are not added", r"(entry k_\w+_1\((?:.|\n)*?)add(\.rn)?\.f32", r"\1max.f32", "WRONG"),
    ("no barrier", r"bar\.sync\s+0;", "", "shared-race"),
    ("no wait for a copy", r"cp\.async\.wait_group\s+\d;", "", "unwaited-copy"),
    ("no results", r"(entry k_\w+_0\((?:.|\n)*?)st\.global\.v4", r"\1//", "wrote nothing"),
]


def simulate(package, expect=0, *options):
    text = run("mome-bench-gpu", package, "--simulate", 3, *options, expect=expect)
    print(text.splitlines()[-1])
    return text


def blocks(here):
    """A weight's gradient is a long sum here: parts, and a second launch that adds them."""
    text = here / "mlp.mlir"
    os.environ["CUDA_PATH"] = str(ROOT / "test/tools/momec/Inputs/broken-toolkit")  # PTX alone
    run("momec", ROOT / "test/e2e/Inputs/mlp.mome", "--batch=4096", "--target=cpu,cuda:sm_80", "--emit=codegen", "-o", text)
    package = here / "blocks.mpk"
    run("momec", text, "--compile-from=codegen", "-o", package)
    kernels, launches, ran, of = map(int, re.search(r"(\d+) kernels, (\d+) launches, (\d+) of (\d+) blocks", simulate(package)).groups())
    check(launches > kernels > 5 and launches < ran < of, f"{ran} of {of} blocks, of {launches} launches, agree with the processor")
    simulate(package, 0, "--perturb")
    check("WRONG" in simulate(package, 1, "--tolerance", "0"), "a difference beyond the tolerance is an error")
    code = text.read_text()
    head, image = IMAGE.search(code).groups()
    ptx = bytes.fromhex(image).decode("latin1")
    for name, pattern, by, said in MUTANTS:
        mutant = re.sub(pattern, lambda m: m.expand(by).ljust(len(m[0])), ptx)
        check(mutant != ptx and len(mutant) == len(ptx), f"there is something to mutate: {name}")
        text.write_text(IMAGE.sub(lambda m: head + mutant.encode("latin1").hex().upper() + '"', code))
        run("momec", text, "--compile-from=codegen", "-o", package)
        check(said in simulate(package, 1), f"{name}: {said}")


def main():
    here = workplace()
    blocks(here)
    del os.environ["CUDA_PATH"]
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
