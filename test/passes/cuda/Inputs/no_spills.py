"""Assembles PTX with the CUDA toolkit's ptxas, where there is one: no function may spill registers.

  no_spills.py PTX ARCHITECTURE...
"""
import os
import re
import shutil
import subprocess
import sys

path = os.pathsep.join([os.environ.get("CUDA_PATH", "/usr/local/cuda") + "/bin", os.environ["PATH"]])
ptxas = shutil.which("ptxas", path=path)
if not ptxas:
    print("no ptxas: nothing was assembled")
def assemble(architecture, text):
    """The number of functions, and those that spill."""
    path = f"{sys.argv[1]}.{architecture}"
    with open(path, "w") as file:
        file.write(text)
    done = subprocess.run([ptxas, "-v", f"-arch={architecture}", path, "-o", os.devnull], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spills = re.findall(r"Function properties for (\w+)\n.* (\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    assert len(spills) == done.stderr.count("Compiling entry function") > 0, done.stderr
    return len(spills), [name for name, *pair in spills if pair != ["0", "0"]]


with open(sys.argv[1]) as file:
    ptx = file.read()
for architecture in sys.argv[2:] if ptxas else []:
    functions, spilling = assemble(architecture, ptx)
    if spilling:  # so that one more block fits, which packages forbid as well (passes/cuda/Ptxas.h)
        text = ptx
        for name in spilling:
            text = re.sub(rf"(\.entry {name}\([^)]*\)\n\.maxntid [^\n]*\n)", r"\1.minnctapersm 1\n", text)
        functions, spilling = assemble(architecture, text)
    assert not spilling, (architecture, spilling)
    print(f"{architecture}: {functions} functions, no spills")
