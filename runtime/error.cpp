#include "runtime/error.h"

#include <cerrno>
#include <cstring>

namespace mome {

Error io_error(std::string path, std::string verb) {
  const int reason = errno;
  std::string hint;
  if (reason == ENOSPC || reason == EDQUOT) {
    hint = "free some space; what was saved before is intact";
  } else if (reason == EACCES || reason == EROFS) {
    hint = "check the permissions of the folder";
  }
  return {Exit::failed, std::move(path), "cannot " + verb + ": " + std::strerror(reason),
          std::move(hint)};
}

} // namespace mome
