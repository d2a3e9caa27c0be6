"""Checks that every op's derivative and forms are tested: coverage.py FOLDER < output of mome-interp --list-ops.

An op counts as tested if it stands in a function that some check op of FOLDER's tests calls.
"""

import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1])
tested = {"expect_grad": set(), "expect_forms": set()}
for path in folder.glob("*.mlir"):
    text = path.read_text()
    functions = {f.split("(")[0].strip(): set(re.findall(r"\bnn\.\w+", f)) for f in re.split(r"func\.func (?:private )?@", text)[1:]}
    for check, function in re.findall(r"check\.(expect_\w+) @(\w+)", text):
        tested[check] |= functions[function]
reasons = dict(line.split(": ", 1) for line in (folder / "Inputs/not-differentiable.txt").read_text().splitlines() if not line.startswith("#"))

problems = []
ops = {line.split()[0]: set(line.split()[1:]) for line in sys.stdin}
for op, interfaces in ops.items():
    if "differentiable" in interfaces:
        if op not in tested["expect_grad"]:
            problems.append(f"{op}: no check.expect_grad covers it")
        if op in reasons:
            problems.append(f"{op}: is differentiable, but not-differentiable.txt lists it")
    elif op not in reasons and "_backward" not in op:
        problems.append(f"{op}: has no derivative; say why in not-differentiable.txt")
    if interfaces & {"elementwise", "access", "decomposable"} and op not in tested["expect_forms"]:
        problems.append(f"{op}: no check.expect_forms covers it")
problems += [f"{op}: listed in not-differentiable.txt, but there is no such op" for op in reasons if op not in ops]
print("\n".join(problems) or f"{len(ops)} ops covered")
sys.exit(bool(problems))
