"""Parity of compiled UniFormerV2 models with PyTorch in f64: the three variants, MoME + HTL, every knob of its losses."""
import re
import sys

from harness import ROOT, check, compile_model, load, run, workplace

GOLDEN = ROOT / "models/golden"
COMPARE = ROOT / "test/models/compare.py"
SINGLE, KNOBS, FLAGSHIP = GOLDEN / "uniformer.mome", GOLDEN / "uniformer_mome.mome", ROOT / "models/mome_htl.mome"
LOCAL = ("-D", "local=true")
CASES = {  # of models/golden/uniformer.py: the model's text, what it is compiled with
    "tiny": (SINGLE,),
    "local": (SINGLE, *LOCAL),
    "down": (SINGLE, *LOCAL, "-D", "downsample=true"),
    "htl": (FLAGSHIP, "--preset", "tiny", "--batch", 2, "--eval-batch", 2, "--precision", "f32", "--devices", 1),
    "literal": (KNOBS, "-D", "weights=literal", "-D", "detach_teacher=false", "-D", "reduction=sum"),
    "fixed": (KNOBS, "-D", "weights=fixed", "-D", "reduction=sum"),
    "attached": (KNOBS, "-D", "detach_teacher=false"),
}


class Model:
    def __init__(self, here, case):
        self.case, self.here = case, here / case
        run("/usr/bin/python3", GOLDEN / "uniformer.py", "inputs", case, self.here)
        self.package = compile_model(CASES[case][0], here / f"{case}.mpk", *CASES[case][1:])

    def compare(self, entry, golden, expect=0, *settings):
        out = self.here / "got.safetensors"
        run("mome", "run", self.package, "--entry", entry, "--params", self.here / "params.safetensors", "--in",
            self.here / "inputs.safetensors", "--out", out, "-q", *settings)
        return run("/usr/bin/python3", COMPARE, "values", GOLDEN / f"uniformer.{golden}.safetensors", out, expect=expect).splitlines()[0]


def check_memory(model):
    """A step touches the arena up to the byte that was planned, in pages."""
    text = run("mome", "run", model.package, "--entry", "step", "--params", model.here / "params.safetensors", "--in",
               model.here / "inputs.safetensors", "--memory")
    planned, touched = map(int, re.search(r"arena work: (\d+) bytes planned for this entry, (\d+) touched", text).groups())
    check(planned > 0 and touched == -(-planned // 4096) * 4096, f"{model.case}: a step touches the {planned} bytes that were planned for it")


def check_explain(model):
    """The attention of every global block of every expert, from an entry of its own."""
    out = model.here / "explained.safetensors"
    run("mome", "run", model.package, "--entry", "explain", "--params", model.here / "params.safetensors", "--in",
        model.here / "inputs.safetensors", "--out", out, "-q")
    taps = load(out)
    names = {f"experts.{m}.transformer.dec.{j}.attention" for m in ("rgb", "ir", "depth") for j in range(2)}
    check(taps.keys() == names and all(t.shape == (2, 4, 1, 4 * 17) for t in taps.values()), "explain gives the attention of every global block")
    check(all(abs(t.sum(-1) - 1).max() < 1e-6 and t.std() > 1e-4 for t in taps.values()), "its rows sum to one and are not uniform")


def main():
    here = workplace()
    models = {case: Model(here, case) for case in CASES}
    for case, model in models.items():
        dropout = ("--set", "seed=0", "--set", "step=1", "--set", "sample=0") if case == "htl" else ()
        print(model.compare("grad", f"{case}.expected", 0, *dropout))
        check(True, f"{case}: predictions, losses, gradients and states agree with PyTorch")
    for case in ("local", "down"):
        models[case].compare("predict", f"{case}.predicted")
        check(True, f"{case}: in evaluation batch norm reads its running statistics")
    check_memory(models["tiny"])
    check_explain(models["htl"])
    models["fixed"].compare("grad", "attached.expected", 1)
    models["literal"].compare("grad", "attached.expected", 1)
    models["htl"].compare("grad", "htl.expected", 1, "--set", "step=2", "--set", "seed=0")
    check(True, "another knob and another mask are noticed")


if __name__ == "__main__":
    sys.exit(main())
