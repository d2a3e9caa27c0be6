"""Each mutant must be caught, and by the checker that is there for it.

  mutants.py PTX WGMMA_PTX TENSOR_PTX DRIVER    PTX: of ../mutants.mlir, WGMMA_PTX: of its k_wgmma for sm_90a, TENSOR_PTX: a product on
                                                tensor cores, DRIVER: the stand-in's library

Checkers are the simulator's (docs/ptxsim.md), by name; `wrong result`, the comparison with the interpreter (of tensor cores: with the
right kernel); and the driver's own errors.
"""
import os
import pathlib
import re
import subprocess
import sys

import api_mutants

HERE = pathlib.Path(__file__).resolve().parent
FAULT = re.compile(r": ([a-z-]+) in block")


def drop(pattern, number=0):
    """Without the number-th match."""
    return replace(pattern, "", number)


def replace(pattern, by, number=0):
    def edit(text):
        matches = list(re.finditer(pattern, text))
        if len(matches) <= number:
            sys.exit(f"FAILED: nothing to mutate: match {number} of {pattern}: the generated code has changed, change the table")
        match = matches[number]
        return text[: match.start()] + match.expand(by) + text[match.end() :]

    return edit


def replace_all(pattern, by):
    def edit(text):
        text, count = re.subn(pattern, by, text)
        if count == 0:
            sys.exit(f"FAILED: nothing to mutate: {pattern}: the generated code has changed, change the table")
        return text

    return edit


BARRIER = r"bar\.sync\s+0;"
WAIT_ONE, WAIT_ALL = r"cp\.async\.wait_group\s+1;", r"cp\.async\.wait_group\s+0;"
# The three stages of a ring of tiles: A's 64 x 16 at 0, B's behind it.
TILE_B = r"(cp\.async\.cg\.shared\.global \[%rd\d+)\+4096\]"

# Rounding errors of positive numbers cancel, those of truncation (7e-4) do not.
INPUTS = {"k_tf32": ["--low=1", "--high=2", "--tolerance=1e-4"]}

# function, what is wrong, edit of its text, who must say so[, options of the stand-in]
CODE = [
    ("k_gemm_0", "no wait for the tiles", drop(WAIT_ONE), "unwaited-copy"),
    ("k_gemm_0", "a wait for one group too few", replace(WAIT_ONE, "cp.async.wait_group 2;"), "unwaited-copy"),
    ("k_gemm_0", "no wait before the results go through the tiles", drop(WAIT_ALL), "unwaited-copy"),
    ("k_gemm_0", "a group is not committed", drop(r"cp\.async\.commit_group;"), "unwaited-copy"),
    ("k_gemm_0", "no barrier after the wait", drop(BARRIER), "shared-race"),
    ("k_gemm_0", "no barrier before the next tiles", drop(BARRIER, 1), "shared-race"),
    # A thread knows of its own copies only: others may be under way.
    ("k_gemm_0", "no barrier before the results go through the tiles", drop(BARRIER, 2), "unwaited-copy"),
    ("k_gemm_0", "no barrier before they are read", drop(BARRIER, 3), "shared-race"),
    ("k_gemm_0", "A's and B's tiles overlap", replace(TILE_B, r"\1+2048]"), "shared-race"),
    ("k_gemm_0", "a fragment from another lane", replace(r"(ld\.shared\.v4\.b32 .*\[%rd\d+)\+1024\]", r"\1+1040]"), "wrong result"),
    ("k_gemm_0", "wrong stride of a fragment", replace(r"(ld\.shared\.v4\.b32 .*\[%rd\d+)\+2048\]", r"\1+1024]"), "wrong result"),
    ("k_gemm_0", "one tile of k too few", replace(r"(setp\.ne\.b64\s+%p\d+, %rd\d+), 6;", r"\1, 5;"), "wrong result"),
    ("k_gemm_0", "k goes to its end, and one further", replace(r"(setp\.lt\.u64\s+%p\d+, %rd\d+), 96;", r"\1, 97;"), "out-of-bounds"),
    ("k_gemm_0", "a result at an odd address", replace(r"(st\.shared\.b32\s+\[%rd\d+)\+64\]", r"\1+66]"), "misaligned"),
    ("k_gemm_0", "a result beyond the shared memory", replace(r"(st\.shared\.b32\s+\[%rd\d+)\+15552\]", r"\1+31104]"), "out-of-bounds"),
    ("k_add_0", "the bound is off by one thread", replace(r"(setp\.gt\.u64\s+%p\d+, %rd\d+), 999;", r"\1, 1003;"), "out-of-bounds"),
    ("k_add_0", "no bound", drop(r"@%p\d+ bra\s+\S+;"), "out-of-bounds"),
    ("k_add_0", "four words at an address of one", replace(r"(ld\.global\.v4\.b32 .*\[%rd\d+)\];", r"\1+4];"), "misaligned"),
    ("k_add_0", "the result is not written", drop(r"st\.global\.v4\.b32.*;"), "wrong result"),
    ("k_softmax_0", "half of the warp is left out", replace(r"(shfl\.sync\.bfly\.b32.*), -1;", r"\1, 65535;"), "bad-member-mask"),
    ("k_softmax_0", "a lane's partner is another", replace(r"(shfl\.sync\.bfly\.b32\s+%r\d+, %r\d+), 16,", r"\1, 8,"), "wrong result"),
    ("k_softmax_0", "one row too many", replace(r"(setp\.gt\.u64\s+%p\d+, %rd\d+), 6;", r"\1, 7;"), "out-of-bounds"),
    ("k_softmax_0", "a null pointer", replace(r"ld\.param\.b64(\s+%rd\d+), \[k_softmax_0_param_0\];", r"mov.b64\1, 0;"), "out-of-bounds"),
    # The first warp to come reads before the others have written.
    ("k_wide_softmax_0", "no barrier before the block's maximum is read", drop(BARRIER), "uninitialized"),
    ("k_wide_softmax_0", "a barrier in a divergent branch", replace(BARRIER, "bar.sync 0; @%p24 bar.sync 0;"), "divergent-barrier"),
    ("k_wide_softmax_0", "a warp's maximum is not left", drop(r"st\.shared\.b32\s+\[%rd\d+\], %r\d+;"), "uninitialized"),
    ("k_wide_softmax_0", "the second sum goes where the first is read", replace(r"(st\.shared\.b32\s+\[%rd\d+)\+32\]", r"\1]"), "shared-race"),
    ("k_sum_0", "no barrier in the tree", drop(BARRIER, 1), "shared-race"),
    ("k_sum_0", "threads leave before a barrier", replace(r"(setp\.gt\.u32\s+(%p\d+), %r\d+, 3;)", r"\1 @\2 ret;"), "missing-thread"),
    ("k_sum_0", "a part is not written", drop(r"st\.global\.b32.*;"), "uninitialized"),
    ("k_sum_0", "a loop without an end", replace(r"(add\.s64\s+%rd\d+, %rd\d+), 1024;([^:]*), 4096;", r"\1, 0;\2, 0;"), "budget", "budget=20000"),
    ("k_sum_1", "wrong stride of the parts", replace(r"(shl\.b64\s+%rd\d+, %rd\d+), 4;", r"\1, 3;"), "wrong result"),
]

# Of every f32 that goes to tensor cores: cut off, not rounded.
CODE.append(("k_tf32_0", "operands of tf32 are not rounded", replace_all(r"cvt\.rna\.tf32\.f32\b", "mov.b32"), "wrong result"))

MMA = r"(mma\.sync\.aligned\.m16n8k16\S+\s+\{[^}]*\}, )\{(%r\d+), (%r\d+), (%r\d+), (%r\d+)\}"
TENSOR = [
    ("fragments of A in another order", replace(MMA, r"\1{\3, \2, \4, \5}"), "wrong result"),
    ("B is not transposed", replace(r"\.x4\.trans\.shared", ".x4.shared"), "wrong result"),
    ("a row of a fragment at an odd address", replace(r"(ldmatrix\S+\s+\{[^}]*\}, \[%r\d+)\]", r"\1+8]"), "misaligned"),
    ("no wait for the last tiles", drop(WAIT_ALL), "unwaited-copy"),
    ("no barrier before tiles are written again", drop(BARRIER, 1), "shared-race"),
    ("a product in a divergent branch", replace(r"(mma\.sync\.aligned)", r"setp.lt.u32 %p1, %r1, 7; @%p1 \1"), "deadlock"),
]


# Descriptors: bits 62.. say how rows are swizzled, 32.. how far groups of eight rows are from each other, in 16 bytes. Of A, whose k is
# contiguous, the lowest constant; of B the distance of panels in bits 16.. too.
DESCRIPTOR_A = 1 << 62 | 64 << 32 | 1 << 16
DESCRIPTOR_B = 1 << 62 | 64 << 32 | 512 << 16
WGMMA_WAIT = r"wgmma\.wait_group\.sync\.aligned %d;"
WGMMA = [
    ("no wait for the first tiles", drop(WAIT_ONE), "unwaited-copy"),
    ("no wait for the next tiles", drop(WAIT_ONE, 1), "unwaited-copy"),
    ("copies are not shown to the tensor cores", drop(r"fence\.proxy\.async\S*;", 1), "shared-race"),
    ("copies are shown before they are there", replace(r"(cp\.async\.wait_group\s+1;)(\s+//.*\s+)(fence\.proxy\.async\S*;)", r"\3\2\1"), "shared-race"),
    ("no barrier before the tiles are read", drop(BARRIER), "uninitialized"),
    ("no barrier before the next tiles are read", drop(BARRIER, 1), "unwaited-copy"),
    ("tiles are written again while products may read them", replace(WGMMA_WAIT % 1, "wgmma.wait_group.sync.aligned 2;"), "unwaited-copy"),
    ("products are not committed", drop(r"wgmma\.commit_group\.sync\.aligned;"), "wrong result"),
    ("sums are taken before they are there", drop(WGMMA_WAIT % 0), "wrong result"),
    ("sums are taken but for the last step", replace(WGMMA_WAIT % 0, "wgmma.wait_group.sync.aligned 1;"), "wrong result"),
    ("no barrier before the sums go through the tiles", drop(BARRIER, 2), "unwaited-copy"),
    ("another swizzle", replace_all(str(DESCRIPTOR_A), str(DESCRIPTOR_A + (1 << 62))), "wrong result"),
    ("groups of rows at half the distance", replace_all(str(DESCRIPTOR_A), str(DESCRIPTOR_A - (32 << 32))), "wrong result"),
    ("panels at half the distance", replace_all(str(DESCRIPTOR_B), str(DESCRIPTOR_B - (256 << 16))), "wrong result"),
    ("B is not transposed", replace_all(r"(keep, 1, 1, 0), 1;", r"\1, 0;"), "unwaited-copy"),
    ("sums start anew in each step", replace(r"setp\.ne\.b32 keep, 1, 0;", "setp.ne.b32 keep, 0, 0;"), "wrong result"),
]


def function_of(ptx, name):
    """Begin and end of a function's text."""
    begin = ptx.index(f".entry {name}(")
    return begin, ptx.index("\n}", begin)


def run_code(ptx, name, edit, options, driver):
    begin, end = function_of(ptx, name)
    mutant = pathlib.Path(sys.argv[1] + ".mutant")
    mutant.write_text(ptx[:begin] + edit(ptx[begin:end]) + ptx[end:])
    kernel = name.rsplit("_", 1)[0]
    done = subprocess.run(
        ["mome-check-kernels", "--cuda", str(HERE.parent / "mutants.mlir"), *INPUTS.get(kernel, ["--low=-1", "--high=1"]), f"--only={kernel}",
         f"--run-ptx={mutant}"],
        capture_output=True, text=True, env={**os.environ, "MOME_CUDA_DRIVER": driver, "MOME_FAKECUDA": ",".join(["threads=1", *options])})
    fault = FAULT.search(done.stderr)
    if fault:
        return fault[1]
    if " inaccurate" in done.stdout:
        return "wrong result"
    return "nobody" if done.returncode == 0 else done.stderr.strip()[:300]


def run_tensor(text):
    path = pathlib.Path(sys.argv[1] + ".tensor")
    path.write_text(text)
    done = subprocess.run(
        ["mome-ptxsim", str(path), "-g", "1,2", "-b", "128", "--threads", "1", "--print", "8192", "bf16[12288]=random:1", "bf16[6144]=random:2", "f32[8192]",
         "i32:128", "i32:64", "i32:96"], capture_output=True, text=True)
    fault = FAULT.search(done.stderr)
    return (fault[1] if fault else done.stderr.strip()[:300]), done.stdout


def run_wgmma(text):
    path = pathlib.Path(sys.argv[2] + ".mutant")
    path.write_text(text)
    launch = re.search(r"^// launch (-k k_wgmma_0 .*)$", text, re.M).group(1)
    done = subprocess.run(["mome-ptxsim", str(path), *launch.split(), "--threads", "1", "--print", "8192", "bf16[29184]=random:1", "bf16[58368]=random:2",
                           "f32[8192]", "f32[1]"], capture_output=True, text=True)
    fault = FAULT.search(done.stderr)
    return (fault[1] if fault else done.stderr.strip()[:300]), done.stdout


def rows(ptx, wgmma, tensor, driver):
    """Kind of mutant, what is wrong, who should say so, who did."""
    kernels = {name for name, *_ in CODE}
    for name in sorted(kernels):
        yield name, "nothing", "nobody", run_code(ptx, name, lambda text: text, [], driver)
    for name, what, edit, expected, *options in CODE:
        yield name, what, expected, run_code(ptx, name, edit, options, driver)
    for kind, text, run, mutants in (("wgmma", wgmma, run_wgmma, WGMMA), ("tensor cores", tensor, run_tensor, TENSOR)):
        said, right = run(text)
        yield kind, "nothing", "nobody", said or "nobody"
        for what, edit, expected in mutants:
            said, result = run(edit(text))
            yield kind, what, expected, said or ("nobody" if result == right else "wrong result")
    for what, expected, said in api_mutants.rows(driver):
        yield "driver calls", what, expected, said


def main():
    ptx, wgmma, tensor = (pathlib.Path(path).read_text() for path in sys.argv[1:4])
    wrong = mutants = 0
    for kind, what, expected, said in rows(ptx, wgmma, tensor, sys.argv[4]):
        mutants += what != "nothing"
        wrong += said != expected
        print(f"{'ok ' if said == expected else 'BAD'} {kind:18} {what:58} {said}" + ("" if said == expected else f", expected {expected}"))
    print(f"{mutants} mutants, {wrong} not caught as they should be")
    return 1 if wrong or mutants < 25 else 0


if __name__ == "__main__":
    sys.exit(main())
