"""explain.py MOMEC ROOT FOLDER: the examples of `momec explain CODE`: the first is met with CODE, the second passes."""
import pathlib
import re
import subprocess
import sys

MOMEC, ROOT, HERE = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
BLOCK = """block F(x: [B, C, S], d: int = 4) -> tokens {
  x = fc: linear(rearrange(x, "b c s -> b s c"), d)
  yield cls = x[:, 0], st = x[:, 1:]
}
"""
MODEL = """model M(n = 3) {
  modality a: tensor[3, 8]
  modality b: tensor[3, 8]
  label y: class[n]
  experts E = for m in modalities { F(m) }
  gate vote = softmax(concat(e.cls[-1][:, :1] for e in E))
  head logits = out: linear(sum(vote[e] * e.cls[-1] for e in E), n)
  loss cls = cross_entropy(logits, y)
%s
}
"""
OPTIMIZER = "  optimizer adamw(lr = 1e-3)\n"
TRAIN = "train fit of M {\n" + OPTIMIZER + "%s\n}\n"
SETTINGS = ("batch", "freeze", "clip", "weight_decay", "optimizer", "precision")


def program(text):
    """The example in the smallest file in which it means something."""
    words = set(re.findall(r"^(\w+)", text, re.M))
    first = text.split()[0]
    if "model" in words:
        return text
    if first in ("import", "block", "train"):
        return text + "\n" + BLOCK + MODEL % "" + TRAIN % ""
    if first in SETTINGS:
        return BLOCK + MODEL % "" + (TRAIN.replace(OPTIMIZER, "") if first == "optimizer" else TRAIN) % text
    return BLOCK + MODEL % text + TRAIN % ""


def said(code, text):
    path = HERE / f"{code}.mome"
    path.write_text(text)
    done = subprocess.run([MOMEC, "check", "-I", str(ROOT / "models"), str(path)], capture_output=True, text=True)
    return set(re.findall(r"\[([EW]\d+)\]$", done.stderr, re.M)), done


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    listing = subprocess.run([MOMEC, "explain", "--list"], capture_output=True, text=True, check=True).stdout
    tried, wrong = 0, []
    for code in (line.split()[0] for line in listing.splitlines()):
        page = subprocess.run([MOMEC, "explain", code], capture_output=True, text=True, check=True).stdout
        parts = re.findall(r":\n\n((?:    .*\n)+)", page)
        if len(parts) != 2:
            wrong.append(f"{code} has no example:\n{page}")
            continue
        refused, accepted = (re.sub(r"^    ", "", part, flags=re.M) for part in parts)
        if code == "E0110":
            refused_program = refused
        else:
            refused_program = program(refused)
        for text, full, wanted in ((refused, refused_program, {code}), (accepted, program(accepted), set())):
            if text.startswith("$"):
                continue
            codes, done = said(code, full)
            codes -= {"W0604"} - wanted if code != "W0604" else set()  # a fragment may leave something without use
            if codes != wanted or done.returncode not in (0, 1):
                wrong.append(f"explain {code}: expected {wanted or 'nothing'}, got {codes or 'nothing'}\n{text}\n{done.stderr}")
            tried += 1
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{tried} examples")


main()
