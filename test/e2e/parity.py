"""Parity of a compiled ViT-MoME + HTL with PyTorch in f64, through `mome run`; and seeded mistakes that must break it. Both code
generators: the fast kernels and the naive loops."""
import sys

from harness import ROOT, check, compile_model, run, workplace

GOLDEN = ROOT / "models/golden"
COMPARE = ROOT / "test/models/compare.py"


def tensors(suffix):
    return GOLDEN / f"vit_mome.{suffix}.safetensors"


def values(package, out, expect, *settings):
    run("mome", "run", package, "--entry", "grad", "--params", tensors("params"), "--in", tensors("inputs"), "--out", out, "-q", *settings)
    return run("/usr/bin/python3", COMPARE, "values", tensors("expected"), out, expect=expect)


def steps(package, out, expect, *settings):
    run("mome", "run", package, "--entry", "step", "--repeat", 10, "--params", tensors("params"), "--in", tensors("inputs"), "--out", out, "-q", *settings)
    return run("/usr/bin/python3", COMPARE, "steps", tensors("params"), tensors("steps"), out, expect=expect)


def main():
    here = workplace()
    out = here / "got.safetensors"
    for codegen in ("reference", "cpu"):
        package = compile_model(GOLDEN / "vit_mome.mome", here / f"{codegen}.mpk", f"--codegen={codegen}")
        print(values(package, out, 0).splitlines()[0])
        check(True, f"{codegen}: predictions, losses and gradients agree with PyTorch")
        print(steps(package, out, 0).splitlines()[0])
        check(True, f"{codegen}: ten steps of AdamW with decay, groups and clipping agree with PyTorch")
    random = compile_model(GOLDEN / "vit_mome.mome", here / "dropout.mpk", "-D", "rate=0.5")
    run("mome", "run", random, "--entry", "grad", "--params", tensors("params"), "--in", tensors("inputs"), "--out", out, "-q", "--set", "seed=0",
        "--set", "step=1", "--set", "sample=0")
    run("/usr/bin/python3", COMPARE, "values", tensors("dropout"), out)
    check(True, "with dropout on, PyTorch given our masks agrees")
    for mistake in ("fit.betas.1=0.99", "fit.group.0.weight_decay=0.05", "fit.clip=1000", "fit.bias_correction1=1"):
        steps(package, out, 1, "--set", mistake)
        check(True, f"a step with {mistake} is noticed")
    text = (GOLDEN / "vit_mome.mome").read_text().replace('"../lib/', f'"{ROOT}/models/lib/')
    attached = here / "attached.mome"
    attached.write_text(text.replace("htl_intra(E)", "htl_intra(E, detach_teacher = false)"))
    values(compile_model(attached, here / "attached.mpk"), out, 1)
    check(True, "a teacher that is not detached is noticed")


if __name__ == "__main__":
    sys.exit(main())
