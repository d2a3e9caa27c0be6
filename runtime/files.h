// Files written so that a crash leaves the old version or the new one, never a torn one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace mome {

/// A whole file; throws Error (data when missing or unreadable).
std::string read_file(const std::filesystem::path &path);

/// A file mapped for reading; throws Error when it cannot be.
class MappedFile {
public:
  explicit MappedFile(const std::filesystem::path &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte *>(data), size}; }

private:
  void *data = nullptr;
  size_t size = 0;
};

/// A file being written: every failure (a full disk above all) throws Error with the path and the
/// system's reason.
class OutputFile {
public:
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// fsync and close; without it the file counts as abandoned.
  void commit();

private:
  std::filesystem::path path;
  int fd;
};

/// Writes PATH.tmp, fsyncs, renames over PATH, fsyncs the folder.
void replace_file(const std::filesystem::path &path, std::string_view text);
/// Renames `from` to `to` (files, or a folder to a name that does not exist) and fsyncs the folder.
void rename_durably(const std::filesystem::path &from, const std::filesystem::path &to);
void sync_folder(const std::filesystem::path &dir);

} // namespace mome
