// See package_cache.h. An entry is lines of a hash, a blank and a path, an empty line, the package. A file that was not there has
// "-" for a hash.
#include "tools/momec/package_cache.h"

#include "tools/momec/common.h"

#include "llvm/Support/MemoryBuffer.h"

namespace momec {

static std::string identity(const std::optional<std::string> &text) {
  return text ? mome::hashOf(*text) : "-";
}

static std::optional<std::string> textOf(llvm::StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return file ? std::optional((*file)->getBuffer().str()) : std::nullopt;
}

std::optional<std::string> PackageCache::find() const {
  std::optional<std::string> entry = files.find(flags);
  llvm::StringRef rest = entry ? llvm::StringRef(*entry) : "";
  while (!rest.empty()) {
    auto [line, behind] = rest.split('\n');
    if (line.empty()) {
      return behind.str();
    }
    auto [hash, path] = line.split(' ');
    if (identity(textOf(path)) != hash) {
      return std::nullopt;
    }
    rest = behind;
  }
  return std::nullopt;
}

void PackageCache::store(const ReadFiles &read, llvm::StringRef package) const {
  std::string entry;
  for (const auto &[path, text] : read) {
    if (path.find('\n') != path.npos) {
      return;
    }
    entry += identity(text) + " " + path + "\n";
  }
  files.store(flags, entry + "\n" + package.str());
}

} // namespace momec
