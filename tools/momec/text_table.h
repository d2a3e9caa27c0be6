// A table as text: columns as wide as they need, right-aligned but the first.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace momec {

class TextTable {
public:
  explicit TextTable(std::vector<std::string> header) : rows{std::move(header)} {}
  void add(std::vector<std::string> row) { rows.push_back(std::move(row)); }
  std::string text() const {
    std::string result;
    for (const std::vector<std::string> &row : rows) {
      std::string line;
      for (size_t column = 0; column < row.size(); ++column) {
        size_t width = 0;
        for (const std::vector<std::string> &other : rows) {
          width = std::max(width, other[column].size());
        }
        std::string blanks(width - row[column].size(), ' ');
        line += column == 0 ? row[column] + blanks : "  " + blanks + row[column];
      }
      result += line + "\n";
    }
    return result;
  }

private:
  std::vector<std::vector<std::string>> rows;
};

} // namespace momec
