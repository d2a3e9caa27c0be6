// A library found at run time, and its functions.
#pragma once

#include <dlfcn.h>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>

#include "runtime/error.h"

namespace mome::cuda {

class SharedLibrary {
public:
  /// Opens what the environment's `variable` names, else the first of `names` that the system finds, or the CUDA
  /// toolkit's folder has. It is not closed again: its threads may outlive us. False, with a reason.
  bool open(const char *variable, std::initializer_list<const char *> names, std::string &why);

  /// Sets `member` to the function; false, with a reason, if there is none.
  template <class F> bool find(const char *symbol, F &member, std::string &why) const {
    void *address = ::dlsym(handle, symbol);
    if (address == nullptr) {
      why = path + " has no function " + symbol + ": it is too old";
    }
    member = reinterpret_cast<F>(address);
    return address != nullptr;
  }

private:
  void *handle = nullptr;
  std::string path;
};

/// The `Library` over a table of functions, which `fill` finds; opened once per process. Null, with a reason,
/// when it is not there.
template <class Library, class Api>
Library *open_once(const char *variable, std::initializer_list<const char *> names,
                   std::string &why) {
  static std::string reason;
  static const std::unique_ptr<Library> once = [&]() -> std::unique_ptr<Library> {
    SharedLibrary library;
    Api api{};
    return library.open(variable, names, reason) && fill(library, api, reason)
               ? std::make_unique<Library>(api)
               : nullptr;
  }();
  why = reason;
  return once.get();
}

/// What a library's calls begin with: one for each device, kept.
template <class Handle> class Handles {
public:
  /// For the current device, which `where` names. Throws Error (device).
  Handle get(const std::string &where, const char *library, int (*create)(Handle *),
             const char *(*describe)(int)) {
    Handle &handle = handles[where];
    if (handle == nullptr) {
      if (const int status = create(&handle); status != 0) {
        throw Error(Exit::device, where,
                    std::string(library) + " does not start: " + describe(status),
                    "see that its version fits the driver's, or compile without --cuda-libs");
      }
    }
    return handle;
  }

private:
  std::map<std::string, Handle> handles;
};

} // namespace mome::cuda
