"""Assembles PTX with the CUDA toolkit's ptxas, where there is one: no function may spill registers, and nothing may keep products of
wgmma from running one behind the other.

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
for architecture in sys.argv[2:] if ptxas else []:
    done = subprocess.run([ptxas, "-v", f"-arch={architecture}", sys.argv[1], "-o", os.devnull], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spills = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    functions = done.stderr.count("Compiling entry function")
    assert functions == len(spills) > 0, done.stderr
    assert all(pair == ("0", "0") for pair in spills), done.stderr
    assert "Potential Performance Loss" not in done.stderr, done.stderr
    print(f"{architecture}: {functions} functions, no spills")
