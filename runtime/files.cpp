#include "runtime/files.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "runtime/error.h"

namespace mome {

std::string read_file(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw io_error(path.string(), "read");
  }
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

MappedFile::MappedFile(const std::filesystem::path &path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    throw io_error(path.string(), "open");
  }
  struct stat info{};
  ::fstat(fd, &info);
  size = size_t(info.st_size);
  data = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (data == MAP_FAILED) {
    throw io_error(path.string(), "map");
  }
}

MappedFile::~MappedFile() {
  if (data != nullptr) {
    ::munmap(data, size);
  }
}

OutputFile::OutputFile(std::filesystem::path p)
    : path(std::move(p)), fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (fd < 0) {
    throw io_error(path.string(), "create");
  }
}

OutputFile::~OutputFile() {
  if (fd >= 0) {
    ::close(fd);
  }
}

void OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      throw io_error(path.string(), "write");
    }
    bytes = bytes.subspan(size_t(n));
  }
}

void OutputFile::commit() {
  if (::fsync(fd) != 0) {
    throw io_error(path.string(), "flush");
  }
  const int closing = std::exchange(fd, -1);
  if (::close(closing) != 0) {
    throw io_error(path.string(), "close");
  }
}

void sync_folder(const std::filesystem::path &dir) {
  const int fd = ::open(dir.empty() ? "." : dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    throw io_error(dir.string(), "open");
  }
  const bool ok = ::fsync(fd) == 0 || errno == EINVAL; // some file systems cannot sync a folder
  ::close(fd);
  if (!ok) {
    throw io_error(dir.string(), "flush");
  }
}

void rename_durably(const std::filesystem::path &from, const std::filesystem::path &to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    throw io_error(to.string(), "rename to");
  }
  sync_folder(to.parent_path());
}

void replace_file(const std::filesystem::path &path, std::string_view text) {
  std::filesystem::path tmp = path;
  tmp += ".tmp";
  OutputFile file(tmp);
  file.write(text);
  file.commit();
  rename_durably(tmp, path);
}

} // namespace mome
