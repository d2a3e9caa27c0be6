// Putting a module's variables into a device's memory, and parameters into the form of a launch.
#pragma once

#include <span>

#include "runtime/cuda/sim/memory.h"
#include "runtime/cuda/sim/program.h"

namespace mome::ptxsim {

/// Allocates and initialises the .global and .const variables.
/// Throws Error (mismatch) when an initializer refers to something that is not there.
Symbols load_variables(const Module &module, Memory &memory);
void unload_variables(const Symbols &symbols, Memory &memory);

/// One pointer per parameter, as cuLaunchKernel takes them, to the bytes of Launch::params.
std::vector<std::byte> pack_params(const Program &program, const void *const *values);
/// The same for words of 8 bytes at most, one per parameter; or for one parameter that is a table of them, whose
/// rest is zeros. Throws Error (mismatch) when the number is another.
std::vector<std::byte> pack_params(const Program &program, std::span<const uint64_t> words);

} // namespace mome::ptxsim
