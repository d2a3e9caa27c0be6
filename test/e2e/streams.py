"""Waits between streams and barriers in kernels are needed: without one, somebody says so.

  streams.py FOLDER LIB     LIB: the folder that has fakecuda/libcuda.so.1

The stand-in for the driver knows what each operation touched, and reports two that conflict with nothing to order them. It leaves out
each wait of a captured program in turn (`waits=1`), each barrier of a kernel (`barriers=1`), or for real a call that is named (`drop=`).
"""
import os
import pathlib
import re
import subprocess
import sys

from harness import ROOT, check, compile_model, recordings, workplace

GRAPH = re.compile(r"graph of (\d+) nodes: (\d+) waits, (\d+) superfluous")
BARRIER = re.compile(r"stand-in: (\S+) without the barrier at line (\d+): (.*)")
FAULTS = {"shared-race", "uninitialized", "unwaited-copy"}


def on_stand_in(options, *command):
    """Exit status and what was printed to standard error."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ, "MOME_FAKECUDA": options})
    return done.returncode, done.stderr


def entry(package, name):
    return ["mome", "run", package, "--entry", name, "--device", "cuda:0", "--random-inputs", "-q", "--out", package.with_suffix(".out")]


def waits_are_needed(package, *names):
    """Of these programs; returns how many there are in the first."""
    counts = {}
    for name in names:
        options = "waits=1,seed=5" + (",barriers=1" if name == "step" else "")
        status, said = on_stand_in(options, *entry(package, name))
        graphs = [tuple(map(int, graph)) for graph in GRAPH.findall(said)]
        check(status == 0 and graphs and all(unnoticed == 0 for *_, unnoticed in graphs),
              f"{name}: who misses which wait: " + ", ".join(f"{unnoticed} of {waits} nobody, of {nodes} launches" for nodes, waits, unnoticed in graphs))
        counts[name] = graphs[-1][1]
        if name == "step":
            barriers_are_needed(said)
    check(all(count > 0 for count in counts.values()), "and there are some")
    return counts[names[0]]


def barriers_are_needed(said):
    barriers = BARRIER.findall(said)
    unnoticed = [f"{function}:{line}" for function, line, fault in barriers if fault not in FAULTS]
    functions = len({function for function, *_ in barriers})
    check(barriers and not unnoticed,
          f"{len(barriers)} barriers of {functions} functions; nobody misses {len(unnoticed)}: {unnoticed}")


def dropped(package, waits):
    """For real, in the program with the fewest: an error, or a race that is seen at the end. `init` runs first; its waits do not count."""
    on_stand_in(f"trace={package}.trace", *entry(package, "predict"))
    calls = [line for line in pathlib.Path(f"{package}.trace").read_text().splitlines() if line.startswith("cuStreamWaitEvent(")]
    for number in range(len(calls) - waits + 1, len(calls) + 1):
        status, said = on_stand_in(f"drop=cuStreamWaitEvent:{number},seed={number}", *entry(package, "predict"))
        if status == 0 and "stream-race" not in said:
            sys.exit(f"FAILED: nobody missed wait {number} of {len(calls)}")
    check(True, f"each of the {waits} waits of predict was left out for real, and each was missed")


def training(here, package):
    """The next batch goes up while a step runs; the step after it waits for it."""
    data = recordings(here / "data", per_subject=2)
    train = ["mome", "train", package, "--data", data, "--device", "cuda:0", "--steps", 3, "-q"]
    status, said = on_stand_in(f"trace={here}/trace", *train, "--out", here / "trained")
    check(status == 0, "three steps train")
    calls = [line for line in (here / "trace").read_text().splitlines() if not line.startswith(" ")]
    launches = [i for i, line in enumerate(calls) if line.startswith("cuGraphLaunch(")]
    during = []
    for i in launches:
        end = next(k for k in range(i, len(calls)) if calls[k].startswith("cuStreamSynchronize("))
        during.append(sum(line.startswith("cuMemcpyHtoDAsync(") for line in calls[i:end]))
    check(sum(count > 0 for count in during) == 2, f"the second and third batch go up while a step runs: {max(during)} copies")
    waits = [i for i, line in enumerate(calls) if line.startswith("cuStreamWaitEvent(")]
    commit = next(k for k, i in enumerate(waits) if calls[i + 1].startswith("cuMemcpyDtoDAsync("))
    status, said = on_stand_in(f"drop=cuStreamWaitEvent:{commit + 1}", *train, "--out", here / "dropped")
    check(status != 0 and ("stream-race" in said or "uninitialized" in said), "a step that does not wait for its batch is found")


def main():
    here = workplace()
    os.environ["LD_LIBRARY_PATH"] = str(pathlib.Path(sys.argv[2]) / "fakecuda")
    package = compile_model(ROOT / "models/watch.mome", here / "watch.mpk", "--preset=tiny", "--batch=8", "--eval-batch=8", "--target=cpu,cuda:sm_80")
    waits_are_needed(package, "step")
    unequal = compile_model(ROOT / "test/e2e/Inputs/mlp.mome", here / "mlp.mpk", "--target=cpu,cuda:sm_80")
    dropped(unequal, waits_are_needed(unequal, "predict"))  # equal experts go in step, on one stream
    training(here, package)


if __name__ == "__main__":
    sys.exit(main())
