#!/usr/bin/env python3
"""House rules that a script can check. Prints one line per breach, with the mend; exit 1 if there is any.

  layers   who may include whom (docs/architecture.md)
  names    a pass is one name four times: TableGen def, file, test, flag
  sizes    budgets: .cpp 500 (900 at most), .td 300 (500), .mlir 150 (400), .py 500 (900); -v lists what is over the first
  pages    docs/generated says what the definitions of ops and passes say
"""
import pathlib
import re
import subprocess
import sys

import generated

ROOT = pathlib.Path(__file__).resolve().parents[2]

# folder -> include prefixes it must not use
FORBIDDEN = {
    "runtime/": ["mlir/", "llvm/", "dialects/", "passes/", "frontend/"],
    "dialects/NN/": ["dialects/Mome", "dialects/RT", "dialects/Check", "passes/", "frontend/", "runtime/"],
    "dialects/RT/": ["dialects/Mome", "dialects/NN", "dialects/Check", "passes/", "frontend/", "runtime/"],
    "dialects/Mome/": ["dialects/RT", "dialects/Check", "passes/", "frontend/", "runtime/"],
    "dialects/Check/": ["frontend/", "runtime/"],
    "passes/": ["frontend/", "dialects/Check"],
    "frontend/": ["passes/", "runtime/", "dialects/RT", "dialects/Check"],
    "models/": [""],
}
# The one header the compiler shares with the runtime, besides the generated package schema.
ALLOWED = {"runtime/package_hash.h", "runtime/package_generated.h"}
BUDGETS = {".cpp": (500, 900), ".h": (500, 900), ".td": (300, 500), ".mlir": (150, 400), ".py": (500, 900)}
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.M)


def tracked():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in listing.stdout.splitlines() if (ROOT / line).is_file()]


def layers(files):
    for name in files:
        if not name.endswith((".cpp", ".h")):
            continue
        for folder, prefixes in FORBIDDEN.items():
            if not name.startswith(folder):
                continue
            for include in INCLUDE.findall((ROOT / name).read_text(errors="replace")):
                if include not in ALLOWED and any(include.startswith(prefix) for prefix in prefixes):
                    yield f"{name}: must not include {include}: {folder} knows only the floors below it"
        if name.startswith(("dialects/", "passes/", "frontend/", "runtime/")) and "cl::opt" in (ROOT / name).read_text():
            yield f"{name}: command-line options live in tools/"


def names(files):
    table = ROOT / "passes/Passes.td"
    if not table.exists():
        return
    sources = {pathlib.PurePath(name).stem for name in files if name.startswith("passes/") and name.endswith(".cpp")}
    tests = {pathlib.PurePath(name).stem for name in files if name.startswith("test/passes/")}
    for definition, flag in re.findall(r'def\s+(\w+)\s*:\s*Pass<"([\w-]+)"', table.read_text()):
        if not definition.endswith("Pass"):
            yield f"passes/Passes.td: def {definition} must end in Pass"
        stem = definition.removesuffix("Pass")
        kebab = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", stem).lower()
        if not flag.endswith(kebab):
            yield f"passes/Passes.td: {definition} wants a flag that ends in '{kebab}', not '{flag}'"
        if stem not in sources:
            yield f"passes/{stem}.cpp: missing, though Passes.td defines {definition}"
        if flag not in tests:
            yield f"test/passes/{flag}.mlir: missing: every pass has the smallest IR that fires it"


def sizes(files):
    for name in files:
        budget = BUDGETS.get(pathlib.PurePath(name).suffix)
        if not budget:
            continue
        lines = len((ROOT / name).read_text(errors="replace").splitlines())
        if lines > budget[1]:
            yield f"{name}: {lines} lines, at most {budget[1]}: it holds more than one thing"
        elif lines > budget[0] and "-v" in sys.argv:
            print(f"note: {name}: {lines} lines, budget {budget[0]}")


def pages(files):
    return generated.breaches()


def main():
    files = tracked()
    breaches = [line for rule in (layers, names, sizes, pages) for line in rule(files)]
    print("\n".join(breaches) if breaches else f"lint: {len(files)} files, no breach")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
