"""Assembles PTX with the CUDA toolkit's ptxas, where there is one: no function may spill registers.

  no_spills.py PTX ARCHITECTURE... [--as-packages]

ptxas may spill a few registers so that one more block fits on a multiprocessor. Packages forbid that to functions that do
(passes/cuda/Ptxas.h), and so does --as-packages, which names them.
"""
import os
import re
import shutil
import subprocess
import sys

ptx_file, *architectures = [word for word in sys.argv[1:] if word != "--as-packages"]
as_packages = "--as-packages" in sys.argv
path = os.pathsep.join([os.environ.get("CUDA_PATH", "/usr/local/cuda") + "/bin", os.environ["PATH"]])
ptxas = shutil.which("ptxas", path=path)
if not ptxas:
    print("no ptxas: nothing was assembled")
    architectures = []


def assemble(architecture, text):
    """The number of functions, and those that spill."""
    path = f"{ptx_file}.{architecture}"
    with open(path, "w") as file:
        file.write(text)
    done = subprocess.run([ptxas, "-v", f"-arch={architecture}", path, "-o", os.devnull], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spills = re.findall(r"Function properties for (\w+)\n.* (\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    assert len(spills) == done.stderr.count("Compiling entry function") > 0, done.stderr
    return len(spills), [name for name, *pair in spills if pair != ["0", "0"]]


with open(ptx_file) as file:
    ptx = file.read()
for architecture in architectures:
    functions, spilling = assemble(architecture, ptx)
    if spilling and as_packages:
        text = ptx
        for name in spilling:
            text = re.sub(rf"(\.entry {name}\([^)]*\)\n\.maxntid [^\n]*\n)", r"\1.minnctapersm 1\n", text)
        print(f"{architecture}: with .minnctapersm: {', '.join(spilling)}")
        functions, spilling = assemble(architecture, text)
    assert not spilling, (architecture, spilling)
    print(f"{architecture}: {functions} functions, no spills")
