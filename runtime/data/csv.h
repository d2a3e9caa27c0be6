// A strict CSV reader: the subset of RFC 4180 that every tool writes.
//
// Comma separated; LF or CRLF; fields may be quoted, "" inside quotes is a quote, a quoted field
// may span lines. The first record is the header. Refused, with file:line:column: a quote inside an
// unquoted field, text after a closing quote, an unclosed quote, a lone CR, a NUL, bytes that are
// not UTF-8, a record whose number of fields differs from the header's, an empty or repeated column
// name, an empty line before the end. A UTF-8 byte order mark is skipped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mome::data {

struct CsvField {
  std::string text;
  uint32_t line = 0, column = 0; // 1-based, of the field's first byte
};

struct Csv {
  std::string file;
  std::vector<std::string> header;
  std::vector<std::vector<CsvField>> records;

  /// Index of a column, or -1.
  int find(std::string_view name) const;
  /// Throws Error (data) at a field.
  [[noreturn]] void fail(const CsvField &at, std::string message, std::string hint) const;
};

/// `file` is only a name for messages. Throws Error (data).
Csv parse_csv(std::string_view text, std::string file);

/// `text` as one CSV field, quoted where the format asks for it.
std::string csv_field(std::string_view text);

} // namespace mome::data
