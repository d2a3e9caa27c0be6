// MOME_FAKECUDA=barriers=1: is every barrier of every kernel needed?
//
// Before a function runs for the first time it runs without each of its barriers in turn, on memory
// that is put back afterwards. A checker must notice; a barrier that nobody misses is superfluous. A
// few blocks are tried first: what a barrier orders lies within one.
#include <cstdio>

#include "runtime/cuda/sim/driver/driver.h"

namespace mome::fakecuda {
namespace {

ptxsim::Program without(const ptxsim::Program &program, size_t barrier) {
  ptxsim::Program mutant = program;
  mutant.code[barrier].flow = ptxsim::Flow::next;
  mutant.code[barrier].run = [](ptxsim::Warp &, const ptxsim::Inst &, uint32_t) {};
  return mutant;
}

/// What a checker says of the launch; empty: nothing.
std::string fault_of(Device &device, const ptxsim::Program &program, ptxsim::Launch launch) {
  const ptxsim::Memory::Contents before = device.memory.save();
  const ptxsim::Report report = ptxsim::simulate(program, device.memory, launch);
  device.memory.restore(before);
  return report.ok() ? "" : std::string(fault_name(report.faults[0].kind));
}

std::string text_of(const ptxsim::Program &program) {
  std::string text;
  for (const ptxsim::Inst &inst : program.code) {
    text += inst.text;
    text += '\n';
  }
  return text;
}

} // namespace

void try_without_barriers(Device &device, const ptxsim::Program &program,
                          const ptxsim::Launch &launch) {
  if (!Driver::get().tried.insert(text_of(program)).second) {
    return;
  }
  const uint64_t blocks = uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
  ptxsim::Launch few = launch;
  if (blocks > 3) {
    few.only_blocks = {0, 1, blocks - 1};
  }
  for (size_t i = 0; i < program.code.size(); ++i) {
    if (program.code[i].flow != ptxsim::Flow::barrier) {
      continue;
    }
    const ptxsim::Program mutant = without(program, i);
    std::string fault = fault_of(device, mutant, few);
    if (fault.empty() && blocks > 3) {
      fault = fault_of(device, mutant, launch);
    }
    std::fprintf(stderr, "libcuda stand-in: %s without the barrier at line %u: %s\n",
                 program.name.c_str(), program.code[i].line,
                 fault.empty() ? "nobody notices" : fault.c_str());
  }
}

} // namespace mome::fakecuda
