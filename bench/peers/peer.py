"""What every peer of bench/steps.py does: takes the case from its arguments, trains when told, and says how long it took.

On start it makes the model and takes one step, then prints `ready NAME SECONDS`, the seconds since the process began. A line
`N` on its input asks for N steps: it prints their seconds. At the end of its input it prints `peak BYTES`: of resident memory, or on a GPU of the device's.
"""
import os
import resource
import sys
import time
from types import SimpleNamespace


def sizes(experts, classes, frames, size, dim, depth, heads, patch, global_blocks, rate, clip):
    return SimpleNamespace(experts=experts, classes=classes, frames=frames, size=size, dim=dim, depth=depth, heads=heads,
                           patch=patch, globals=global_blocks, rate=rate, clip=clip, side=size // patch)


SIZES = {
    "expert": sizes(1, 34, 8, 224, 768, 12, 12, 16, 4, rate=0.0, clip=1),   # models/golden/uniformer.mome at full size
    "tiny": sizes(3, 5, 4, 32, 32, 4, 4, 8, 2, rate=0.5, clip=20),          # models/mome_htl.mome, preset tiny
    "flagship": sizes(3, 34, 8, 224, 768, 12, 12, 16, 4, rate=0.5, clip=20),
}


def arguments():
    model, batch, precision, place, mode = sys.argv[1:]
    os.environ.pop("OPENBLAS_CORETYPE", None)
    os.environ.pop("OPENBLAS_L2_SIZE", None)
    return model, int(batch), precision, place if place == "gpu" else int(place), mode


def age():
    """Seconds since this process began."""
    with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
        started = int(stat.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
        return float(uptime.read().split()[0]) - started


def resident():
    """The largest resident set of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def serve(name, make_step, memory=resident):
    step = make_step()
    step()
    print("ready", name.replace(" ", "-"), age(), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        print(*times, flush=True)
    print("peak", memory(), flush=True)
