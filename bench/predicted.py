"""Fills the tables of docs/performance-cuda.md: what a step of the flagship should take on GPUs, kernel by kernel.

    bench/predicted.py docs/performance-cuda.md [FOLDER]      momec in PATH, and a ptxas; some minutes

FOLDER: where what momec says is kept, and found again.

Bars: products with 75 % of the tensor cores' peak, attention with 50 %, what moves memory (norms, losses, optimizer and the like) with 80 % of
DRAM's peak, a step with 40 % of the tensor cores' peak. Predicted by runtime/cuda/model, never measured.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

MODEL, BATCH = "models/mome_htl.mome", 8
DEVICES = {"a100": "sm_80", "rtx4090": "sm_89", "h100": "sm_90"}
PAGE = sys.argv[1]
FOLDER = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())


def predict(device):
    path = FOLDER / f"{device}.json"
    if not path.exists():
        subprocess.run(["momec", "report", MODEL, "--precision=bf16", f"--batch={BATCH}", f"--target=cuda:{DEVICES[device]}", f"--gpu={device}", f"--kernels={path}"],
                       stdout=subprocess.DEVNULL, check=True)
    return json.loads(path.read_text())


def shorten(path):
    """A place without the number of an expert or a block: the kernel is that of all of them."""
    return re.sub(r"\.\d+", "", re.sub(r"^experts\.\w+\.", "", path)).replace("transformer.", "").replace("resblocks", "block")


def bar_of(kernel):
    """The kind of bar, its height, and what the kernel reaches."""
    if "attention" in kernel["root"] and kernel["tensor_cores"]:
        return "tensor", 0.5
    return ("tensor", 0.75) if kernel["tensor_cores"] else ("DRAM", 0.8)


def row(kernel, whole):
    seconds = kernel["us"] * 1e-6
    reached = {"tensor": kernel["flops"] / seconds / whole["tensor_peak"], "DRAM": kernel["bytes"] / seconds / whole["dram_peak"]}
    unit, bar = bar_of(kernel)
    longest = max(kernel["launches"], key=lambda launch: launch["us"])
    cells = [f"{kernel['root'].removeprefix('nn.')} `{shorten(kernel['path'])}`", kernel["runs"], f"{kernel['us']:.1f}",
             f"{100 * kernel['us'] * kernel['runs'] / whole['us']:.1f} %",
             f"{100 * reached['tensor']:.0f} %" if kernel["tensor_cores"] else "", f"{100 * reached['DRAM']:.0f} %", longest["limiter"],
             longest["registers"], "met" if reached[unit] >= bar else f"{100 * reached[unit]:.0f} of {100 * bar:.0f} % of {unit}"]
    return "| " + " | ".join(map(str, cells)) + " |", reached[unit] >= bar


def mfu(whole):
    flops = sum(kernel["flops"] * kernel["runs"] for kernel in whole["kernels"] if kernel["tensor_cores"])
    return flops / (whole["us"] * 1e-6) / whole["tensor_peak"]


def kernel_table(whole, least=0.01):
    lines = ["| kernel, at its first place | runs | predicted us | share | of tensor peak | of DRAM peak | limited by | registers | bar |",
             "|---|---|---|---|---|---|---|---|---|"]
    rest = [0, 0, 0.0]
    for kernel in whole["kernels"]:
        share = kernel["us"] * kernel["runs"] / whole["us"]
        if share >= least:
            lines.append(row(kernel, whole)[0])
        else:
            rest = [rest[0] + 1, rest[1] + kernel["runs"], rest[2] + share]
    return lines + [f"| {rest[0]} more | {rest[1]} | | {100 * rest[2]:.1f} % | | | | | |"]


def bar_table(wholes):
    """Of the time of each class, how much is in kernels that meet their bar; and what the class reaches together."""
    lines = ["| device | class | bar | share of the step | reached together | of that time, in kernels that meet the bar |", "|---|---|---|---|---|---|"]
    for device, whole in wholes.items():
        classes = {"products": [], "attention": [], "memory": []}
        for kernel in whole["kernels"]:
            unit, bar = bar_of(kernel)
            classes["memory" if unit == "DRAM" else "attention" if bar == 0.5 else "products"].append(kernel)
        for name, kernels in classes.items():
            unit, bar = bar_of(kernels[0])
            time = sum(k["us"] * k["runs"] for k in kernels)
            work = sum((k["flops"] if unit == "tensor" else k["bytes"]) * k["runs"] for k in kernels)
            reached = work / (time * 1e-6) / whole["tensor_peak" if unit == "tensor" else "dram_peak"]
            met = sum(k["us"] * k["runs"] for k in kernels if row(k, whole)[1])
            lines.append(f"| {whole['device']} | {name} | {100 * bar:.0f} % of {unit} | {100 * time / whole['us']:.1f} % | {100 * reached:.0f} % | "
                         f"{100 * met / time:.0f} % |")
    return lines


def step_table(wholes):
    lines = ["| device | predicted step | samples/s | launches | of tensor peak (MFU) |", "|---|---|---|---|---|"]
    for whole in wholes.values():
        launches = sum(len(kernel["launches"]) * kernel["runs"] for kernel in whole["kernels"])
        lines.append(f"| {whole['device']} | {whole['us'] / 1e3:.1f} ms | {BATCH / whole['us'] * 1e6:.1f} | {launches} | {100 * mfu(whole):.1f} % |")
    return lines


with open(PAGE) as file:
    page = file.read()
wholes = {device: predict(device) for device in DEVICES}
tables = {"steps": step_table(wholes), "bars": bar_table(wholes), **{device: kernel_table(whole) for device, whole in wholes.items()}}
for name, lines in tables.items():
    page, count = re.subn(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: m[1] + "\n".join(lines) + "\n" + m[2], page, flags=re.S)
    assert count == 1, f"the page has no table '{name}'"
with open(PAGE, "w") as file:
    file.write(page)
