"""Recomputation to a byte budget: the same bits as without, the budget kept to the byte, more work the smaller the budget."""
import json
import re
import subprocess
import sys

from harness import KERNELS, ROOT, check, run, workplace

GOLDEN = ROOT / "models/golden"
FLAGSHIP = ROOT / "models/mome_htl.mome"  # it has dropout in every global block
OPTIONS = ("--preset", "tiny", "--batch", 2, "--eval-batch", 2)


def memory(package):
    """Bytes of all arenas, and of the work arena."""
    arenas = json.loads(run("mome", "inspect", package, "--json"))["variants"][0]["arenas"]
    return sum(arena["bytes"] for arena in arenas), sum(arena["bytes"] for arena in arenas if arena["kind"] == "work")


def report(precision, budget):
    """What `momec report` says of the step under a budget: peak as text, dispatches and GFLOP of recomputation; None if it does not fit."""
    command = ["momec", "report", FLAGSHIP, *OPTIONS, "--precision", precision, f"--budget={budget}"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode == 3:
        check("[E0503]" in done.stderr, f"{precision}: {budget} bytes are refused")
        return None
    check(done.returncode == 0, f"{precision}: {budget} bytes fit")
    found = re.search(r"(\d+) dispatches run again: ([\d.]+) GFLOP, ([\d.]+) % more", done.stdout)
    return tuple(map(float, found.groups())) if found else (0.0, 0.0, 0.0)


def sweep(precision, total, work):
    """From no need to too little: never less work for a smaller budget. Returns the budgets that fit with recomputation."""
    fitting, before, refused = [], (0.0, 0.0, 0.0), False
    for part in (1.0, 0.9, 0.7, 0.4, 0.1):
        budget = total - work + int(part * work)
        got = report(precision, budget)
        check(not (refused and got), f"{precision}: {part:.0%} of the work memory: nothing fits again that was refused")
        if got is None:
            refused = True
            continue
        check(got[1] >= before[1], f"{precision}: {part:.0%} of the work memory: {got[0]:.0f} dispatches, {got[2]} % more operations")
        check((got[0] > 0) == (part < 1), f"{precision}: recomputation only where it is needed")
        before = got
        fitting += [budget] if part < 1 else []
    check(refused and len(fitting) >= 2, f"{precision}: the sweep reaches from everything to nothing")
    return fitting


def step(here, package, name):
    """All that a step leaves behind, as bytes, and the work memory that was planned for it: this much it touches, in pages."""
    out = here / f"{name}.safetensors"
    text = run("mome", "run", package, "--entry", "step", "--params", here / "htl/params.safetensors", "--in", here / "htl/inputs.safetensors",
               "--out", out, "--memory", "--set", "seed=7", "--set", "step=1", "--set", "sample=0")
    planned, touched = map(int, re.search(r"arena work: (\d+) bytes planned for this entry, (\d+) touched", text).groups())
    pages = -(-planned // 4096) * 4096
    huge = touched > pages and planned > 1 << 21  # a large arena may get huge pages, which are touched as a whole
    check(touched == pages or huge, f"{name}: a step touches {touched} bytes in pages, planned were {planned}")
    return out.read_bytes(), planned


def check_precision(here, precision, codegen, swept=False):
    base = here / f"{precision}.mpk"
    options = (*OPTIONS, "--precision", precision, f"--codegen={codegen}", f"--cache={KERNELS or here / 'cache'}")  # clones run known kernels
    run("momec", FLAGSHIP, *options, "-o", base)
    total, work = memory(base)
    want, planned = step(here, base, f"{precision}-{codegen}")
    budgets = sweep(precision, total, work) if swept else [total - work // 3]
    for budget in {budgets[0], budgets[-1]}:
        package = here / f"{precision}-{codegen}-{budget}.mpk"
        run("momec", FLAGSHIP, *options, f"--budget={budget}", "-o", package)
        check(memory(package)[0] <= budget, f"{precision}: {memory(package)[0]} bytes of a budget of {budget}")
        got, less = step(here, package, package.stem)
        check(less < planned, f"{precision}: a step needs {less} bytes of work memory instead of {planned}")
        check(got == want, f"{precision}, {codegen}: the same bits after a step, dropout too")


def main():
    here = workplace()
    run("/usr/bin/python3", GOLDEN / "uniformer.py", "inputs", "htl", here / "htl")
    check_precision(here, "f32", "cpu", swept=True)
    check_precision(here, "bf16", "cpu")
    check_precision(here, "f32", "reference")


if __name__ == "__main__":
    sys.exit(main())
