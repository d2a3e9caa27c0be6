"""Counts the instructions of kernels, which no neighbour on the machine can disturb.

    instructions.py ENTRIES.mlir LIMITS FOLDER

Compiles the entries for x86-64-v3 and runs each under callgrind, which counts what happens within CpuDevice::run. LIMITS has a
line `entry instructions` for each. Fails where a count is more than 1 % above its limit; and where it is more than 5 % below, so that
what was gained is not lost unnoticed.
"""
import re
import shutil
import subprocess
import sys

entries, limits_file, folder = sys.argv[1:]
package = f"{folder}/kernels.mpk"
subprocess.run(["momec", "--compile-from=autocast", entries, "-o", package], check=True)
subprocess.run(["strip", "-g", "-o", f"{folder}/mome", shutil.which("mome")], check=True)  # valgrind stumbles over some debug information


COUNTED = "mome::CpuDevice::run(unsigned long, unsigned long, unsigned long)"


def count(entry):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={COUNTED}", f"{folder}/mome", "run",
                           package, "--entry", entry, "--random-inputs", "--threads", "1", "--device", "cpu"], capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert done.returncode == 0 and found, done.stderr
    return int(found[1])


failed = False
limits = dict(line.split() for line in open(limits_file) if not line.startswith("#"))
assert {"init", *limits} == set(re.findall(r"@(\w+)\(", open(entries).read())), "every entry has a limit"
for entry, limit in limits.items():
    instructions = count(entry)
    ratio = instructions / int(limit)
    fine = 0.95 <= ratio <= 1.01
    failed |= not fine
    print(f"{entry:20} {instructions:10} {ratio:.3f} of the limit{'' if fine else ': ' + ('too many' if ratio > 1 else 'set a lower limit')}")
sys.exit(failed)
