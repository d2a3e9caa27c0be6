#!/usr/bin/env python3
"""Runs optimizer steps of a train section in the interpreter, as the training loop would.

    interp_steps.py MODULE SECTION STEPS PARAMS INPUTS OUT [NAME=NUMBER ...]

MODULE is at an `nn` level. The moments start at zero; what the host computes before a step (lr_now, bias corrections, step)
is computed here from NAME=NUMBER settings of the section (lr, betas.0, betas.1). OUT gets the parameters as `param.PATH`.
"""
import os
import re
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../models"))
from safetensors import load, save  # noqa: E402


def moments_of(module, entry):
    """The moments that the entry reads, by name, with their shapes."""
    text = re.search(rf"func\.func @{re.escape(entry)}\((.*?)\) ->", open(module).read(), re.S).group(1)
    found = re.findall(r'tensor<([0-9x]*)f32> \{nn\.bind = #nn\.bind<moment, "([^"]+)">\}', text)
    return {name: [int(extent) for extent in shape.split("x") if extent] for shape, name in found}


def main():
    module, section, steps, params, inputs, out, *settings = sys.argv[1:]
    entry = f"{section}.step"
    numbers = {name: float(value) for name, value in (setting.split("=") for setting in settings)}
    state = {name: array.astype(np.float64) for name, array in load(params).items()}
    state |= {name: np.zeros(shape) for name, shape in moments_of(module, entry).items()}
    for step in range(1, int(steps) + 1):
        host = {
            "step": step,
            f"{section}.lr_now": numbers[f"{section}.lr"],
            f"{section}.grad_scale": 1.0,
            f"{section}.bias_correction1": 1 - numbers[f"{section}.betas.0"] ** step,
            f"{section}.bias_correction2": 1 - numbers[f"{section}.betas.1"] ** step,
        }
        host |= numbers  # a setting wins: tests plant mistakes by it
        save(out + ".state", state)
        command = ["mome-interp", module, f"--entry={entry}", f"--args={out}.state", f"--args={inputs}", f"--out={out}.next"]
        command += [flag for name, value in host.items() for flag in ("--set", f"{name}={value!r}")]
        subprocess.run(command, check=True)
        new = load(out + ".next")
        state = {name: new.get("param." + name, new.get("moment." + name, value)) for name, value in state.items()}
    save(out, {name: value for name, value in new.items() if name.startswith("param.")})


if __name__ == "__main__":
    main()
