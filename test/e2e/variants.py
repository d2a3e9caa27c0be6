"""Runs every variant of a package: where the processor can, losses agree with x86-64-v3's to what bf16 keeps; where it cannot,
`mome` says so and exits with 6."""
import re
import subprocess
import sys

package = sys.argv[1]
flags = next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split()
needs = {"x86-64-v3": "avx2", "x86-64-v4": "avx512vl", "x86-64-v4+bf16": "avx512_bf16"}
expected = None
for variant, flag in needs.items():
    done = subprocess.run(["mome", "run", package, "--variant", variant, "--entry", "step", "--random-inputs"],
                          capture_output=True, text=True)
    if flag not in flags:
        assert done.returncode == 6 and f"this machine cannot run the variant '{variant}'" in done.stderr, done
        print(f"not run: {variant} (this processor has no {flag}); refused as it should be")
        continue
    assert done.returncode == 0, done
    losses = {name: float(value) for name, value in re.findall(r"^(loss\.\S+) = (\S+)", done.stdout, re.M)}
    assert len(losses) > 1, done.stdout
    expected = expected or losses
    for name, value in losses.items():
        assert abs(value - expected[name]) <= 1e-2 * abs(expected[name]), (variant, name, value, expected[name])
    print(f"{variant}: {losses}")
assert expected
