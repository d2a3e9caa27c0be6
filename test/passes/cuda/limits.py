"""What the flagship's kernels take on GPUs may not change unnoticed.

    limits.py MODEL MODELS LIMITS FOLDER [--write]

Predicts a step of the model (momec report) on A100 and RTX 4090. LIMITS has a line per kernel and device that takes 0.2 % of the step or
more: registers of its largest launch and bytes spilled, if there is a ptxas; of all launches requests to global memory and their
sectors, shared wavefronts, and predicted microseconds. (Not sectors per request: wide requests, which are good, have more.) Fails where one
is more than 2 % above its limit, or 5 % below, so that the file stays true; where a kernel has no line or a line no kernel; and on any
conflict of banks in what tensor cores multiply. --write makes LIMITS anew.
"""
import json
import subprocess
import sys

DEVICES = {"a100": "sm_80", "rtx4090": "sm_89"}
COLUMNS = ["registers", "spilled", "requests", "sectors", "wavefronts", "us"]
OF_PTXAS = 2  # columns, and what times depend on
ABOVE, BELOW = 1.02, 0.95
MODEL, MODELS, LIMITS, FOLDER = sys.argv[1:5]


def report(device):
    path = f"{FOLDER}/{device}.json"
    subprocess.run(["momec", "report", MODEL, "-I", MODELS, f"--target=cuda:{DEVICES[device]}", f"--gpu={device}", f"--kernels={path}"],
                   stdout=subprocess.DEVNULL, check=True)
    with open(path) as file:
        return json.load(file)


def measure(kernel):
    launches = kernel["launches"]
    return [max(l["registers"] for l in launches), max(l["spilled"] for l in launches),
            *(round(sum(l[column] for l in launches)) for column in COLUMNS[2:5]), round(kernel["us"], 1)]


def measure_all(reports, problems):
    """By name: device, root, first place in the model, and a number for those that have these in common."""
    found, count = {}, {}
    for device, whole in reports.items():
        for kernel in whole["kernels"]:
            if kernel["us"] * kernel["runs"] < 0.002 * whole["us"]:
                continue
            name = f"{device} {kernel['root']} {kernel['path'].replace(' ', '')}"
            count[name] = count.get(name, 0) + 1
            found[f"{name} {count[name]}"] = measure(kernel)
            for launch in kernel["launches"]:
                if kernel["tensor_cores"] and launch["wavefronts"] > 1.001 * launch["ideal_wavefronts"]:  # extrapolated
                    problems.append(f"{name}: conflicts on banks in {launch['function']}")
    return found


def compare(found, columns, problems):
    with open(LIMITS) as file:
        lines = [line.split() for line in file if not line.startswith("#")]
    limits = {" ".join(words[:4]): [float(word) for word in words[4:]] for words in lines}
    problems += [f"{name}: has no limit" for name in found if name not in limits]
    problems += [f"{name}: is no longer there, or takes less than 0.2 % of the step" for name in limits if name not in found]
    for name in found.keys() & limits.keys():
        for column, number, limit in list(zip(COLUMNS, found[name], limits[name]))[columns]:
            if not number <= ABOVE * limit:
                problems.append(f"{name}: {column} {number}, the limit is {limit:g}")
            elif not number >= BELOW * limit:
                problems.append(f"{name}: {column} {number} is better than the limit, {limit:g}")


problems = []
reports = {device: report(device) for device in DEVICES}
found = measure_all(reports, problems)
if "--write" in sys.argv[5:]:
    with open(LIMITS, "w") as file:
        print("# Of limits.py: device, root, first place in the model, number;", ", ".join(COLUMNS), file=file)
        for name, numbers in found.items():
            print(name, *numbers, file=file)
else:
    has_registers = all(whole["has_registers"] for whole in reports.values())
    if not has_registers:
        print("no ptxas: registers, spills and times are not compared")
    compare(found, slice(None) if has_registers else slice(OF_PTXAS, len(COLUMNS) - 1), problems)
print("\n".join(sorted(problems)) or f"{len(found)} kernels within their limits")
if problems:
    sys.exit("FAILED: a kernel that is slower needs a reason; if the new numbers are meant to be, `limits.py ... --write` makes the limits anew")
