// See ObjectCache.h. An entry is: a magic word, the XXH3-128 of what follows, then the numbers of
// the record and the lengths of the refusal and the object as i64, then these two.
#include "passes/cpu/ObjectCache.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <cstring>

using namespace mome::cpu;
using llvm::StringRef;

static constexpr StringRef magic = "MOMEOBJ1";
static CacheUse use;

const CacheUse &mome::cpu::getCacheUse() {
  return use;
}

static std::string hashOf(StringRef bytes) {
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(llvm::ArrayRef((const uint8_t *)bytes.data(), bytes.size()));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}

/// The identity of this compiler: a rebuilt one shares nothing with the one before.
static std::string compilerIdentity() {
  static int anchor; // in the executable
  std::string path = llvm::sys::fs::getMainExecutable("", &anchor);
  auto executable = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                                /*RequiresNullTerminator=*/false);
  return executable ? LLVM_VERSION_STRING "\n" + hashOf((*executable)->getBuffer()) : "";
}

ObjectCache::ObjectCache(StringRef folder, StringRef setting) : folder(folder) {
  if (folder.empty()) {
    return;
  }
  std::string compiler = compilerIdentity();
  if (compiler.empty()) { // what cannot be told apart must not be shared
    this->folder.clear();
  }
  this->setting = compiler + "\n" + setting.str() + "\n";
}

llvm::SmallString<128> ObjectCache::pathOf(StringRef kernelText) const {
  std::string name = hashOf(setting + kernelText.str());
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, StringRef(name).take_front(2), StringRef(name).drop_front(2));
  return path;
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
  content += object.refusal + object.bytes;
  return magic.str() + hashOf(content) + content;
}

/// The object in an entry's bytes; none if they are not those that were written.
static std::optional<KernelObject> read(StringRef bytes) {
  constexpr size_t digits = 32;
  if (!bytes.consume_front(magic) || bytes.size() < digits) {
    return std::nullopt;
  }
  StringRef hash = bytes.take_front(digits), content = bytes.drop_front(digits);
  if (hash != hashOf(content)) {
    return std::nullopt;
  }
  auto chunks = takeNumber(content), scratch = takeNumber(content);
  auto packs = takeNumber(content), shared = takeNumber(content);
  auto refusal = takeNumber(content), size = takeNumber(content);
  if (!size || *refusal < 0 || *size < 0 || uint64_t(*refusal) > content.size() ||
      content.size() - *refusal != uint64_t(*size)) {
    return std::nullopt;
  }
  return KernelObject{*chunks, *scratch, *packs, *shared, content.take_front(*refusal).str(),
                      content.drop_front(*refusal).str()};
}

std::optional<KernelObject> ObjectCache::find(StringRef kernelText) {
  if (!isOn()) {
    return std::nullopt;
  }
  auto file = llvm::MemoryBuffer::getFile(pathOf(kernelText), /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  std::optional<KernelObject> object = file ? read((*file)->getBuffer()) : std::nullopt;
  ++(object ? use.hits : use.misses);
  return object;
}

void ObjectCache::store(StringRef kernelText, const KernelObject &object) {
  if (!isOn()) {
    return;
  }
  llvm::SmallString<128> path = pathOf(kernelText), temporary;
  int file = -1;
  if (llvm::sys::fs::create_directories(llvm::sys::path::parent_path(path)) ||
      llvm::sys::fs::createUniqueFile(path + ".%%%%%%%%", file, temporary)) {
    return;
  }
  llvm::raw_fd_ostream stream(file, /*shouldClose=*/true);
  stream << write(object);
  stream.close();
  bool broken = stream.has_error();
  stream.clear_error();
  if (broken || llvm::sys::fs::rename(temporary, path)) {
    llvm::sys::fs::remove(temporary);
  }
}
