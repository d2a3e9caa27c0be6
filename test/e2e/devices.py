"""`mome eval` and `mome predict` on several devices: weights go up once and from device to device, batches are dealt, and the results are,
bit for bit, those of one device; whatever order the devices' work takes. And what is refused.

  devices.py FOLDER LIB     LIB: the folder that has fakecuda/libcuda.so.1
"""
import os
import pathlib
import re
import subprocess
import sys

from harness import ROOT, check, compile_model, recordings, run, workplace


def on_stand_in(options, *command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ, "MOME_FAKECUDA": options})
    return done.returncode, done.stdout, done.stderr


def evaluated(run_folder, data, out, devices, options):
    """Every byte that an evaluation writes and prints, and a prediction."""
    status, printed, said = on_stand_in(options, "mome", "eval", run_folder, "--data", data, "--part", "val", "--batch", 3, "--dump", "--out", out,
                                        "--device", devices)
    check(status == 0, f"eval on {devices} with {options} {said}")
    status, csv, said = on_stand_in(options, "mome", "predict", run_folder, "--data", data, "--part", "val", "--device", devices)
    check(status == 0, f"predict on {devices} {said}")
    return {"printed": printed, "predictions": csv, **{file.name: file.read_bytes() for file in sorted(out.iterdir())}}


def same_bits(here, run_folder, data):
    alone = evaluated(run_folder, data, here / "alone", "cuda:0", "devices=3,seed=1")
    check("outputs.safetensors" in alone and alone["predictions"].count("\n") > 20, "there is something to compare")
    for number, (devices, options) in enumerate([
            ("cuda:0,cuda:1", "seed=2"), ("cuda:1,cuda:0", "seed=3,peers=0"), ("cuda:0,cuda:1,cuda:2", "seed=4"),
            ("cuda:2,cuda:0,cuda:1", "seed=5,peers=0"), ("cuda:0,cuda:1", "seed=6,model=h100,model=a100")]):
        several = evaluated(run_folder, data, here / str(number), devices, "devices=3," + options)
        check(several == alone, f"{devices} ({options}): the same bytes")


def along_recordings(here):
    """Windows of a folder of videos: the same lines, in the same order, on one device and on two."""
    package = compile_model(ROOT / "test/e2e/Inputs/clips.mome", here / "clips.mpk", "--target=cpu,cuda:sm_80")
    data = here / "videos"
    run("mome", "data", "synth", data, "--subjects", 3, "--chunks", 8)
    run("mome", "train", package, "--data", data, "--device", "cpu", "--steps", 1, "-q", "--out", here / "clips")
    lines = {}
    for devices in ("cuda:0", "cuda:0,cuda:1"):
        status, lines[devices], said = on_stand_in("devices=2,seed=7", "mome", "predict", here / "clips", "--dir", data, "--stride", "2s", "--device", devices)
        check(status == 0, f"predict --dir on {devices} {said}")
    one, two = lines.values()
    check(one == two and one.count("\n") > 8, f"the same {one.count(chr(10))} windows")


def how_weights_travel(here, run_folder, data):
    """Up once, to the first device; a copy for each tensor and further device."""
    copies = {}
    for devices in ("cuda:0", "cuda:0,cuda:1", "cuda:0,cuda:1,cuda:2"):
        status, _, said = on_stand_in(f"devices=3,trace={here}/trace", "mome", "predict", run_folder, "--data", data, "--part", "val", "--device", devices)
        check(status == 0, f"predict {said}")
        calls = (here / "trace").read_text()
        copies[devices] = len(re.findall(r"^cuMemcpyPeerAsync\(", calls, re.M))
    one, two, three = copies.values()
    check(one == 0 and two > 50 and three == 2 * two, f"copies between devices: {one}, {two}, {three}")
    status, _, said = on_stand_in(f"devices=2,trace={here}/trace", "mome", "eval", run_folder, "--data", data, "--part", "val",
                                  "--batch-independent", "--device", "cuda:0,cuda:1")
    check(status == 0, f"eval {said}")
    again = len(re.findall(r"^cuMemcpyPeerAsync\(", (here / "trace").read_text(), re.M))
    check(again == two, f"and as many for losses, predictions and predictions in another order together: {again}")


def refused(run_folder, package, data):
    def error(code, *words, options="devices=2", command=("eval", run_folder), devices="cuda:0,cuda:1"):
        status, _, said = on_stand_in(options, "mome", *command, "--data", data, "--device", devices)
        check(status == code and all(word in said for word in words), f"{devices} with {options}: exit {code}: {said.strip()}")

    error(6, "device cuda:2", "there are only 2 devices", devices="cuda:0,cuda:2")
    error(2, "names cuda:1 twice", devices="cuda:1,cuda:1")
    error(2, "several devices are all of CUDA", devices="cuda:0,cpu")
    error(2, "there is no device 'cuda:one'", devices="cuda:0,cuda:one")
    error(3, "free on cuda:1", options="devices=2,memory=1000000000,memory=100000")
    error(6, "cuMemcpyPeerAsync", "device cuda:1", "copying from cuda:0", options="devices=2,fail=cuMemcpyPeerAsync:5:700")
    error(2, "training runs on one device", "--device cuda:0", "mome eval RUN --device cuda:0,cuda:1", command=("train", package))
    error(2, "there is no device 'cuda:0,cuda:1'", "`mome eval`", command=("explain-clip", run_folder, "--key", "r000-00064", "--out", "x"))


def main():
    here = workplace()
    package = compile_model(ROOT / "models/watch.mome", here / "watch.mpk", "--preset=tiny", "--batch=8", "--eval-batch=4", "--target=cpu,cuda:sm_80")
    newer = compile_model(ROOT / "test/e2e/Inputs/mlp.mome", here / "newer.mpk", "--target=cpu,cuda:sm_90")
    data = recordings(here / "data", per_subject=2)
    run("mome", "train", package, "--data", data, "--device", "cpu", "--steps", 2, "-q", "--out", here / "run")
    os.environ["LD_LIBRARY_PATH"] = str(pathlib.Path(sys.argv[2]) / "fakecuda")
    same_bits(here, here / "run", data)
    how_weights_travel(here, here / "run", data)
    along_recordings(here)
    refused(here / "run", package, data)
    status, _, said = on_stand_in("devices=2,model=h100,model=a100", "mome", "eval", here / "run", "--package", newer, "--allow-change", "package",
                                  "--data", data, "--device", "cuda:0,cuda:1")
    check(status == 6 and "runs on all of cuda:0 (sm_90), cuda:1 (sm_80)" in said and "it has:" in said, f"an older device: {said.strip()}")


if __name__ == "__main__":
    sys.exit(main())
