#!/usr/bin/env python3
"""Training steps of whole models beside PyTorch 2 and JAX, on the CPU of this machine or on a GPU.

    steps.py BIN_DIR --python VENV/bin/python [--cases PATTERN] [--rounds N] [--peers NAMES] [--budget BYTES] [--packages FOLDER] [--out FILE.json]

Same shapes, element types, losses and optimizer; random weights and inputs. Every peer is a process that has taken its first step
(bench/peers/peer.py); in each round ours and every peer take some steps, one after the other, so that what else the machine does
meets all of them. Ratios are medians over the rounds. `first` is the time from the start of a process to the end of its first
step: for ours, of momec and then mome; memory is the largest resident set of the process that trains, on a GPU what it takes of the
device's. Cases that end in -gpu run on cuda:0; with --packages, on packages that are in that folder (momec ran elsewhere).
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PEERS = {"eager": ("torch_step.py", "eager"), "compile": ("torch_step.py", "compile"), "jax": ("jax_step.py", "jit")}
SOURCES = {
    "expert": ["models/golden/uniformer.mome", "-D", "variant=B/16", "-D", "frames=8", "-D", "size=224", "-D", "classes=34"],
    "tiny": ["models/mome_htl.mome", "--preset=tiny"],
    "flagship": ["models/mome_htl.mome"],
}
CASES = [f"{model}-{precision}-b{batch}-t{threads}"
         for model, batches in (("tiny", (8,)), ("expert", (1, 4)), ("flagship", (1,)))
         for precision in ("f32", "bf16") for batch in batches for threads in (2, 1)]
CASES += [f"{model}-{precision}-b8-gpu" for model in ("expert", "flagship") for precision in ("bf16", "tf32")]


class Peer:
    def __init__(self, python, name, model, precision, batch, place):
        script, mode = PEERS[name]
        command = [python, os.path.join(HERE, "peers", script), model, batch, precision, place, mode]
        self.log = open(os.path.join("/tmp", f"mome-bench-{name}.log"), "w")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline().split()
        if line[:1] != ["ready"]:
            raise RuntimeError(f"{name} did not start: see {self.log.name}")
        self.version, self.first, self.times = line[1], float(line[2]), []

    def steps(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        self.times.append([float(x) for x in self.process.stdout.readline().split()])

    def close(self):
        self.process.stdin.close()
        line = self.process.stdout.readline().split()
        self.process.wait()
        self.memory = int(line[1])


class Ours:
    """Where `place` is a number: threads of the processor."""

    def __init__(self, arguments, model, precision, batch, place):
        self.version, self.times, self.memory, self.peaks = "Mome", [], 0, []
        self.mome, self.place = os.path.join(arguments.bin_dir, "mome"), place
        on = ["--device", "cuda:0"] if place == "gpu" else ["--device", "cpu", "--threads", place]
        name = f"{model}-{precision}-b{batch}.mpk"
        self.package = os.path.join(arguments.packages or arguments.folder, name)
        self.run_command = [self.mome, "run", self.package, "--entry", "step", "--random-inputs", *on]
        start = time.perf_counter()
        if not arguments.packages:
            machines = ["--target=cpu,cuda:sm_80,sm_89,sm_90,sm_90a"] if place == "gpu" else []
            budget = [f"--budget={arguments.budget}"] if arguments.budget else []
            subprocess.run([os.path.join(arguments.bin_dir, "momec"), *SOURCES[model], "--batch", batch, "--precision", precision,
                            "--devices", "1", *machines, *budget, "-o", self.package], cwd=ROOT, check=True)
        self.compile = time.perf_counter() - start
        self.steps(0)
        self.first = time.perf_counter() - start
        self.times.clear()
        found = subprocess.run([self.mome, "inspect", self.package, "--json"], capture_output=True, text=True, check=True)
        variant = next(v for v in json.loads(found.stdout)["variants"] if v["name"].startswith("cuda") == (place == "gpu"))
        self.flops = next(e["flops"] for e in variant["entries"] if e["entry"].endswith(".step"))
        self.planned = sum(arena["bytes"] for arena in variant["arenas"])

    def measure_peak(self):
        """What the processor gives just now in multiply-adds, FLOP/s."""
        environment = os.environ | {"MOME_NUM_THREADS": self.place}
        text = subprocess.run([self.mome, "doctor"], capture_output=True, text=True, env=environment).stdout
        self.peaks.append(float(re.search(r"([\d.]+) GFLOP/s", text)[1]) * 1e9)

    def steps(self, count):
        """One more than asked: the first touches the memory, as the peers' first step did."""
        process = subprocess.Popen([*self.run_command, "--repeat", str(count + 1)], stdout=subprocess.PIPE, text=True)
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise RuntimeError("mome run failed")
        times = re.search(r"runs in ms: (.*)", text)
        self.times.append([float(x) / 1e3 for x in times[1].split()[1:]] if count else [])
        self.memory = max(self.memory, usage.ru_maxrss * 1024)

    def close(self):
        if self.place == "gpu":
            self.memory = self.planned


def measure(arguments, case):
    model, precision, batch, place = re.match(r"(\w+)-(\w+)-b(\d+)-t?(\w+)", case).groups()
    runners = {"ours": Ours(arguments, model, precision, batch, place)}
    for name in filter(None, arguments.peers.split(",")):
        try:
            runners[name] = Peer(arguments.python, name, model, precision, batch, place)
        except RuntimeError as error:
            print(f"{case}: {error}", file=sys.stderr)
    count = 100 if model == "tiny" else 5 if place == "gpu" else 1
    for _ in range(arguments.rounds):
        if place != "gpu":
            runners["ours"].measure_peak()
        for runner in runners.values():
            runner.steps(count)
    result = {"case": case}
    ours = [statistics.median(times) for times in runners["ours"].times]
    for name, runner in runners.items():
        runner.close()
        steps = [statistics.median(times) for times in runner.times]
        ratios = sorted(theirs / own for theirs, own in zip(steps, ours))
        result[name] = {"version": runner.version, "step_s": statistics.median(steps), "ratio": statistics.median(ratios),
                        "ratios": ratios, "first_s": runner.first, "memory_bytes": runner.memory}
    own = runners["ours"]
    result["ours"] |= {"compile_s": own.compile, "flops": own.flops, "flops_per_s": own.flops / statistics.median(ours)}
    if own.peaks:
        result["ours"] |= {"peak": statistics.median(own.peaks)}
    if not arguments.packages:
        os.remove(own.package)
    return result


def print_case(result):
    ours = result["ours"]
    share = f", {100 * ours['flops_per_s'] / ours['peak']:.0f} % of what multiply-adds got between the steps" if "peak" in ours else ""
    print(f"\n{result['case']}: {ours['flops_per_s'] * 1e-9:.0f} GFLOP/s{share}")
    print(f"{'':24} {'step':>12} {'x ours':>8} {'first step':>12} {'memory':>10}")
    for name, r in result.items():
        if name != "case":
            print(f"  {r['version'][:21]:22} {r['step_s'] * 1e3:9.1f} ms {r['ratio']:8.2f} {r['first_s']:10.1f} s "
                  f"{r['memory_bytes'] / 2**20:6.0f} MiB  {name}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("--python", required=True, help="one that has torch, jax and optax")
    parser.add_argument("--cases", default="tiny|expert-.*-b1", help="a pattern of " + ", ".join(CASES))
    parser.add_argument("--peers", default="eager,compile,jax")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", help="of bytes, for momec: recompute to fit")
    parser.add_argument("--packages", help="a folder of MODEL-PRECISION-bBATCH.mpk: nothing is compiled")
    parser.add_argument("--out", default="runs/bench/steps.json")
    arguments = parser.parse_args()
    arguments.folder = os.path.dirname(os.path.abspath(arguments.out))
    os.makedirs(arguments.folder, exist_ok=True)
    results = []
    for case in CASES:
        if re.search(arguments.cases, case):
            results.append(measure(arguments, case))
            print_case(results[-1])
            with open(arguments.out, "w") as file:
                json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
