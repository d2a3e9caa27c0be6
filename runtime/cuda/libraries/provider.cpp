// See provider.h and shared_library.h.
#include "runtime/cuda/libraries/provider.h"

#include <cstdlib>

#include "runtime/cuda/libraries/shared_library.h"
#include "runtime/error.h"

namespace mome::cuda {

bool SharedLibrary::open(const char *variable, std::initializer_list<const char *> names,
                         std::string &why) {
  const auto attempt = [&](const std::string &name) {
    handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    path = name;
    why = handle == nullptr && why.empty() ? ::dlerror() : why;
    return handle != nullptr;
  };
  why.clear();
  if (const char *wanted = std::getenv(variable)) {
    return attempt(wanted);
  }
  const char *toolkit = std::getenv("CUDA_PATH");
  const std::string folder = toolkit == nullptr ? "/usr/local/cuda" : toolkit;
  for (const std::string &prefix : {std::string(), folder + "/lib64/", folder + "/lib/"}) {
    for (const char *name : names) {
      if (attempt(prefix + name)) {
        why.clear();
        return true;
      }
    }
  }
  return false;
}

Provider *find_provider(const std::string &name, std::string &why) {
  if (name == "cublaslt") {
    return open_cublaslt(why);
  }
  if (name == "cudnn") {
    return open_cudnn(why);
  }
  why = "no library is called '" + name + "'; known: cublaslt, cudnn";
  return nullptr;
}

Provider &provider(const std::string &name, const std::string &where) {
  std::string why;
  if (Provider *found = find_provider(name, why)) {
    return *found;
  }
  throw Error(Exit::device, where,
              "the package calls the library " + name + ", which does not load: " + why,
              "install it (NVIDIA's packages libcublas and libcudnn9), say where it is in " +
                  std::string(name == "cudnn" ? "MOME_CUDNN" : "MOME_CUBLASLT") +
                  ", or compile the model without --cuda-libs: generated kernels need no library");
}

} // namespace mome::cuda
