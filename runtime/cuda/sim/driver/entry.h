// How an entry point is written: it is exported, named in the table of cuGetProcAddress, traced and
// subject to injected failures.
#pragma once

#include "runtime/cuda/sim/driver/driver.h"

#define MOME_EXPORT extern "C" __attribute__((visibility("default"), used))

namespace mome::fakecuda {

/// Calls need a current context and a healthy device, unless `free_call`.
template <class Body> CUresult entry(const char *name, const std::string &arguments, Body body) {
  return Driver::get().call(name, arguments, true, body);
}
template <class Body>
CUresult free_entry(const char *name, const std::string &arguments, Body body) {
  return Driver::get().call(name, arguments, false, body);
}

inline std::string text(uint64_t value) {
  return std::to_string(value);
}

} // namespace mome::fakecuda
