// See ObjectCache.h. An entry is: the numbers of the record and the lengths of the refusal and the
// object as i64, then these two.
#include "passes/cpu/ObjectCache.h"

#include <cstring>

using namespace mome::cpu;
using llvm::StringRef;

static CacheUse use;

const CacheUse &mome::cpu::getCacheUse() {
  return use;
}

static void append(std::string &text, int64_t number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  text.append(bytes, sizeof number);
}

static std::optional<int64_t> takeNumber(StringRef &text) {
  int64_t number;
  if (text.size() < sizeof number) {
    return std::nullopt;
  }
  std::memcpy(&number, text.data(), sizeof number);
  text = text.drop_front(sizeof number);
  return number;
}

static std::string write(const KernelObject &object) {
  std::string content;
  for (int64_t number : {object.chunks, object.scratch, object.packs, object.shared,
                         int64_t(object.refusal.size()), int64_t(object.bytes.size())}) {
    append(content, number);
  }
  return content + object.refusal + object.bytes;
}

static std::optional<KernelObject> read(StringRef content) {
  auto chunks = takeNumber(content), scratch = takeNumber(content);
  auto packs = takeNumber(content), shared = takeNumber(content);
  auto refusal = takeNumber(content), size = takeNumber(content);
  if (!size || *refusal < 0 || *size < 0 || uint64_t(*refusal) > content.size() ||
      content.size() - *refusal != uint64_t(*size)) {
    return std::nullopt;
  }
  return KernelObject{*chunks,
                      *scratch,
                      *packs,
                      *shared,
                      content.take_front(*refusal).str(),
                      content.drop_front(*refusal).str()};
}

std::optional<KernelObject> ObjectCache::find(StringRef kernelText) {
  if (!isOn()) {
    return std::nullopt;
  }
  std::optional<std::string> content = files.find(kernelText);
  std::optional<KernelObject> object = content ? read(*content) : std::nullopt;
  ++(object ? use.hits : use.misses);
  return object;
}

void ObjectCache::store(StringRef kernelText, const KernelObject &object) {
  if (isOn()) {
    files.store(kernelText, write(object));
  }
}
