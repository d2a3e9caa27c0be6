"""listings.py MOMEC ROOT FOLDER: every listing and table row of docs/language.md compiles, or is refused with the code it names.

A listing that is a fragment is put into the smallest model in which it means something. A listing or row that this script has
no place for is an error: who adds one says here how it is tried.
"""
import pathlib
import re
import subprocess
import sys

MOMEC, ROOT, HERE = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
TEXT = (ROOT / "docs/language.md").read_text()
IMPORTS = """import "lib/transformer.mome" { Attention, Transformer }
import "lib/heads.mome" { classifier, token_gate }
"""
MODEL = """block F(x: video[C, T, H, W]) -> tokens {
  h = conv1: linear(vec(x), 8)
  for l in 0..2 { h = blocks[l]: linear(h, 8)
    yield cls = h, st = rearrange(h, "b (n d) -> b n d", n = 2) }
}
block G(x: [B, S]) -> tokens {
  h = conv1: linear(x, 8)
  for l in 0..2 { h = blocks[l]: linear(h, 8)
    yield cls = h, st = rearrange(h, "b (n d) -> b n d", n = 2) }
}
model M(classes = 3, K = 3, T = 2, H = 4, W = 4, gate_block: block = token_gate) {
  MODALITIES
  LABEL
  EXPERTS
  GATE
  z = sum(vote[e] * e.cls[-1] for e in E)
  HEAD
  loss cls = cross_entropy(logits, y)
  metric mean1 = class_mean_accuracy(logits, y)
  MORE
}
train t of M {
  optimizer adamw(lr = 1e-3)
  SETTING
}
"""
PLACES = {"MODALITIES": "modality rgb: video[3, T, H, W]\n  modality skel: tensor[6] optional", "LABEL": "label y: class[K]", "EXPERTS": "experts E { rgb = F(rgb)  skel = G(skel) }",
          "GATE": "gate vote = softmax(gate_block(E), where = presence)", "HEAD": "head logits = fc: linear(z, K)", "MORE": "", "SETTING": ""}
tried = 0


def check(name, text):
    """The text compiles."""
    global tried
    tried += 1
    path = HERE / f"{name}.mome"
    path.write_text(text)
    done = subprocess.run([MOMEC, "check", "-I", str(ROOT / "models"), str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{path}\n{text}\n{done.stderr}")


def model(**places):
    text = MODEL
    if places.get("SETTING", "").startswith("optimizer"):
        text = text.replace("  optimizer adamw(lr = 1e-3)\n", "")
    for place, value in (PLACES | places).items():
        text = text.replace(place, value)
    return IMPORTS + text


def fragment(index, text):
    """The program that a listing is part of."""
    if index == "1":
        return text
    if text.startswith("block Transformer"):
        return model().replace("Attention, Transformer", "Attention") + text
    if text.startswith("fc1:"):
        body = "  " + text.replace("\n", "\n  ").replace("Transformer(x)", "Transformer(x, heads = 2)")  # the width is 4
        return model(MORE="u = labels: Labels(E[0].st[-1], 2, 0)") + f"block Labels(x: [B, N, D], ratio: int, l: int) {{\n{body}\n  return h\n}}\n"
    if text.startswith("gate vote"):
        gate, loss = text.strip().splitlines()
        return model(GATE=gate, MORE=loss)
    return None


def listings():
    for match in re.finditer(r"^```(\w*)\n(.*?)^```", TEXT, re.S | re.M):
        section, (kind, text) = re.findall(r"^## (\d+)\.", TEXT[: match.start()], re.M)[-1], match.groups()
        if kind == "ebnf":
            continue
        refused = re.search(r"error: .*\[(E\d+)\]", text)
        if refused:  # a message, not a program: its code is a real one, with an example of its own
            explained = subprocess.run([MOMEC, "explain", refused.group(1)], capture_output=True, text=True)
            assert explained.returncode == 0 and (ROOT / f"test/frontend/errors/{refused.group(1)}.mome").exists()
            continue
        program = fragment(section, text)
        if program is None:
            sys.exit(f"listings.py does not know how to try this listing of section {section}:\n{text}")
        check(f"listing{section}_{text.split()[0].strip(':')}", program)


def rows(title):
    start = TEXT.index(title)
    section = TEXT[start : TEXT.index("\n## ", start + 5)]
    return [row for row in re.findall(r"^\| (`.*?`) \| .* \|$", section, re.M)]


EXPRESSIONS = {"gate": "softmax(gate_block(E))", "head": "fc: linear(z, K)", "loss": "mse(E[0].cls[-1], E[1].cls[-1])", "metric": "accuracy(logits, y)", "tap": "E[0].st[-1]"}
WHERE = {"modality": "MODALITIES", "label": "LABEL", "gate": "GATE", "head": "HEAD"}


def declarations():
    for number, row in enumerate(rows("## 6. Models")):
        text = row.strip("`")
        word = text.split()[0]
        text = re.sub(r"\bexpr\b", EXPRESSIONS.get(word, ""), text)
        text = text.replace("sum c = a  value = b", "sum c = confusion(logits, y)  value = mean(diag(c))").replace("{ sum", "{\n sum").replace("  value", "\n value")
        places = {WHERE.get(word, "MORE"): text}
        if word == "modality":
            places["MODALITIES"] += "\n  modality skel: tensor[6]"
        if word == "experts":
            places = {"EXPERTS": text}
            if "F(m)" in text:
                places["MODALITIES"] = "modality rgb: video[3, T, H, W]"
        if "weight = alpha" in text:
            places["MORE"] = "hyper alpha = 0.1\n  " + text
        if word == "preset":
            places = {"MORE": text}
        check(f"declaration{number}_{word}", model(**places))


def settings():
    for number, row in enumerate(rows("## 7. Train sections")):
        for text in re.findall(r"`([^`]*)`", row):
            check(f"setting{number}_{text.split()[0]}", model(SETTING=text))


def operations():
    """Every operation of section 9 is known: called without arguments it misses some, instead of being unknown."""
    start = TEXT.index("## 9. Operations")
    section = TEXT[start : TEXT.index("\n## ", start + 5)]
    first = re.search(r"element by element \| `([a-z0-9_ ]+)`", section).group(1).split()
    names = sorted(set(first) | set(re.findall(r"`([a-z_0-9]+)\(", section)))
    assert len(names) > 50, names
    global tried
    for name in names:
        path = HERE / "operation.mome"
        path.write_text(model(MORE=f"u = {name}()"))
        said = subprocess.run([MOMEC, "check", "-I", str(ROOT / "models"), str(path)], capture_output=True, text=True).stderr
        if "[E0207]" not in said and not re.search(r"\[E030[0-9]\]", said):
            sys.exit(f"operation {name}: {said}")
        tried += 1


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    check("harness", model())
    listings()
    declarations()
    settings()
    operations()
    print(f"{tried} listings, rows and operations")


main()
