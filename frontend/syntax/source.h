// Source files and places in them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mome::syntax {

/// Bytes [begin, end) of a file; the unit of every diagnostic and of IR locations.
struct Range {
  int32_t file = -1;
  uint32_t begin = 0, end = 0;

  bool valid() const { return file >= 0; }
  /// From the start of `this` to the end of `last`.
  Range to(Range last) const { return {file, begin, last.end}; }
};

/// Length in bytes of the UTF-8 character at `at`; 0 if there is none.
size_t utf8_length(std::string_view text, size_t at);

struct LineColumn {
  uint32_t line = 1, column = 1; // both from 1; columns count characters
};

/// One file's text and its line starts.
struct SourceFile {
  std::string path, text;
  std::vector<uint32_t> line_starts;

  SourceFile(std::string path, std::string text);
  LineColumn position(uint32_t offset) const;
  std::string_view line(uint32_t number) const;
};

/// Every file of a compilation, by number.
class SourceManager {
public:
  int32_t add(std::string path, std::string text);
  const SourceFile &file(int32_t id) const { return *files_[id]; }
  int32_t size() const { return int32_t(files_.size()); }
  std::string_view text(Range range) const;
  LineColumn position(Range range) const { return file(range.file).position(range.begin); }

private:
  std::vector<std::unique_ptr<SourceFile>> files_;
};

} // namespace mome::syntax
