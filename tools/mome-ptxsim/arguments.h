// Kernel arguments from the command line:
//   i32:5  f32:0.5  u64:7                 a number
//   f32[1024]                             a buffer, uninitialised
//   f32[4]=1,2,3,4   f32[64]=0            its values; one value fills it
//   f32[64]=iota     f32[64]=random:7     0, 1, 2 ...; numbers in [-1, 1) from a seed
//   @file.safetensors:NAME                a tensor's bytes
#pragma once

#include <string>
#include <vector>

#include "runtime/cuda/sim/memory.h"

namespace mome::ptxsim {

struct Argument {
  std::string type;             // f32, f16, bf16, f64, i8, i32, u32, i64, u64, or bytes
  std::vector<std::byte> value; // of the parameter: a number, or an address
  bool buffer = false;
  uint64_t address = 0, count = 0;
};

/// Throws Error (usage) naming the argument.
Argument parse_argument(const std::string &text, Memory &memory);
/// The first `limit` elements, "1, 2, 3, ...".
std::string show(const Argument &argument, const Memory &memory, uint64_t limit);

} // namespace mome::ptxsim
