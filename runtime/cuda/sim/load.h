// Putting a module's variables into a device's memory, and parameters into the form of a launch.
#pragma once

#include "runtime/cuda/sim/memory.h"
#include "runtime/cuda/sim/program.h"

namespace mome::ptxsim {

/// Allocates and initialises the .global and .const variables.
/// Throws Error (mismatch) when an initializer refers to something that is not there.
Symbols load_variables(const Module &module, Memory &memory);
void unload_variables(const Symbols &symbols, Memory &memory);

/// One pointer per parameter, as cuLaunchKernel takes them, to the bytes of Launch::params.
std::vector<std::byte> pack_params(const Program &program, const void *const *values);

} // namespace mome::ptxsim
