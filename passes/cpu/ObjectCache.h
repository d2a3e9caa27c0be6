// Machine code of kernels, kept from one compilation to the next (passes/CacheFolder.h). An entry
// is named by the kernel's text, the processor and the generator, so all models share kernels.
#ifndef MOME_PASSES_CPU_OBJECTCACHE_H
#define MOME_PASSES_CPU_OBJECTCACHE_H

#include "passes/CacheFolder.h"

#include <cstdint>

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
  ObjectCache(llvm::StringRef folder, llvm::StringRef setting) : files(folder, setting) {}

  std::optional<KernelObject> find(llvm::StringRef kernelText);
  void store(llvm::StringRef kernelText, const KernelObject &object);

  bool isOn() const { return files.isOn(); }

private:
  CacheFolder files;
};

} // namespace mome::cpu
#endif
