#!/usr/bin/env python3
"""Fills the tables of docs/performance-cuda.md: what a step of the flagship should take on GPUs, kernel by kernel.

    bench/predicted.py docs/performance-cuda.md [FOLDER]      momec in PATH, and a ptxas; a minute per device on an idle machine

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
DEVICES = {"a100": "sm_80", "rtx4090": "sm_89", "h100": "sm_90a"}
# runtime/cuda/model/prediction.cpp: what no kernel can have more or less of.
DRAM_SHARE, LAUNCH = 0.85, 2e-6
AT_BOUND = 0.95  # of what these allow, where that is less than the bar
BARS = {"products": ("tensor", 0.75), "attention": ("tensor", 0.5), "memory": ("DRAM", 0.8)}


def predict(device, folder):
    path = folder / f"{device}.json"
    if not path.exists():
        subprocess.run(["momec", "report", MODEL, "--precision=bf16", f"--batch={BATCH}", f"--target=cuda:{DEVICES[device]}", f"--gpu={device}", f"--kernels={path}"],
                       stdout=subprocess.DEVNULL, check=True)
    return json.loads(path.read_text())


def shorten(path):
    """A place without the number of an expert or a block: the kernel is that of all of them."""
    return re.sub(r"\.\d+", "", re.sub(r"^experts\.\w+\.?", "", path)).replace("transformer.", "").replace("resblocks", "block")


def class_of(kernel):
    if not kernel["tensor_cores"]:
        return "memory"
    return "attention" if "attention" in kernel["root"] else "products"


def rate(kernel, whole, unit, seconds):
    """Of a peak, in this time."""
    work, peak = (kernel["flops"], whole["tensor_peak"]) if unit == "tensor" else (kernel["bytes"], whole["dram_peak"])
    return work / seconds / peak


def reached(kernel, whole, unit):
    return rate(kernel, whole, unit, kernel["us"] * 1e-6)


def most(kernel, whole, unit):
    """What one launch, of a group perhaps, could reach that does no more than it must: its operations, and each byte of its arguments once."""
    seconds = kernel["bytes"] / (DRAM_SHARE * whole["dram_peak"])
    if kernel["tensor_cores"]:
        seconds = max(seconds, kernel["flops"] / whole["tensor_peak"])
    return rate(kernel, whole, unit, seconds + LAUNCH / kernel["group"])


def verdict(kernel, whole):
    unit, bar = BARS[class_of(kernel)]
    if reached(kernel, whole, unit) >= bar:
        return "met"
    possible = most(kernel, whole, unit)
    is_bound = possible < bar and reached(kernel, whole, unit) >= AT_BOUND * possible
    return f"{'at its bound' if is_bound else 'missed'}: {100 * reached(kernel, whole, unit):.1f} of {100 * min(possible, bar):.1f} %"


def row(kernel, whole):
    longest = max(kernel["launches"], key=lambda launch: launch["us"])
    name = f"{kernel['root'].removeprefix('nn.')} {shorten(kernel['path'])}".strip()
    tensor = f"{100 * reached(kernel, whole, 'tensor'):.1f} %" if kernel["tensor_cores"] else ""
    runs = f"{kernel['runs']} by {kernel['group']}" if kernel["group"] > 1 else kernel["runs"]
    cells = [name, runs, f"{kernel['us']:.1f}", f"{100 * kernel['us'] * kernel['runs'] / whole['us']:.1f} %", tensor,
             f"{100 * reached(kernel, whole, 'DRAM'):.1f} %", longest["limiter"], longest["registers"], verdict(kernel, whole)]
    return "| " + " | ".join(map(str, cells)) + " |"


def kernel_table(whole, least=0.01):
    lines = ["| kernel, at its first place | runs | predicted us | share | of tensor peak | of DRAM peak | limited by | registers | bar |",
             "|---|---|---|---|---|---|---|---|---|"]
    small = [kernel for kernel in whole["kernels"] if kernel["us"] * kernel["runs"] < least * whole["us"]]
    lines += [row(kernel, whole) for kernel in whole["kernels"] if kernel not in small]
    share = sum(kernel["us"] * kernel["runs"] for kernel in small) / whole["us"]
    return lines + [f"| {len(small)} more | {sum(kernel['runs'] for kernel in small)} | | {100 * share:.1f} % | | | | | |"]


def bar_table(wholes):
    """Of each class: its share, and of its time, how much is in kernels that meet their bar, do what they can, or neither."""
    lines = ["| device | class | bar | share of the step | met | at its bound | missed |", "|---|---|---|---|---|---|---|"]
    for whole in wholes.values():
        for name, (unit, bar) in BARS.items():
            times = {"met": 0.0, "at its bound": 0.0, "missed": 0.0}
            for kernel in whole["kernels"]:
                if class_of(kernel) == name:
                    times[verdict(kernel, whole).split(":")[0]] += kernel["us"] * kernel["runs"]
            total = sum(times.values())
            shares = " | ".join(f"{100 * time / total:.0f} %" for time in times.values())
            lines.append(f"| {whole['device']} | {name} | {100 * bar:.0f} % of {unit} | {100 * total / whole['us']:.1f} % | {shares} |")
    return lines


def step_table(wholes):
    lines = ["| device | predicted step | samples/s | launches | of tensor peak (MFU) |", "|---|---|---|---|---|"]
    for whole in wholes.values():
        flops = sum(kernel["flops"] * kernel["runs"] for kernel in whole["kernels"] if kernel["tensor_cores"])
        lines.append(f"| {whole['device']} | {whole['us'] / 1e3:.1f} ms | {BATCH / whole['us'] * 1e6:.1f} | {whole['launches']} | "
                     f"{100 * flops / (whole['us'] * 1e-6) / whole['tensor_peak']:.1f} % |")
    return lines


def main():
    path = pathlib.Path(sys.argv[1])
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    wholes = {device: predict(device, folder) for device in DEVICES}
    tables = {"steps": step_table(wholes), "bars": bar_table(wholes), **{device: kernel_table(whole) for device, whole in wholes.items()}}
    page = path.read_text()
    for name, lines in tables.items():
        page, count = re.subn(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: m[1] + "\n".join(lines) + "\n" + m[2], page, flags=re.S)
        if count != 1:
            sys.exit(f"{path} has no table '{name}'")
    path.write_text(page)


if __name__ == "__main__":
    main()
