// The PTX in a module image: text, or an uncompressed fat binary (possibly wrapped).
#pragma once

#include <string>

namespace mome::ptxsim {

enum class ImageKind { ptx, damaged, no_ptx };

/// Fills `ptx`, or says in `what` why there is none.
ImageKind find_ptx(const void *image, std::string &ptx, std::string &what);

} // namespace mome::ptxsim
