#!/usr/bin/env python3
"""The flagship's costs, as the package states them, against the formulas of the model: costs.py MODULE (at level `place`)."""
import re
import struct
import sys

TOKENS, FRAMES, PATCHES, D, HIDDEN, LAYERS, GLOBALS, CLASSES = 197 * 8, 8, 196, 768, 3072, 12, 4, 34
ATTENTION = 2 * FRAMES * (PATCHES + 1) ** 2 * D
PARTS = {  # multiply-adds per clip; the published figures, in GMAC, beside them
    "conv1": (FRAMES * PATCHES * D * 3 * 16 * 16, 0.925),
    "transformer.resblocks": (LAYERS * (TOKENS * D * (4 * D + 2 * HIDDEN) + ATTENTION), 139.580),
    "transformer.dpe": (GLOBALS * FRAMES * PATCHES * D * 27, 0.130),
    "transformer.dec": (GLOBALS * (2 * TOKENS * D * D + 2 * TOKENS * D + 2 * D * D + 2 * D * HIDDEN), 7.470),
}


def number(text):
    """As MLIR prints it: decimal, or the bits where decimal is not exact enough."""
    return struct.unpack(">d", bytes.fromhex(text[2:]))[0] if text.startswith("0x") else float(text)


def main():
    text = open(sys.argv[1]).read()
    costs = dict(re.findall(r'\{name = "([^"]+)", value = ([0-9A-Fx.e+]+) : f64\}', text[text.index("costs = ["):].split("]", 1)[0]))
    found = {}
    for path, value in costs.items():
        found.setdefault(re.split(r"\.\d", path)[0], []).append(number(value))
    for expert in ("rgb", "ir", "depth"):
        for part, (exact, published) in PARTS.items():
            total = sum(found.pop(f"experts.{expert}.{part}"))
            assert total == exact and round(total / 1e9, 3) == published, (expert, part, total, exact)
    assert {part: sum(values) for part, values in found.items()} == {"gate.vote.proj": 3 * 3 * D, "head.logits.fc": CLASSES * D}, found
    print(f"ok: {sum(map(number, costs.values())) / 1e9:.2f} GMAC per sample")


if __name__ == "__main__":
    main()
