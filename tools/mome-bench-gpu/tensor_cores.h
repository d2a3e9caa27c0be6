// What a variant's PTX says: its text, and which kernels multiply by tensor cores, whose f32 results differ from
// the processor's by more.
#pragma once

#include <map>
#include <string>

#include "runtime/package.h"

namespace mome {

/// The PTX among a variant's code; empty, and why, if there is none.
std::string find_ptx(const Variant &variant, std::string &problem);

/// By what a kernel's products are made: multiply-adds, or tensor cores on bf16 or on f32 rounded to tf32.
enum class Multiplier { fma, bf16, tf32 };

/// By name of the function, as the variant's PTX says.
std::map<std::string, Multiplier> find_multipliers(const Variant &variant);

/// Of all launches of a kernel, the least exact.
Multiplier multiplier_of(const Kernel &kernel, const std::map<std::string, Multiplier> &functions);

} // namespace mome
