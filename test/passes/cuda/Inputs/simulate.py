"""Runs a function of PTX that mome-check-kernels wrote, launched as it says there; the simulator's report as JSON.

  simulate.py PTX FUNCTION REPORT ARGUMENT...
"""
import re
import subprocess
import sys

ptx, function, report, *arguments = sys.argv[1:]
with open(ptx) as file:
    launch = re.search(rf"^// launch (-k {function} .*)$", file.read(), re.M).group(1)
with open(report, "w") as file:
    subprocess.run(["mome-ptxsim", ptx, *launch.split(), "--json", "--print", "0", *arguments], stdout=file, check=True)
