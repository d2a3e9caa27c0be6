"""Properties of training: threads, resuming after kill -9, accumulation, settings without recompiling, evaluation batches."""
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
from compare import without_key_bias  # noqa: E402
from harness import ROOT, check, checkpoint_bytes, compile_model, load, recordings, run, summary, workplace

WATCH = ROOT / "models/watch.mome"


def train(package, data, out, *options, **more):
    return run("mome", "train", package, "--data", data, "--out", out, "-q", *options, **more)


def weights(folder):
    latest = folder / "ckpt" / (folder / "ckpt/LATEST").read_text().strip()
    run("mome", "export", latest, "--out", f"{folder}.safetensors")
    return load(f"{folder}.safetensors")


def threads(package, data, here):
    for count in (1, 2):
        train(package, data, here / f"threads{count}", "--steps", 12, "--threads", count)
    check(checkpoint_bytes(here / "threads1") == checkpoint_bytes(here / "threads2"), "one and two threads write the same checkpoint bytes")


def kill_and_resume(package, data, here, kills=20):
    train(package, data, here / "straight", "--steps", 60, "--save-every", 3)
    rng, out = random.Random(1), here / "killed"
    for number in range(kills):
        process = subprocess.Popen(
            ["mome", "train", str(package), "--data", str(data), "--out", str(out), "-q", "--steps", "60", "--save-every", "3", "--resume=auto"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.01, 0.35))
        process.send_signal(signal.SIGKILL)
        process.wait()
    train(package, data, out, "--steps", 60, "--save-every", 3, "--resume=auto")
    check(checkpoint_bytes(here / "straight") == checkpoint_bytes(out), f"{kills} kills and resumes end in the bytes of the unbroken run")


def settings(package, data, here):
    stamp = package.stat().st_mtime_ns
    losses = set()
    for number in range(20):
        out = here / f"setting{number}"
        train(package, data, out, "--steps", 2, "--set", f"train.lr={1e-4 * (1 + number % 5)}", "--set", f"alpha={0.01 * (number // 5)}")
        losses.add(checkpoint_bytes(out)["params.safetensors"] if "params.safetensors" in checkpoint_bytes(out) else str(checkpoint_bytes(out)))
    check(package.stat().st_mtime_ns == stamp and len(losses) == 20, "20 settings of learning rate and alpha train from one package, each differently")


def alpha_zero(package, data, here):
    text = WATCH.read_text().replace('"lib/', f'"{ROOT}/models/lib/')
    lines = [line for line in text.splitlines() if not line.strip().startswith("loss intra")]
    source = here / "no_intra.mome"
    source.write_text("\n".join(lines) + "\n")
    without = compile_model(source, here / "no_intra.mpk", "--preset", "tiny", "--batch", "8", "--eval-batch", "8")
    for name, built, extra in (("with", package, ["--set", "alpha=0", "--set", "train.weight_decay=0"]), ("without", without, ["--set", "train.weight_decay=0"])):
        run("mome", "init", built, "--out", here / f"{name}.init.safetensors", "--seed", 3)
    a, b = load(here / "with.init.safetensors"), load(here / "without.init.safetensors")
    check(all((a[name] == b[name]).all() for name in b), "initial values depend on the path alone")
    train(package, data, here / "alpha0", "--steps", 10, "--set", "alpha=0")
    train(without, data, here / "no_intra", "--steps", 10)
    left, right = weights(here / "alpha0"), weights(here / "no_intra")
    # The key part of an attention bias has no gradient but rounding noise, which Adam blows up: see test/models/compare.py.
    worst = max(abs(without_key_bias(name, left[name] - right[name])).max() for name in right)
    check(worst <= 1e-5, f"alpha = 0 equals the model without that loss (largest difference {worst:.2g})")


def accumulation(package, data, here):
    """One step over 8 samples = two micro-batches of 4: dropout is keyed by the sample, gradients are averaged."""
    small = compile_model(WATCH, here / "watch4.mpk", "--preset", "tiny", "--batch", "4", "--eval-batch", "8")
    train(package, data, here / "whole", "--steps", 1)
    train(small, data, here / "halves", "--steps", 1, "--accumulate", 2)
    left, right = weights(here / "whole"), weights(here / "halves")
    worst = max(abs(without_key_bias(name, left[name] - right[name])).max() for name in right)
    check(worst <= 1e-5, f"8 samples at once equal 2 x 4 accumulated, dropout on (largest difference {worst:.2g})")


def eval_batches(package, data, here):
    texts = {}
    for batch in (1, 7, 8):
        out = here / f"eval{batch}"
        run("mome", "eval", here / "threads1", "--data", data, "--part", "test", "--batch", batch, "--dump", "--out", out, "--latest")
        texts[batch] = (out / "predictions.csv").read_text()
        result = summary((out / "summary.json").read_text())
        check(result["samples"] == len(texts[batch].splitlines()) - 1, f"batch {batch}: every sample counts once ({result['samples']})")
    check(texts[1] == texts[7] == texts[8], "evaluation batches of 1, 7 and 8 give the same predictions")


def main():
    here = workplace()
    data = recordings(here / "data")
    package = compile_model(WATCH, here / "watch.mpk", "--preset", "tiny", "--batch", "8", "--eval-batch", "8")
    for part in (threads, eval_batches, kill_and_resume, settings, alpha_zero, accumulation):
        part(package, data, here)


if __name__ == "__main__":
    sys.exit(main())
