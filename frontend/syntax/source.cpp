#include "frontend/syntax/source.h"

#include <algorithm>

namespace mome::syntax {

size_t utf8_length(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) {
    return at < text.size();
  }
  size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) {
      return 0;
    }
  }
  // No overlong forms, no surrogates, nothing past U+10FFFF.
  bool bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0) ||
             (first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90);
  return bad ? 0 : length;
}

SourceFile::SourceFile(std::string path, std::string text)
    : path(std::move(path)), text(std::move(text)) {
  line_starts.push_back(0);
  for (uint32_t i = 0; i < this->text.size(); ++i) {
    if (this->text[i] == '\n') {
      line_starts.push_back(i + 1);
    }
  }
}

LineColumn SourceFile::position(uint32_t offset) const {
  auto after = std::upper_bound(line_starts.begin(), line_starts.end(), offset);
  uint32_t line = uint32_t(after - line_starts.begin());
  uint32_t column = 1;
  for (uint32_t i = line_starts[line - 1]; i < offset && i < text.size(); ++i) {
    column += (static_cast<unsigned char>(text[i]) & 0xC0) !=
              0x80; // the further bytes of a character do not count
  }
  return {line, column};
}

std::string_view SourceFile::line(uint32_t number) const {
  uint32_t begin = line_starts[number - 1];
  size_t end = number < line_starts.size() ? line_starts[number] - 1 : text.size();
  std::string_view line = std::string_view(text).substr(begin, end - begin);
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

int32_t SourceManager::add(std::string path, std::string text) {
  files_.push_back(std::make_unique<SourceFile>(std::move(path), std::move(text)));
  return int32_t(files_.size()) - 1;
}

std::string_view SourceManager::text(Range range) const {
  return std::string_view(file(range.file).text).substr(range.begin, range.end - range.begin);
}

} // namespace mome::syntax
