// Opens libmome_video.so, from beside the program or where the system looks.
#include <dlfcn.h>

#include "runtime/error.h"
#include "runtime/video/video.h"

namespace mome::video {
namespace {

namespace fs = std::filesystem;

const Library &open_library() {
  std::error_code failed;
  const fs::path bin = fs::read_symlink("/proc/self/exe", failed).parent_path();
  std::string reason;
  for (const std::string &name :
       {(bin / "../lib/libmome_video.so").string(), (bin / "libmome_video.so").string(),
        std::string(MOME_VIDEO_LIBRARY), std::string("libmome_video.so")}) {
    if (name.find('/') != std::string::npos && !fs::exists(name)) {
      continue;
    }
    void *handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      reason = dlerror();
      continue;
    }
    using Entry = const Library *(*)(uint32_t);
    const auto entry = reinterpret_cast<Entry>(dlsym(handle, "mome_video_library"));
    const Library *found = entry == nullptr ? nullptr : entry(mome_video_abi);
    if (found != nullptr) {
      return *found;
    }
    reason = name + " is of another version";
  }
  throw data_error("video", "libmome_video.so cannot be opened: " + reason,
                   "install FFmpeg 5.1 (Debian: libavcodec59 libavformat59 libswscale6) and build "
                   "the target mome_video");
}

} // namespace

const Library &library() {
  static const Library &opened = open_library();
  return opened;
}

} // namespace mome::video
