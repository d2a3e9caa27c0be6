// A folder of files named by content, kept from one compilation to the next.
//
// The name of an entry is the hash of everything that its content follows from: a setting, a key,
// and the compiler itself (the bytes of its executable, and LLVM's version). So nothing ever has to
// be invalidated.
//
// Any number of compilers may use a folder at the same time: an entry appears by renaming a
// finished file, and two that write the same entry write the same bytes. An entry that was cut off
// or altered does not match the hash within it: it counts as missing and is written again. A folder
// that cannot be written is no error; the next compilation is as slow as this one.
#ifndef MOME_PASSES_CACHEFOLDER_H
#define MOME_PASSES_CACHEFOLDER_H

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace mome {

/// XXH3-128 in its canonical form, as 32 hex digits.
std::string hashOf(llvm::StringRef bytes);

class CacheFolder {
public:
  /// `folder` is made at the first write; empty: nothing is kept. `setting` tells apart what is
  /// compiled differently.
  CacheFolder(llvm::StringRef folder, llvm::StringRef setting);

  std::optional<std::string> find(llvm::StringRef key) const;
  void store(llvm::StringRef key, llvm::StringRef content) const;

  bool isOn() const { return !folder.empty(); }

private:
  llvm::SmallString<128> pathOf(llvm::StringRef key) const;

  std::string folder, setting;
};

} // namespace mome
#endif
