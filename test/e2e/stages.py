"""Every dumped stage is accepted back and leads to the same package bytes."""
import sys

from harness import ROOT, check, compile_model, run, workplace


def main():
    here = workplace()
    source = ROOT / "test/e2e/Inputs/mlp.mome"
    package = here / "mlp.mpk"
    stages = here / "stages"
    run("momec", source, "-o", package, f"--dump-stages-to={stages}")
    files = sorted(stages.iterdir())
    check(len(files) >= 8, f"{len(files)} numbered stages: " + " ".join(file.name for file in files))
    for file in files:
        stage = file.name.split(".")[-2]
        if stage == "package" or file.suffix != ".mlir":
            continue
        again = here / f"from-{stage}.mpk"
        run("momec", file, f"--compile-from={stage}", "-o", again)
        check(again.read_bytes() == package.read_bytes(), f"from {stage}: the same package bytes")


if __name__ == "__main__":
    sys.exit(main())
