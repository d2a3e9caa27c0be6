#!/usr/bin/env python3
"""A PyTorch checkpoint as safetensors, for `init ... from "FILE.safetensors" { map uniformerv2 }` (or `map clip`). Needs PyTorch.

    convert_checkpoint.py k710_uniformerv2_b16_8x224.pyth k710.safetensors

Takes a state dict, or one within "state_dict", "model_state" or "model", or the image tower of a scripted CLIP model; numbers
become f32, names stay (without the "module." of data parallel training). Only trained numbers are taken: integer buffers are left
out. Load only files you trust: a PyTorch checkpoint can run code.
"""
import sys

import torch

from safetensors import save


def state_dict(path):
    try:
        found = torch.jit.load(path, map_location="cpu").state_dict()
        return {name: value for name, value in found.items() if name.startswith("visual.")}
    except RuntimeError:  # not a scripted model
        found = torch.load(path, map_location="cpu")
    for key in ("state_dict", "model_state", "model"):
        found = found.get(key, found)
    return found


def main():
    source, target = sys.argv[1:]
    tensors = {name.removeprefix("module."): value.float().numpy() for name, value in state_dict(source).items() if value.is_floating_point()}
    save(target, tensors)
    print(f"{len(tensors)} tensors, {sum(t.size for t in tensors.values())} numbers written to {target}")


if __name__ == "__main__":
    main()
