#!/usr/bin/env python3
"""mome-ptxsim from the outside: results, faults, exit codes. Usage: tool_test.py TOOL KERNELS"""
import json
import subprocess
import sys
import tempfile

TOOL, KERNELS = sys.argv[1:]
BASICS = f"{KERNELS}/basics.nvcc.ptx"


def run(*arguments, expect=0):
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True)
    assert done.returncode == expect, f"{arguments}: exit {done.returncode}, not {expect}\n{done.stdout}{done.stderr}"
    return done


add = (BASICS, "-k", "vector_add", "-b", "32", "f32[4]=1,2,3,4", "f32[4]=10", "f32[4]")
assert run(*add, "i32:4").stdout == "1: 1, 2, 3, 4\n2: 10, 10, 10, 10\n3: 11, 12, 13, 14\n"
assert run(*add, "i32:3").stdout.splitlines()[2] == "3: 11, 12, 13, ?"
fault = run(*add, "i32:5", expect=1).stderr
assert "out-of-bounds" in fault and "thread 4 reads 4 bytes" in fault and "ld.global" in fault, fault
report = json.loads(run(*add, "i32:4", "--json").stdout)
assert report["faults"] == [] and report["counters"]["load_requests"] == 2, report
assert json.loads(run(*add, "i32:5", "--json", expect=1).stdout)["faults"][0]["kind"] == "out-of-bounds"
assert "load_sectors" in run(*add, "i32:4", "--counters").stdout
assert "vector_add(8 bytes, 8 bytes, 8 bytes, 4 bytes)" in run("--list", BASICS).stdout

run(BASICS, expect=2)  # several kernels
assert "takes 4 arguments" in run(BASICS, "-k", "vector_add", expect=2).stderr
assert "no type in front" in run(*add, "x:3", expect=2).stderr
run(*add, "i64:4", expect=2)
run("--frobnicate", expect=2)
assert "at most 1024" in run(BASICS, "-k", "vector_add", "-b", "64,64", *add[5:], "i32:4", expect=6).stderr
with tempfile.NamedTemporaryFile("w", suffix=".ptx") as bad:
    bad.write(".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k() {\n  fly.away;\n}\n")
    bad.flush()
    assert f"{bad.name}:5:3: unknown instruction 'fly'" in run(bad.name, expect=5).stderr
print("ok")
