// Whole packages, kept from one compilation to the next: the same flags over the same texts give the
// same package, which need not be made again.
#pragma once

#include "passes/CacheFolder.h"

#include <map>
#include <optional>
#include <string>

namespace momec {

/// What a compilation read, by path; nothing for a file that was looked for and not there.
using ReadFiles = std::map<std::string, std::optional<std::string>>;

/// An entry is named by the flags. It holds the hashes of the files that were read, and the package.
class PackageCache {
public:
  PackageCache(llvm::StringRef folder, std::string flags)
      : files(folder, "package"), flags(std::move(flags)) {}

  /// The package, if every file still is what it was.
  std::optional<std::string> find() const;
  void store(const ReadFiles &read, llvm::StringRef package) const;

private:
  mome::CacheFolder files;
  std::string flags;
};

} // namespace momec
