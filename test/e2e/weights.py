"""Weights of other programs: a K710 checkpoint at full size, there and back; CLIP's image tower; gray images; what is refused."""
import importlib.util
import sys

import numpy as np

from harness import ROOT, check, compile_model, load, run, workplace

spec = importlib.util.spec_from_file_location("uniformer", ROOT / "models/golden/uniformer.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)
from safetensors import save  # noqa: E402

MODEL = ROOT / "test/e2e/Inputs/backbone.mome"
FULL = ("-D", "variant=B/16", "-D", "frames=8", "-D", "size=224", "-D", "classes=34")


def official(case, prefix="backbone."):
    """The tensors of a checkpoint under their official names, filled with numbers of ours."""
    renames = {"experts.rgb.": prefix, "head.logits.norm.": prefix + "transformer.proj.0.", "head.logits.fc.": prefix + "transformer.proj.2."}
    tensors = {}
    for name, shape in golden.shapes(case):
        ours = next(root for root in renames if name.startswith(root))
        tensors[renames[ours] + name.removeprefix(ours)] = golden.numbers(name, shape)
    return tensors


def initialise(package, here, section, checkpoint, expect=0):
    return run("mome", "init", package, "--section", section, "--from", checkpoint, "--out", here / "weights.safetensors", expect=expect)


def round_trip(here):
    tensors = official(golden.CASES["base"])
    check(len(tensors) == 219 and sum(t.size for t in tensors.values()) == 114_270_754, "219 official names, 114,270,754 values")
    save(here / "k710.safetensors", tensors)
    account = initialise(compile_model(MODEL, here / "full.mpk", *FULL), here, "fit", here / "k710.safetensors")
    check("215 matched, 0 reshaped, 0 missing, 0 skipped, 4 unused" in account and "4 matched, 0 reshaped, 0 missing" in account, "all of K710 is taken")
    run("mome", "export", here / "weights.safetensors", "--expert", "rgb", "--out", here / "exported.safetensors")
    exported = load(here / "exported.safetensors")
    check(exported.keys() == tensors.keys() and all(exported[name].tobytes() == t.tobytes() for name, t in tensors.items()),
          "the exported expert has the checkpoint's names, shapes and bytes")
    for name in ("k710", "weights", "exported"):
        (here / f"{name}.safetensors").unlink()


def batch_norms(here):
    """PyTorch's batch norms count their batches and load strictly: the full variant's export has the counters."""
    package = compile_model(MODEL, here / "local.mpk", "-D", "local=true")
    run("mome", "init", package, "--section", "fit", "--out", here / "weights.safetensors")
    run("mome", "export", here / "weights.safetensors", "--expert", "rgb", "--out", here / "exported.safetensors")
    exported = load(here / "exported.safetensors")
    norms = [name.removesuffix("running_mean") for name in exported if name.endswith("running_mean")]
    counters = {name: t for name, t in exported.items() if name.endswith("num_batches_tracked")}
    check(len(norms) == 8 and counters.keys() == {norm + "num_batches_tracked" for norm in norms}, "every batch norm has its counter")
    check(all(t.dtype == np.int64 and t.shape == () and t == 0 for t in counters.values()), "a counter is a 64-bit 0 of rank 0")
    account = initialise(package, here, "fit", here / "exported.safetensors")
    check(", 0 missing" in account and account.count("num_batches_tracked") >= 1, "and the way back does without them")


def clip_tower(here):
    """CLIP's names and 2-d kernel; two of three frames of the kernel are 0."""
    tensors = {
        name: t for name, t in official(golden.Case(downsample=True), "visual.").items()
        if not any(part in name for part in (".dpe.", ".dec.", "temporal_cls", "balance", ".proj."))
    }
    tensors["visual.conv1.weight"] = golden.numbers("conv1", (32, 3, 8, 8))
    tensors["visual.proj"] = golden.numbers("proj", (32, 16))
    save(here / "clip.safetensors", tensors)
    package = compile_model(MODEL, here / "clip.mpk", "-D", "downsample=true")
    account = initialise(package, here, "pretrain", here / "clip.safetensors")
    check("1 reshaped, 34 missing, 0 skipped, 1 unused" in account and "unused: visual.proj" in account, "CLIP's tower is accounted for")
    kernel = load(here / "weights.safetensors")["experts.rgb.conv1.weight"]
    check(kernel.shape[2] == 3 and (kernel[:, :, 1] == tensors["visual.conv1.weight"]).all() and not kernel[:, :, ::2].any(),
          "the kernel over one frame is the middle of that over three")
    initialise(package, here, "fit", here / "clip.safetensors", expect=5)
    check(True, "without the map it is no K710 checkpoint")


def gray(here):
    tensors = official(golden.CASES["tiny"])
    save(here / "k710.safetensors", tensors)
    text = MODEL.read_text().replace("../../../", f"{ROOT}/").replace("video[3,", "video[1,")
    (here / "gray.mome").write_text(text)
    account = initialise(compile_model(here / "gray.mome", here / "gray.mpk"), here, "fit", here / "k710.safetensors")
    check("1 reshaped, 0 missing" in account, "a gray stream reshapes the first convolution and nothing else")
    kernel = load(here / "weights.safetensors")["experts.rgb.conv1.weight"]
    want = tensors["backbone.conv1.weight"].astype(np.float64).sum(1, keepdims=True)
    check(np.abs(kernel - want).max() < 1e-6, "its weights are the sums over the colours")


def refusals(here):
    tensors = official(golden.CASES["tiny"])
    tensors["backbone.ln_pre.bias"] = tensors["backbone.ln_pre.bias"][:7]
    del tensors["backbone.transformer.balance"]
    save(here / "bad.safetensors", tensors)
    package = compile_model(MODEL, here / "tiny.mpk")
    done = run("mome", "init", package, "--section", "fit", "--from", here / "bad.safetensors", "--out", here / "none.safetensors", expect=5)
    check(not (here / "none.safetensors").exists() and not done, "a missing tensor and another shape are refused, nothing is written")
    run("mome", "init", package, "--section", "fit", "--out", here / "weights.safetensors")
    run("mome", "export", here / "weights.safetensors", "--expert", "ir", "--out", here / "none.safetensors", expect=2)
    check(not (here / "none.safetensors").exists(), "an expert that is not there is a usage error")


def main():
    here = workplace()
    round_trip(here)
    batch_norms(here)
    clip_tower(here)
    gray(here)
    refusals(here)


if __name__ == "__main__":
    sys.exit(main())
