// From the bytes of a package to its tables: checks the file, copies the tables, verifies them.
#pragma once

#include "runtime/package.h"

namespace mome {

/// Fills `package`, except for what keeps `bytes` alive. Throws Error (mismatch).
void read_package(Package &package, std::span<const std::byte> bytes, const std::string &where);

/// The checks on unpacked tables: names, sizes, memory, indices (see package.h).
void verify_package(const Package &package);

} // namespace mome
