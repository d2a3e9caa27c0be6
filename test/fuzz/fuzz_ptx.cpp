// libFuzzer: the PTX parser and decoder throw Error or return; what they return runs within its
// budget, with faults noted and no crash.
#include <cstdint>

#include "runtime/cuda/sim/load.h"
#include "runtime/cuda/sim/simulate.h"
#include "runtime/error.h"

using namespace mome::ptxsim;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  try {
    const auto module = std::make_shared<Module>(
        parse(std::string(reinterpret_cast<const char *>(bytes), size), "fuzz.ptx"));
    uint64_t variables = 0;
    for (const Variable &v : module->variables) {
      variables += v.size;
    }
    if (variables > 1 << 20) {
      return 0;
    }
    Memory memory;
    const Symbols symbols = load_variables(*module, memory);
    for (const Function &f : module->functions) {
      if (!f.kernel || !f.defined) {
        continue;
      }
      const Program program = decode(module, f.name, symbols);
      if (program.param_bytes > 4096 || program.static_shared > 1 << 18 ||
          program.local_bytes > 1 << 12 || program.frame_bytes > 1 << 20) {
        continue;
      }
      const std::vector<std::byte> params(program.param_bytes);
      Launch launch;
      launch.block = {33, 1, 1};
      launch.params = params;
      launch.threads = 1;
      launch.budget = 2000;
      simulate(program, memory, launch);
    }
  } catch (const mome::Error &) {
  }
  return 0;
}
