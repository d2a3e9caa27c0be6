"""models/mome_htl.mome at full size for GPUs, without one: every kernel of the package in the simulator, some blocks of each launch beside
the processor's results; and what ptxas says for four architectures, where nothing may spill.

  full_size.py FOLDER [PRECISION:BATCH ...] [--blocks N] [--perturb] [--no-cubins]     default: bf16:1 f32:1 bf16:8 f32:8

`./dev check-cuda` runs all of it (half an hour on two cores), test/e2e/full-size.test one part.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

from harness import ROOT, check, run

ARCHITECTURES = ["sm_80", "sm_89", "sm_90", "sm_100"]
TOTAL = re.compile(r"(\d+) kernels, (\d+) launches, (\d+) of (\d+) blocks, (\d+) elements: largest difference (\S+) "
                   r"\(at most \S+\), in bf16 (\S+) \(at most \S+\); (\d+) kernels are wrong")


def compile_step(package, precision, batch, cubins):
    """The package, and what was said of kernels that only the generic family takes."""
    start = time.time()
    target = "--target=cpu,cuda:" + (",".join(ARCHITECTURES) if cubins else "sm_80")
    command = ["momec", ROOT / "models/mome_htl.mome", "-o", package, target, f"--precision={precision}", f"--batch={batch}",
               f"--eval-batch={batch}", "--remarks=nn-generate-code"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    print(f"compiled {package.name} in {time.time() - start:.0f} s", flush=True)
    return re.findall(r"@k_\w+ on cuda[^\n]*", done.stdout + done.stderr)


def print_assembled(package):
    """Functions, registers and spills by architecture; false where something spills or is not there."""
    variants = json.loads(run("mome", "inspect", package, "--json"))["variants"]
    assembled = {}
    for variant in variants:
        assembled.update(variant.get("assembled", {}))
    fine = sorted(assembled) == sorted(ARCHITECTURES)
    print(f"{'ptxas for':10} {'functions':>9} {'registers':>9} {'stack':>6} {'spilled':>8}  worst")
    for architecture in ARCHITECTURES:
        functions = assembled[architecture]
        spilled = sum(f["spilled"] for f in functions)
        worst = max(functions, key=lambda f: (f["spilled"], f["registers"]))
        print(f"{architecture:10} {len(functions):9} {max(f['registers'] for f in functions):9} {max(f['stack'] for f in functions):6} "
              f"{spilled:8}  {worst['function']}")
        fine &= spilled == 0 and all(f["stack"] == 0 for f in functions)
    return fine


def check_blocks(package, options, *more):
    """Runs blocks in the simulator; prints the worst kernels and the sums; the sums."""
    start = time.time()
    done = subprocess.run(["mome-bench-gpu", str(package), "--variant", "cuda:sm_80", "--simulate", str(options.blocks), *more], capture_output=True, text=True)
    (package.parent / (package.stem + "".join(more) + ".txt")).write_text(done.stdout)
    lines = done.stdout.splitlines()
    total = TOTAL.match(lines[-1]) if lines else None
    if total is None or done.returncode not in (0, 1):
        sys.exit(f"mome-bench-gpu: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr}")
    for line in lines:
        if "WRONG" in line or ": cuda:" in line or "nothing" in line:
            print(line)
    print(lines[-1], f"({time.time() - start:.0f} s{''.join(', ' + m for m in more)})", flush=True)
    return [int(n) for n in total.group(1, 2, 3, 8)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("parts", nargs="*", default=["bf16:1", "f32:1", "bf16:8", "f32:8"])
    parser.add_argument("--blocks", type=int, default=6, help="of each launch at least")
    parser.add_argument("--perturb", action="store_true", help="also with approximate instructions off")
    parser.add_argument("--no-cubins", action="store_true", help="without ptxas")
    options = parser.parse_intermixed_args()  # `FOLDER --perturb PART` is what ./dev says
    if options.no_cubins:
        os.environ["CUDA_PATH"] = str(ROOT / "test/tools/momec/Inputs/broken-toolkit")
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for part in options.parts:
        precision, batch = part.split(":")
        package = folder / f"mome_htl-{precision}-{batch}.mpk"
        generic = compile_step(package, precision, batch, not options.no_cubins)
        check(not generic, f"{part}: no kernel is left to the generic family" + "".join("\n  " + g for g in generic))
        if not options.no_cubins:
            check(print_assembled(package), f"{part}: nothing spills")
        for more in [[], ["--perturb", "--tolerance=3e-5"]] if options.perturb else [[]]:
            kernels, launches, blocks, wrong = check_blocks(package, options, *more)
            check(wrong == 0 and kernels > 500 and blocks > 3 * launches, f"{part}: {blocks} blocks of {kernels} kernels agree")
        os.remove(package)


if __name__ == "__main__":
    sys.exit(main())
