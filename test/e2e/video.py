"""A small model on generated video: any number of threads, resuming, evaluation, prediction, damaged videos."""
import csv
import io
import json
import random
import shutil
import signal
import struct
import subprocess
import time

from harness import ROOT, check, checkpoint_bytes, compile_model, run, summary, workplace


def fails(code, *command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    check(done.returncode == code, f"{command[1]} exits with {code}")
    return done.stderr


def threads_and_resume(package, data, here):
    for count in (1, 3):
        run("mome", "train", package, "--data", data, "--out", here / f"threads{count}", "-q", "--steps", 5, "--loader-threads", count)
    one, three = (checkpoint_bytes(here / f"threads{count}") for count in (1, 3))
    check(one == three, "one and three loader threads write the same checkpoint bytes")
    run("mome", "verify-resume", package, "--data", data, "--steps", 6, "--at", 3, "--loader-threads", 2)
    print("ok: a stopped and resumed run ends in the bytes of the unbroken one")


def killed(package, data, here):
    """Every attempt is killed a moment after it has saved something new."""
    flags = (package, "--data", data, "-q", "--steps", 60, "--save-every", 2, "--loader-threads", 2)
    run("mome", "train", *flags, "--out", here / "unbroken")
    draw, kills, code, latest = random.Random(3), 0, None, here / "killed/ckpt/LATEST"
    for attempt in range(9):
        before = latest.read_text() if latest.exists() else ""
        job = subprocess.Popen([str(part) for part in ("mome", "train", *flags, "--out", here / "killed", "--resume=auto")])
        while attempt < 8 and job.poll() is None and (latest.read_text() if latest.exists() else "") == before:
            time.sleep(0.002)
        if attempt < 8:
            time.sleep(draw.uniform(0, 0.03))
            job.send_signal(signal.SIGKILL)
        code = job.wait(timeout=300)
        kills += code == -signal.SIGKILL
    check(code == 0 and kills > 2 and checkpoint_bytes(here / "killed") == checkpoint_bytes(here / "unbroken"),
          f"killed {kills} times while decoding and training, a run ends in the bytes of the unbroken one")


def evaluate(trained, data):
    whole = summary(run("mome", "eval", trained, "--data", data, "--part", "test", "--json"))
    check(whole["skipped"] == 0 and whole["samples"] > 0 and len(whole["classes"]) == 5, "evaluation sees every test sample")
    lines = run("mome", "predict", trained, "--data", data, "--part", "test").splitlines()
    truth = {line.split(",")[0] for line in (data / "synth.csv").read_text().splitlines()[1:]}
    check(all(line.split(",")[0] in truth for line in lines[1:]), "keys of predictions are those of synth.csv")
    return whole


def one_of_each(data):
    folders = {"rgb": "kinect_color", "ir": "kinect_ir", "depth": "kinect_depth_mp4"}
    return {modality: sorted((data / folder / "vp1").glob("*.mp4"))[0] for modality, folder in folders.items()}


def windows(trained, data):
    videos = one_of_each(data)
    text = run("mome", "predict", trained, "--in", ",".join(f"{m}={v}" for m, v in videos.items()), "--stride", "1s")
    objects = [json.loads(line) for line in text.splitlines()]
    check([o["start"] for o in objects[:3]] == [0, 1, 2] and all(o["end"] - o["start"] == 3 for o in objects), "windows of 3 s every second")
    check(all(abs(sum(o["probabilities"].values()) - 1) < 1e-4 and abs(sum(o["outputs"]["vote"].values()) - 1) < 1e-4 for o in objects),
          "probabilities and votes sum to one")
    everything = run("mome", "predict", trained, "--dir", data, "--stride", "10s")
    check(len({json.loads(line)["source"] for line in everything.splitlines()}) == 6, "a folder's six recordings are found")
    check("no video of modality" in fails(7, "mome", "predict", trained, "--in", f"rgb={videos['rgb']}"), "a missing modality is named")


def png_size(path):
    head = path.read_bytes()[:24]
    check(head[:8] == b"\x89PNG\r\n\x1a\n", f"{path.name} is a PNG")
    return struct.unpack(">II", head[16:])


def explanations(data, here):
    package = compile_model(ROOT / "models/video.mome", here / "video.mpk", "--preset=tiny")
    trained = here / "explained"
    run("mome", "train", package, "--data", data, "--out", trained, "-q", "--steps", 2)
    key = (data / "synth.csv").read_text().splitlines()[1].split(",")[0]
    told = json.loads(run("mome", "explain-clip", trained, "--data", data, "--key", key, "--out", here / "maps", "--json"))
    check(told == json.loads((here / "maps/explain.json").read_text()) and told["clip"] == key, "explain.json is what is printed")
    check(abs(sum(told["outputs"]["vote"].values()) - 1) < 1e-5, "votes sum to one")
    for name, expert in told["experts"].items():
        blocks = expert["blocks"]
        check([b["block"] for b in blocks] == ["transformer.dec.0", "transformer.dec.1"], f"both global blocks of {name} are shown")
        check(all(abs(sum(b["on_frames"]) + b["on_class_tokens"] - 1) < 1e-5 and len(b["on_frames"]) == 4 for b in blocks), "attention sums to one")
        sizes = {png_size(here / "maps" / picture) for picture in [expert["frames"], *(b["picture"] for b in blocks)]}
        check(sizes == {(4 * 160 + 3 * 4, 160)}, "pictures show four frames in a row")
    predicted = {row["key"]: row for row in csv.DictReader(io.StringIO(run("mome", "predict", trained, "--data", data)))}[key]
    check(abs(float(predicted["vote.ir"]) - told["outputs"]["vote"]["ir"]) < 1e-6, "the votes are those of `mome predict`")
    videos = ",".join(f"{m}={v}" for m, v in one_of_each(data).items())
    check("attention on frames" in run("mome", "explain-clip", trained, "--in", videos, "--at", "1.5s", "--out", here / "window"), "a window of videos, too")
    check("nothing is at" in fails(7, "mome", "explain-clip", trained, "--in", videos, "--at", "9999s", "--out", here / "window"), "a time behind the end is refused")
    check("no sample of that key" in fails(2, "mome", "explain-clip", trained, "--data", data, "--key", "nobody", "--out", here / "window"), "so is an unknown key")
    check("no entry 'explain'" in fails(5, "mome", "explain-clip", here / "threads1", "--data", data, "--key", key, "--out", here / "window"), "and a model without taps")


def damaged(package, trained, data, whole, here):
    spoiled = here / "spoiled"
    shutil.copytree(data, spoiled)
    victim = sorted((spoiled / "kinect_ir/vp2").glob("*.mp4"))[0]
    victim.write_bytes(victim.read_bytes()[:2000])
    error = fails(7, "mome", "eval", trained, "--data", spoiled, "--part", "test")
    check(victim.name in error and "hint:" in error, "a cut-off video is an error that names it")
    rest = summary(run("mome", "eval", trained, "--data", spoiled, "--part", "test", "--json", "--on-bad-sample", "skip"))
    check(rest["skipped"] > 0 and rest["samples"] + rest["skipped"] == whole["samples"], "or its samples are skipped and counted")
    check(victim.name in run("mome", "data", "check", spoiled, expect=7), "data check finds it")


def main():
    here = workplace()
    libraries = run("ldd", shutil.which("mome"))
    check("libav" not in libraries and "libmome_video" not in libraries, "mome itself does not link FFmpeg")
    package = compile_model(ROOT / "test/e2e/Inputs/clips.mome", here / "clips.mpk")
    run("mome", "data", "synth", here / "raw", "--subjects", 3, "--chunks", 16)
    run("mome", "data", "prepare", here / "raw", here / "data", "--short-side", 36)
    data = here / "data"
    threads_and_resume(package, data, here)
    killed(package, data, here)
    trained = here / "threads1"
    whole = evaluate(trained, data)
    windows(trained, data)
    explanations(data, here)
    damaged(package, trained, here / "raw", whole, here)


if __name__ == "__main__":
    main()
