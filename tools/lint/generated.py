#!/usr/bin/env python3
"""Pages made from the definitions of ops and passes: docs/generated/{mome,nn,rt,check,passes}.md.

  generated.py --write   makes them anew
  generated.py --check   prints one line per page that no longer says what the definitions say; exit 1 if there is any

Calls mlir-tblgen ($MLIR_TBLGEN, else LLVM 22's) on the .td files: no build is needed.
"""
import difflib
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs/generated"
LLVM = pathlib.Path("/usr/lib/llvm-22")
TBLGEN = os.environ.get("MLIR_TBLGEN", str(LLVM / "bin/mlir-tblgen"))
BANNER = "<!-- Made by tools/lint/generated.py from {}: edit that, then run ./dev docs -->\n\n"

# What every pure op has is said once, in the dialect's own words.
NOISE = ["AlwaysSpeculatableImplTrait", "ConditionallySpeculatable", "NoMemoryEffect (MemoryEffectOpInterface)"]


class Unavailable(Exception):
    pass


def tblgen(source, *flags):
    command = [TBLGEN, str(ROOT / source), "-I", str(ROOT), "-I", str(LLVM / "include"), *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise Unavailable(f"{TBLGEN} is not there: install mlir-22-tools, or set MLIR_TBLGEN") from None
    if done.returncode:
        raise Unavailable(f"this failed: {' '.join(command)}\n{done.stderr}")
    text = re.sub(r"<!--.*?-->\n|\[TOC\]\n", "", done.stdout)
    return text.strip() + "\n"


def quiet(text):
    """Leaves out what all pure ops have in common."""
    for noise in NOISE:
        text = text.replace(f"`{noise}`, ", "").replace(f", `{noise}`", "").replace(f"`{noise}`", "")
    text = re.sub(r"^(Traits|Interfaces): *\n+", "", text, flags=re.M)
    text = re.sub(r"^Effects: `MemoryEffects::Effect\{\}`\n+", "", text, flags=re.M)
    return re.sub(r"\n{3,}", "\n\n", text)


def dialect_page(folder, name, source):
    source = f"dialects/{folder}/{source}"
    return BANNER.format(source) + quiet(tblgen(source, "-gen-dialect-doc", f"-dialect={name}"))


def opening(source):
    """The comment that opens a file, without its marks."""
    lines = []
    for line in (ROOT / source).read_text().splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].strip())
    return "\n".join(lines)


def nn_page():
    """The dialect, then each family of ops under the words that open its file."""
    attributes = tblgen("dialects/NN/NNAttrs.td", "-gen-dialect-doc", "-dialect=nn")
    listing = (ROOT / "dialects/NN/CMakeLists.txt").read_text()
    families = re.search(r"set\(NN_FAMILIES ([^)]*)\)", listing)[1].split()
    head, rule, tail = attributes.partition("\n## ")
    contents = "\n".join(f"- [{family}](#{family.lower()})" for family in families)
    parts = [head, contents + "\n"]
    for family in families:
        source = f"dialects/NN/{family}.td"
        parts += [f"## {family}\n\n{opening(source)}\n", tblgen(source, "-gen-op-doc", "-dialect=nn")]
    parts += [rule.strip() + " " + tail if rule else ""]
    return BANNER.format("dialects/NN/*.td") + quiet("\n".join(parts))


def passes_of(source):
    """(phase, class name, flag, text) of every pass, in the order of the file."""
    texts = {}
    for part in re.split(r"^### ", tblgen(source, "-gen-pass-doc"), flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        texts[title.strip("`- ")] = body.strip() + "\n"
    phase = ""
    for line in (ROOT / source).read_text().splitlines():
        if heading := re.match(r"//===-- (.*?) *-+===//", line):
            phase = heading[1]
        if definition := re.match(r'def (\w+)Pass : Pass<"([^"]+)"', line):
            yield phase, definition[1], definition[2], texts[definition[2]]


def passes_page():
    text = BANNER.format("passes/Passes.td and passes/cpu/Passes.td") + "# Passes\n\n"
    text += "In the order of the phases; passes/Pipelines.cpp says which stage runs what. Each runs alone: `mome-opt --FLAG`.\n"
    for folder in ["passes", "passes/cpu"]:
        section = None
        for phase, name, flag, body in passes_of(f"{folder}/Passes.td"):
            phase = phase or "the CPU code generator"
            if phase != section:
                section = phase
                text += f"\n## {phase[0].upper() + phase[1:]}\n"
            text += f"\n### `{flag}`\n\n{body}\nSource: `{folder}/{name}.cpp`.\n"
    return text


def pages():
    yield "mome.md", dialect_page("Mome", "mome", "MomeOps.td")
    yield "nn.md", nn_page()
    yield "rt.md", dialect_page("RT", "rt", "RT.td")
    yield "check.md", dialect_page("Check", "check", "Check.td")
    yield "passes.md", passes_page()


def breaches():
    """One line per page that differs from what the definitions say."""
    try:
        for name, wanted in pages():
            path = PAGES / name
            found = path.read_text() if path.exists() else ""
            if found != wanted:
                lines = difflib.ndiff(found.splitlines(), wanted.splitlines())
                first = next((line for line in lines if line[0] in "+-"), "  ")
                yield f"docs/generated/{name}: out of date (first: '{first}'): run ./dev docs"
    except Unavailable as reason:
        yield f"docs/generated: cannot be checked: {reason}"


def main():
    if sys.argv[1:] == ["--write"]:
        PAGES.mkdir(parents=True, exist_ok=True)
        for name, text in pages():
            (PAGES / name).write_text(text)
        return 0
    if sys.argv[1:] == ["--check"]:
        found = list(breaches())
        print("\n".join(found) if found else "docs/generated: up to date")
        return 1 if found else 0
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
