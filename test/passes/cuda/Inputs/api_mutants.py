"""A program's calls of the driver, as a list; and what happens when one is left out, moved or wrong.

The program copies on one stream and computes on another, with events between them: x goes up, y = 2 x, z = x + y, z comes down.
The stand-in runs what nothing orders in an order by its seed, so that an order that is missing shows for some seed: as wrong data where that
comes of it, else as a race of streams.
"""
import ctypes
import json
import os
import re
import tempfile

N = 256
PTX = """.version 8.0
.target sm_80
.address_size 64
.visible .entry twice(.param .u64 px, .param .u64 py) {
  .reg .b32 t, b, n; .reg .b64 x, y, o; .reg .f32 v;
  mov.u32 t, %tid.x; mov.u32 b, %ctaid.x; mov.u32 n, %ntid.x; mad.lo.u32 t, b, n, t;
  ld.param.u64 x, [px]; ld.param.u64 y, [py];
  mul.wide.u32 o, t, 4; add.u64 x, x, o; add.u64 y, y, o;
  ld.global.f32 v, [x]; add.f32 v, v, v; st.global.f32 [y], v;
  ret;
}
.visible .entry add(.param .u64 px, .param .u64 py, .param .u64 pz) {
  .reg .b32 t, b, n; .reg .b64 x, y, z, o; .reg .f32 v, w;
  mov.u32 t, %tid.x; mov.u32 b, %ctaid.x; mov.u32 n, %ntid.x; mad.lo.u32 t, b, n, t;
  ld.param.u64 x, [px]; ld.param.u64 y, [py]; ld.param.u64 z, [pz];
  mul.wide.u32 o, t, 4; add.u64 x, x, o; add.u64 y, y, o; add.u64 z, z, o;
  ld.global.f32 v, [x]; ld.global.f32 w, [y]; add.f32 v, v, w; st.global.f32 [z], v;
  ret;
}
"""


class Program:
    """Handles by name, and the driver's functions."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.handles = {}
        self.source = (ctypes.c_float * N)(*(float(i % 17) for i in range(N)))
        self.seen = []
        self.call("cuInit", ctypes.c_uint(0))
        context = ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), ctypes.c_int(0))
        self.call("cuCtxSetCurrent", context)
        for stream in ("copies", "work"):
            self.new(stream, "cuStreamCreate", ctypes.c_uint(1))
        for event in ("uploaded", "done"):
            self.new(event, "cuEventCreate", ctypes.c_uint(2))
        # Pinned: a copy to other memory would wait by itself.
        self.new("result", "cuMemHostAlloc", ctypes.c_size_t(4 * N), ctypes.c_uint(0))
        self.result = (ctypes.c_float * N).from_address(self.handles["result"].value)
        self.result[:] = [-1.0] * N

    def call(self, function, *arguments):
        return getattr(self.library, function)(*arguments)

    def new(self, name, function, *arguments):
        handle = ctypes.c_void_p()
        result = self.call(function, ctypes.byref(handle), *arguments)
        self.handles[name] = handle
        return result


def load(p):
    p.new("module", "cuModuleLoadData", ctypes.c_char_p(PTX.encode()))
    for name in ("twice", "add"):
        result = p.new(name, "cuModuleGetFunction", p.handles["module"], ctypes.c_char_p(name.encode()))
    return result


def allocate(name):
    return lambda p: p.new(name, "cuMemAlloc_v2", ctypes.c_size_t(4 * N))


def free(name):
    return lambda p: p.call("cuMemFree_v2", p.handles[name])


def upload(name, words=N):
    return lambda p: p.call("cuMemcpyHtoDAsync_v2", p.handles[name], p.source, ctypes.c_size_t(4 * words), p.handles["copies"])


def download(name):
    return lambda p: p.call("cuMemcpyDtoHAsync_v2", p.result, p.handles[name], ctypes.c_size_t(4 * N), p.handles["copies"])


def record(event, stream):
    return lambda p: p.call("cuEventRecord", p.handles[event], p.handles[stream])


def wait(event, stream):
    return lambda p: p.call("cuStreamWaitEvent", p.handles[stream], p.handles[event], ctypes.c_uint(0))


def synchronize(stream):
    return lambda p: p.call("cuStreamSynchronize", p.handles[stream])


def look(p):
    p.seen = list(p.result)
    return 0


def launch(function, *names, blocks=4, threads=64, shared=0):
    def step(p):
        values = [ctypes.c_uint64(p.handles[name].value) for name in names]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        sizes = [ctypes.c_uint(size) for size in (blocks, 1, 1, threads, 1, 1, shared)]
        return p.call("cuLaunchKernel", p.handles[function], *sizes, p.handles["work"], pointers, None)

    return step


TRACE = [
    ("load", load),
    ("allocate x", allocate("x")),
    ("allocate y", allocate("y")),
    ("allocate z", allocate("z")),
    ("upload", upload("x")),
    ("record uploaded", record("uploaded", "copies")),
    ("wait uploaded", wait("uploaded", "work")),
    ("twice", launch("twice", "x", "y")),
    ("add", launch("add", "x", "y", "z")),
    ("record done", record("done", "work")),
    ("wait done", wait("done", "copies")),
    ("download", download("z")),
    ("synchronize", synchronize("copies")),
    ("look", look),
    ("free x", free("x")),
    ("free y", free("y")),
    ("free z", free("z")),
    ("unload", lambda p: p.call("cuModuleUnload", p.handles["module"])),
]


def without(*names):
    return [step for step in TRACE if step[0] not in names]


def moved(name, before):
    step = next(step for step in TRACE if step[0] == name)
    steps = without(name)
    at = [other for other, _ in steps].index(before)
    return steps[:at] + [step] + steps[at:]


def changed(name, step):
    return [(other, step if other == name else old) for other, old in TRACE]


# what is wrong, the calls, who must say so[, options of the stand-in]
MUTANTS = [
    ("nothing", TRACE, "nobody"),
    ("no upload", without("upload"), "uninitialized"),
    ("the upload is a word short", changed("upload", upload("x", N - 1)), "uninitialized"),
    ("the upload is a word long", changed("upload", upload("x", N + 1)), "CUDA_ERROR_INVALID_VALUE"),
    ("the work does not wait for the upload", without("wait uploaded"), "uninitialized"),
    ("the event is recorded before the upload", moved("record uploaded", before="upload"), "stream-race"),
    ("the event is never recorded", without("record uploaded"), "uninitialized"),
    ("the download does not wait for the work", without("wait done"), "stream-race"),
    ("nobody waits for the download", without("synchronize"), "wrong result"),
    ("a kernel is left out", without("twice"), "uninitialized"),
    ("kernels in the other order", moved("add", before="twice"), "uninitialized"),
    ("arguments in another order", changed("add", launch("add", "x", "z", "y")), "uninitialized"),
    ("a result of the wrong kernel", changed("add", launch("twice", "y", "z")), "wrong result"),
    ("a buffer is freed before its kernel is launched", moved("free x", before="twice"), "use-after-free"),
    ("a buffer is freed before its kernel has run", moved("free y", before="record done"), "use-after-free", "strict_free=1"),
    ("a buffer is freed twice", TRACE + [("free x", free("x"))], "CUDA_ERROR_INVALID_VALUE"),
    ("a block too many", changed("add", launch("add", "x", "y", "z", blocks=5)), "out-of-bounds"),
    ("a block too few", changed("add", launch("add", "x", "y", "z", blocks=3)), "wrong result"),
    ("more threads than a block may have", changed("add", launch("add", "x", "y", "z", threads=2048)), "CUDA_ERROR_INVALID_VALUE"),
    ("more shared memory than was asked for", changed("add", launch("add", "x", "y", "z", shared=60000)), "CUDA_ERROR_INVALID_VALUE"),
    ("a kernel of a module that is gone", moved("unload", before="add"), "CUDA_ERROR_INVALID_HANDLE"),
]


def outcome(driver, steps, options):
    """Runs the steps in a process of their own: the driver reads its options once."""
    reader, writer = os.pipe()
    with tempfile.TemporaryFile("w+") as errors:
        child = os.fork()
        if child == 0:
            os.dup2(errors.fileno(), 2)
            os.environ["MOME_FAKECUDA"] = options
            os.write(writer, json.dumps(execute(driver, steps)).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        errors.seek(0)
        fault = re.search(r": ([a-z-]+)(?: in block|:)", errors.read())
    return fault[1] if fault else json.loads(answer) if answer else "a crash"


def execute(driver, steps):
    p = Program(driver)
    for _, step in steps:
        if result := step(p):
            name = ctypes.c_char_p()
            p.call("cuGetErrorName", ctypes.c_int(result), ctypes.byref(name))
            return name.value.decode()
    return "nobody" if all(z == 3 * x for x, z in zip(p.source, p.seen)) else "wrong result"


def rows(driver):
    """What is wrong, who should say so, who did: for the first of some seeds for which somebody does."""
    for what, steps, expected, *options in MUTANTS:
        for seed in range(1, 9):
            said = outcome(driver, steps, ",".join([f"seed={seed}", *options]))
            if said != "nobody":
                break
        yield what, expected, said
