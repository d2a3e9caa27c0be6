#include "runtime/data/csv.h"

#include <set>

#include "runtime/error.h"

namespace mome::data {
namespace {

constexpr size_t max_field = 1 << 20;

/// Length of the UTF-8 sequence at `s[i]`, 0 when it is not one (overlong forms, surrogates, above
/// U+10FFFF).
size_t utf8_length(std::string_view s, size_t i) {
  const auto byte = [&](size_t k) { return k < s.size() ? uint8_t(s[k]) : uint8_t{0}; };
  const uint8_t a = byte(i);
  if (a < 0x80) {
    return 1;
  }
  const size_t length = a >= 0xF0 ? 4 : a >= 0xE0 ? 3 : 2;
  if (a < 0xC2 || a > 0xF4) {
    return 0;
  }
  const uint8_t b = byte(i + 1);
  const uint8_t low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
  if (b < low || b > high) {
    return 0;
  }
  for (size_t k = 2; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) {
      return 0;
    }
  }
  return length;
}

class Reader {
public:
  Reader(std::string_view text, std::string_view file) : text(text), file(file) {
    if (text.substr(0, 3) == "\xEF\xBB\xBF") {
      pos = line_start = 3;
    }
  }

  bool at_end() const { return pos == text.size(); }

  std::vector<CsvField> record() {
    std::vector<CsvField> fields;
    do {
      fields.push_back(field());
    } while (take(','));
    if (!at_end() && !newline()) {
      fail("unexpected character", "separate fields with ',' and end lines with LF or CRLF");
    }
    return fields;
  }

private:
  std::string_view text, file;
  size_t pos = 0, line_start = 0;
  uint32_t line = 1;

  [[noreturn]] void fail(std::string message, std::string hint) const {
    throw data_error(place(line, pos - line_start + 1), std::move(message), std::move(hint));
  }
  std::string place(uint32_t l, size_t c) const {
    return std::string(file) + ":" + std::to_string(l) + ":" + std::to_string(c);
  }
  bool take(char c) {
    if (at_end() || text[pos] != c) {
      return false;
    }
    ++pos;
    return true;
  }
  bool newline() {
    const size_t n = text.substr(pos, 1) == "\n" ? 1 : text.substr(pos, 2) == "\r\n" ? 2 : 0;
    if (n != 0) {
      pos += n;
      line_start = pos;
      ++line;
    }
    return n != 0;
  }

  CsvField field() {
    CsvField f{{}, line, uint32_t(pos - line_start + 1)};
    if (take('"')) {
      quoted(f);
    } else {
      while (!at_end() && text[pos] != ',' && text[pos] != '\n' && text[pos] != '\r') {
        if (text[pos] == '"') {
          fail("quote inside an unquoted field",
               "quote the whole field and write \"\" for a quote");
        }
        character(f);
      }
    }
    return f;
  }

  void quoted(CsvField &f) {
    while (true) {
      if (at_end()) {
        throw data_error(place(f.line, f.column), "unclosed quote", "end the field with '\"'");
      }
      if (take('"')) {
        if (!take('"')) {
          break;
        }
        f.text += '"';
      } else if (newline()) {
        f.text += '\n';
      } else {
        character(f);
      }
    }
    if (!at_end() && text[pos] != ',' && text[pos] != '\n' && text[pos] != '\r') {
      fail("text after a closing quote", "write \"\" for a quote inside a quoted field");
    }
  }

  void character(CsvField &f) {
    const size_t n = utf8_length(text, pos);
    if (n == 0) {
      fail("not UTF-8", "save the file as UTF-8");
    }
    if (text[pos] == '\0') {
      fail("NUL byte", "this does not look like a CSV file");
    }
    if (text[pos] == '\r') {
      fail("carriage return without a line feed", "end lines with LF or CRLF");
    }
    if (f.text.size() + n > max_field) {
      throw data_error(place(f.line, f.column), "field longer than 1 MiB", "is a quote left open?");
    }
    f.text.append(text.substr(pos, n));
    pos += n;
  }
};

} // namespace

int Csv::find(std::string_view name) const {
  for (size_t i = 0; i < header.size(); ++i) {
    if (header[i] == name) {
      return int(i);
    }
  }
  return -1;
}

void Csv::fail(const CsvField &at, std::string message, std::string hint) const {
  throw data_error(file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column),
                   std::move(message), std::move(hint));
}

Csv parse_csv(std::string_view text, std::string file) {
  Csv csv{std::move(file), {}, {}};
  Reader reader(text, csv.file);
  if (reader.at_end()) {
    throw data_error(csv.file + ":1:1", "empty file", "the first line names the columns");
  }
  std::set<std::string> seen;
  for (CsvField &f : reader.record()) {
    if (f.text.empty()) {
      csv.fail(f, "empty column name", "name every column of the first line");
    }
    if (!seen.insert(f.text).second) {
      csv.fail(f, "column '" + f.text + "' appears twice", "keep one of them");
    }
    csv.header.push_back(std::move(f.text));
  }
  while (!reader.at_end()) {
    std::vector<CsvField> fields = reader.record();
    if (fields.size() == 1 && fields[0].text.empty() && csv.header.size() > 1) {
      if (reader.at_end()) {
        break;
      }
      csv.fail(fields[0], "empty line", "remove it");
    }
    if (fields.size() != csv.header.size()) {
      csv.fail(fields[0],
               std::to_string(fields.size()) + " fields where the header has " +
                   std::to_string(csv.header.size()),
               "quote fields that contain a comma");
    }
    csv.records.push_back(std::move(fields));
  }
  return csv;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (char c : text) {
    quoted += c;
    if (c == '"') {
      quoted += '"';
    }
  }
  return quoted + '"';
}

} // namespace mome::data
