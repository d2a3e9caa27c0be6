// Parameters and states of a session from a safetensors file.
#pragma once

#include <filesystem>

#include "runtime/session.h"

namespace mome {

/// Sets every parameter and state. Throws Error (mismatch) before changing anything when a tensor
/// is missing or has another type or shape; names the model does not have are ignored.
void load_weights(Session &session, const std::filesystem::path &file);

} // namespace mome
