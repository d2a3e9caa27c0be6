#include "frontend/syntax/source.h"

#include <algorithm>

namespace mome::syntax {

SourceFile::SourceFile(std::string path, std::string text) : path(std::move(path)), text(std::move(text)) {
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
  return {line, offset - line_starts[line - 1] + 1};
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
