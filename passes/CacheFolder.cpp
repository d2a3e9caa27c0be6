// See CacheFolder.h. An entry is: a magic word, the XXH3-128 of what follows, the content.
#include "passes/CacheFolder.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace mome;
using llvm::StringRef;

static constexpr StringRef magic = "MOMEOBJ2";

std::string mome::hashOf(StringRef bytes) {
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(llvm::ArrayRef((const uint8_t *)bytes.data(), bytes.size()));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}

/// The identity of this compiler: a rebuilt one shares nothing with the one before.
static const std::string &compilerIdentity() {
  static int anchor; // in the executable
  static const std::string identity = [] {
    std::string path = llvm::sys::fs::getMainExecutable("", &anchor);
    auto executable = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                                  /*RequiresNullTerminator=*/false);
    return executable ? LLVM_VERSION_STRING "\n" + hashOf((*executable)->getBuffer()) : "";
  }();
  return identity;
}

CacheFolder::CacheFolder(StringRef folder, StringRef setting) : folder(folder) {
  if (folder.empty()) {
    return;
  }
  if (compilerIdentity().empty()) { // what cannot be told apart must not be shared
    this->folder.clear();
  }
  this->setting = compilerIdentity() + "\n" + setting.str() + "\n";
}

llvm::SmallString<128> CacheFolder::pathOf(StringRef key) const {
  std::string name = hashOf(setting + key.str());
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, StringRef(name).take_front(2), StringRef(name).drop_front(2));
  return path;
}

std::optional<std::string> CacheFolder::find(StringRef key) const {
  constexpr size_t digits = 32;
  if (!isOn()) {
    return std::nullopt;
  }
  auto file = llvm::MemoryBuffer::getFile(pathOf(key), /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  StringRef bytes = file ? (*file)->getBuffer() : StringRef();
  if (!bytes.consume_front(magic) || bytes.size() < digits ||
      bytes.take_front(digits) != hashOf(bytes.drop_front(digits))) {
    return std::nullopt;
  }
  return bytes.drop_front(digits).str();
}

void CacheFolder::store(StringRef key, StringRef content) const {
  if (!isOn()) {
    return;
  }
  llvm::SmallString<128> path = pathOf(key), temporary;
  int file = -1;
  if (llvm::sys::fs::create_directories(llvm::sys::path::parent_path(path)) ||
      llvm::sys::fs::createUniqueFile(path + ".%%%%%%%%", file, temporary)) {
    return;
  }
  llvm::raw_fd_ostream stream(file, /*shouldClose=*/true);
  stream << magic << hashOf(content) << content;
  stream.close();
  bool broken = stream.has_error();
  stream.clear_error();
  if (broken || llvm::sys::fs::rename(temporary, path)) {
    llvm::sys::fs::remove(temporary);
  }
}
