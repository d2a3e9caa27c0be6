// Machine code of kernels, kept from one compilation to the next: a folder of files named by
// content.
//
// The name of an entry is the hash of everything that its code follows from: the kernel's text, the
// processor, the generator, and the compiler itself (the bytes of its executable, and LLVM's
// version). So nothing ever has to be invalidated, and all models share kernels.
//
// Any number of compilers may use a folder at the same time: an entry appears by renaming a
// finished file, and two that write the same entry write the same bytes. An entry that was cut off
// or altered does not match the hash within it: it counts as missing and is written again. A folder
// that cannot be written is no error; the next compilation is as slow as this one.
#ifndef MOME_PASSES_CPU_OBJECTCACHE_H
#define MOME_PASSES_CPU_OBJECTCACHE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace mome::cpu {

/// What code generation makes of one kernel.
struct KernelObject {
  int64_t chunks = 0, scratch = 0, packs = 0, shared = 0; // of the kernel's record
  std::string refusal; // why no fast family took it; empty if one did
  std::string bytes;   // an object file

  bool operator==(const KernelObject &) const = default;
};

/// How often this process found what it looked for, in all its caches.
struct CacheUse {
  int64_t hits = 0, misses = 0;
};
const CacheUse &getCacheUse();

class ObjectCache {
public:
  /// `folder` is made at the first write; empty: nothing is kept. `setting` tells apart what is
  /// compiled differently.
  ObjectCache(llvm::StringRef folder, llvm::StringRef setting);

  std::optional<KernelObject> find(llvm::StringRef kernelText);
  void store(llvm::StringRef kernelText, const KernelObject &object);

  bool isOn() const { return !folder.empty(); }

private:
  llvm::SmallString<128> pathOf(llvm::StringRef kernelText) const;

  std::string folder, setting;
};

} // namespace mome::cpu
#endif
