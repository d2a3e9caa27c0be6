"""What the flagship's kernels take on GPUs may not grow unnoticed.

    limits.py MODEL MODELS LIMITS FOLDER [--write]

Predicts a step of the model (momec report) on A100 and RTX 4090. LIMITS has a line per kernel and device that takes 0.2 % of the step or more:
registers of its largest launch and bytes spilled, if there is a ptxas, and of all launches sectors of global memory, shared wavefronts and
predicted microseconds. Fails where one is more than 2 % above its limit, where a kernel has none, and on any conflict of
banks in a product or an attention. --write makes LIMITS anew.
"""
import json
import subprocess
import sys

DEVICES = {"a100": "sm_80", "rtx4090": "sm_89"}
COLUMNS = ["registers", "spilled", "sectors", "wavefronts", "us"]
MODEL, MODELS, LIMITS, FOLDER = sys.argv[1:5]
WRITE = "--write" in sys.argv[5:]


def report(device):
    path = f"{FOLDER}/{device}.json"
    subprocess.run(["momec", "report", MODEL, "-I", MODELS, f"--target=cuda:{DEVICES[device]}", f"--gpu={device}", f"--kernels={path}"],
                   stdout=subprocess.DEVNULL, check=True)
    with open(path) as file:
        return json.load(file)


def measure(kernel):
    launches = kernel["launches"]
    return [max(l["registers"] for l in launches), max(l["spilled"] for l in launches), round(sum(l["sectors"] for l in launches)),
            round(sum(l["wavefronts"] for l in launches)), round(kernel["us"], 1)]


found, problems, has_registers = {}, [], True
for device in DEVICES:
    whole = report(device)
    has_registers &= whole["has_registers"]
    count = {}
    for kernel in whole["kernels"]:
        if kernel["us"] * kernel["runs"] < 0.002 * whole["us"]:
            continue
        name = f"{device} {kernel['root']} {kernel['path'].replace(' ', '')}"
        count[name] = count.get(name, 0) + 1
        found[f"{name} {count[name]}"] = measure(kernel)
        wasted = [l for l in kernel["launches"] if l["wavefronts"] > l["ideal_wavefronts"]]
        if kernel["tensor_cores"] and wasted:
            problems.append(f"{name}: conflicts on banks in {wasted[0]['function']}")
if not has_registers:
    print("no ptxas: registers and spills are not compared")

if WRITE:
    with open(LIMITS, "w") as file:
        print("# Of limits.py: device, root, first place in the model, number;", ", ".join(COLUMNS), file=file)
        for name, numbers in found.items():
            print(name, *numbers, file=file)
else:
    limits = {}
    with open(LIMITS) as file:
        for line in file:
            words = line.split()
            if not line.startswith("#"):
                limits[" ".join(words[:4])] = [float(word) for word in words[4:]]
    for name, numbers in found.items():
        if name not in limits:
            problems.append(f"{name}: no limit; `limits.py --write` makes them anew")
            continue
        for column, number, limit in zip(COLUMNS, numbers, limits[name]):
            if column in ("registers", "spilled") and not has_registers:
                continue
            if not number <= 1.02 * limit:
                problems.append(f"{name}: {column} {number}, the limit is {limit:g}")
print("\n".join(problems) or f"{len(found)} kernels within their limits")
sys.exit(bool(problems))
