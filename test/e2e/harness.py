"""What the end-to-end tests share: compile once, run tools, compare bytes. Run through lit, which puts momec and mome on PATH."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = os.environ.get("MOME_TEST_KERNELS", "")  # a folder, in a run of all tests (lit.cfg.py)
sys.path.insert(0, str(ROOT / "models"))
from safetensors import load  # noqa: E402,F401


def run(*command, expect=0, **options):
    """Runs a tool; the exit code must be `expect`. Returns its standard output."""
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != expect:
        sys.exit(f"{' '.join(command)}\nexit code {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done.stdout


def compile_model(source, package, *options):
    """In a run of all tests kernels are compiled once, for all tests whose subject is not the compilation."""
    if not package.exists():
        run("momec", source, "-o", package, *options, env={**os.environ, "MOME_CACHE_DIR": KERNELS})
    return package


def recordings(folder, per_subject=2):
    """Simulated smart-watch recordings, cut to 32 samples for the tiny preset."""
    if not (folder / "index.csv").exists():
        run(sys.executable, ROOT / "models/watch/convert.py", "--generate", "--window", 32, "--per-subject", per_subject, folder)
    return folder


def checkpoint_bytes(run_folder, pointer="LATEST"):
    """File name to content of the checkpoint that a pointer names."""
    step = (run_folder / "ckpt" / pointer).read_text().strip()
    folder = run_folder / "ckpt" / step
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def summary(text):
    return json.loads(text)


def check(condition, message):
    if not condition:
        sys.exit("FAILED: " + message)
    print("ok: " + message)


def workplace():
    """The folder of this test, from the command line, emptied: nothing of an earlier run may answer for this one."""
    folder = pathlib.Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.chdir(folder)
    return folder.resolve()
