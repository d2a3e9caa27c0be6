import os
import shutil
import sys

import lit.formats

config.name = "mome"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".mome", ".test"]
config.excludes = ["Inputs", "runtime", "ptxsim", "fuzz", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.mome_obj, "test")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.mome_obj, "bin"), config.llvm_tools_dir, config.environment["PATH"]]
)
config.environment["FILECHECK_OPTS"] = "-enable-var-scope --dump-input=fail"
# LLVM's allocators poison what they hand out only in code compiled with AddressSanitizer; Debian's libLLVM is not.
config.environment["ASAN_OPTIONS"] = "allow_user_poisoning=0:detect_container_overflow=0:detect_leaks=0"
# Kernels that tests of this run have compiled already (e2e/harness.py); nothing of an earlier run may answer for this one.
config.environment["MOME_TEST_KERNELS"] = os.path.join(config.test_exec_root, "kernels")
shutil.rmtree(config.environment["MOME_TEST_KERNELS"], ignore_errors=True)
config.substitutions.append(("%models", os.path.join(config.mome_src, "models")))
config.substitutions.append(("%lib", os.path.join(config.mome_obj, "lib")))
config.substitutions.append(("%root", config.mome_src))
config.substitutions.append(("%python", sys.executable))


def feature(name, present, reason):
    """What some tests require; where it is missing, why they are skipped is printed."""
    if present:
        config.available_features.add(name)
    else:
        lit_config.note(f"skipped: tests that require {name}: {reason}")


sanitized = os.path.basename(config.mome_obj) == "asan"
toolkit = shutil.which("ptxas", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/cuda/bin"]))
feature("ptxas", toolkit, "there is no ptxas, so no machine code for GPUs to look at")
cudnn = os.path.join(os.environ.get("CUDA_PATH", "/usr/local/cuda"), "lib64/libcudnn.so.9")
feature("cudnn", os.path.exists(cudnn), "there is no libcudnn.so.9 to ask what it supports")
feature("unsanitized", not sanitized, "sanitizers make the simulator of whole models too slow")
feature("valgrind", shutil.which("valgrind") and not sanitized, "there is no valgrind, or a sanitizer, beside which it does not run")
# MOME_ROUNDTRIP=1: every module that mome-opt reads in the suite is also printed and parsed back.
if os.environ.get("MOME_ROUNDTRIP"):
    config.substitutions.append(("mome-opt", "mome-opt --verify-roundtrip"))
