// How a diagnostic is shown: the text form with its snippet, and JSON.
#include "frontend/syntax/diagnostics.h"

#include <algorithm>

namespace mome::syntax {
namespace {

/// What of a line is shown: a window of it when it is long, control characters made visible.
constexpr size_t window = 110;

struct Snippet {
  std::string text, marks;
};

std::string_view severity_name(Severity severity) {
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "note";
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// Bytes that are not UTF-8 become '?': the output is text whatever the input was.
std::string valid_utf8(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t length = utf8_length(text, i);
    out += length ? text.substr(i, length) : "?";
    i += length ? length : 1;
  }
  return out;
}

/// Moves `at` back to the first byte of a character.
size_t character_start(std::string_view line, size_t at) {
  while (at > 0 && at < line.size() && is_continuation(line[at])) {
    --at;
  }
  return at;
}

/// Underlines [from, to), offsets in the line, in `marks`, which has one entry per byte of the
/// line's window.
void underline(std::string &marks, size_t window_begin, size_t from, size_t to, char first) {
  for (size_t i = std::max(from, window_begin); i < to && i - window_begin < marks.size(); ++i) {
    if (marks[i - window_begin] == ' ') {
      marks[i - window_begin] = i == from ? first : '~';
    }
  }
}

/// The marked window of `line` around `caret`, one mark per character shown.
Snippet make_snippet(std::string_view line, size_t caret, size_t end,
                     const std::vector<std::pair<size_t, size_t>> &more) {
  size_t begin = 0, stop = line.size();
  if (line.size() > window) {
    begin = caret > window / 2 ? character_start(line, caret - window / 2) : 0;
    stop = character_start(line, std::min(line.size(), begin + window));
  }
  std::string byte_marks(std::max(stop, caret + 1) - begin, ' ');
  underline(byte_marks, begin, caret, std::max(end, caret + 1), '^');
  for (auto [from, to] : more) {
    underline(byte_marks, begin, from, to, '~');
  }
  Snippet snippet;
  if (begin > 0) {
    snippet.text = "...", snippet.marks = "   ";
  }
  std::string shown = valid_utf8(line.substr(begin, stop - begin)); // as long as what it replaces
  for (size_t i = 0; i < shown.size(); ++i) {
    bool control = static_cast<unsigned char>(shown[i]) < 0x20 || shown[i] == 0x7f;
    snippet.text += shown[i] == '\t' ? ' ' : control ? '?' : shown[i];
    if (!is_continuation(shown[i])) {
      snippet.marks += byte_marks[i];
    }
  }
  if (stop < line.size()) {
    snippet.text += "...";
  } else if (caret >= stop) {
    snippet.marks += byte_marks.substr(stop - begin);
  }
  snippet.marks.erase(snippet.marks.find_last_not_of(' ') + 1);
  return snippet;
}

std::string describe(Range range, const SourceManager &sources) {
  LineColumn at = sources.position(range);
  return valid_utf8(sources.file(range.file).path) + ":" + std::to_string(at.line) + ":" +
         std::to_string(at.column);
}

void append_snippet(std::string &out, const Diagnostic &diagnostic, const SourceManager &sources,
                    std::string_view color, std::string_view reset) {
  Range range = diagnostic.range;
  const SourceFile &file = sources.file(range.file);
  uint32_t number = file.position(range.begin).line;
  std::string_view line = file.line(number);
  uint32_t start = file.line_starts[number - 1];
  auto clip = [&](uint32_t offset) { return std::min<size_t>(offset - start, line.size()); };
  std::vector<std::pair<size_t, size_t>> more;
  for (Range highlight : diagnostic.highlights) {
    if (highlight.file == range.file && file.position(highlight.begin).line == number) {
      more.emplace_back(clip(highlight.begin), clip(highlight.end));
    }
  }
  Snippet snippet =
      make_snippet(line, clip(range.begin), clip(std::max(range.begin, range.end)), more);
  std::string digits = std::to_string(number);
  out += std::string(digits.size() < 5 ? 5 - digits.size() : 0, ' ') + digits + " | " +
         snippet.text + "\n";
  out += std::string(std::max<size_t>(5, digits.size()), ' ') + " | ";
  out +=
      std::string(color) + snippet.marks + (diagnostic.label.empty() ? "" : " " + diagnostic.label);
  out += std::string(reset) + "\n";
}

void append_json_string(std::string &out, std::string_view text) {
  out += '"';
  for (char c : valid_utf8(text)) {
    if (c == '"' || c == '\\') {
      out += '\\', out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char digits_of[] = "0123456789abcdef";
      out += "\\u00", out += digits_of[c >> 4], out += digits_of[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json_place(std::string &out, Range range, const SourceManager &sources) {
  if (!range.valid()) {
    return;
  }
  const SourceFile &file = sources.file(range.file);
  LineColumn begin = file.position(range.begin),
             end = file.position(std::max(range.begin, range.end));
  out += ",\"file\":";
  append_json_string(out, file.path);
  out += ",\"line\":" + std::to_string(begin.line) + ",\"column\":" + std::to_string(begin.column);
  out +=
      ",\"end_line\":" + std::to_string(end.line) + ",\"end_column\":" + std::to_string(end.column);
}

} // namespace

std::string render_text(const Diagnostic &diagnostic, const SourceManager &sources, bool color) {
  std::string_view bold = color ? "\033[1m" : "", reset = color ? "\033[0m" : "";
  std::string_view green = color ? "\033[1;32m" : "", cyan = color ? "\033[1;36m" : "";
  std::string_view tint = !color                                   ? ""
                          : diagnostic.severity == Severity::error ? "\033[1;31m"
                                                                   : "\033[1;35m";
  std::string out;
  auto place = [&](Range range) {
    if (range.valid()) {
      out += std::string(bold) + describe(range, sources) + ": " + std::string(reset);
    }
  };
  place(diagnostic.range);
  out += std::string(tint) + std::string(severity_name(diagnostic.severity)) + ": " +
         std::string(reset);
  out += std::string(bold) + valid_utf8(diagnostic.message) + std::string(reset);
  out += diagnostic.code.empty() ? "\n" : " [" + diagnostic.code + "]\n";
  if (diagnostic.range.valid()) {
    append_snippet(out, diagnostic, sources, green, reset);
  }
  for (const Diagnostic &note : diagnostic.notes) {
    place(note.range);
    out += std::string(cyan) + "note: " + std::string(reset) + valid_utf8(note.message) + "\n";
  }
  return out;
}

std::string render_json(const Diagnostic &diagnostic, const SourceManager &sources) {
  std::string out = "{\"severity\":\"";
  out += severity_name(diagnostic.severity);
  out += "\",\"code\":";
  append_json_string(out, diagnostic.code);
  out += ",\"message\":";
  append_json_string(out, diagnostic.message);
  append_json_place(out, diagnostic.range, sources);
  if (!diagnostic.label.empty()) {
    out += ",\"label\":";
    append_json_string(out, diagnostic.label);
  }
  out += ",\"notes\":[";
  for (size_t i = 0; i < diagnostic.notes.size(); ++i) {
    out += i ? ",{\"message\":" : "{\"message\":";
    append_json_string(out, diagnostic.notes[i].message);
    append_json_place(out, diagnostic.notes[i].range, sources);
    out += "}";
  }
  return out + "]}\n";
}

} // namespace mome::syntax
