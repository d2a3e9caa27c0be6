#include "frontend/syntax/diagnostics.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace mome::syntax {
namespace {

struct CodeEntry {
  const char *code, *title, *text;
};
constexpr CodeEntry entries[] = {
#define MOME_CODE(CODE, TITLE, TEXT) {#CODE, TITLE, TEXT},
#include "frontend/syntax/codes.def"
};

std::string_view severity_name(Severity severity) {
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "note";
}

std::string escaped(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      static constexpr char digits[] = "0123456789abcdef";
      result += std::string("\\u00") + digits[(c >> 4) & 15] + digits[c & 15];
    } else {
      result += c;
    }
  }
  return result;
}

class Renderer {
public:
  Renderer(const SourceManager &sources, const DiagnosticOptions &options) : sources_(sources), options_(options) {}

  void render(const Diagnostic &diagnostic) {
    options_.json ? json(diagnostic) : text(diagnostic);
    for (const Diagnostic &note : diagnostic.notes) {
      options_.json ? json(note) : text(note);
    }
  }
  std::string out;

private:
  std::string place(Range range) const {
    if (!range.valid()) {
      return "";
    }
    LineColumn at = sources_.position(range);
    return sources_.file(range.file).path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": ";
  }

  void json(const Diagnostic &d) {
    out += "{\"severity\":\"" + std::string(severity_name(d.severity)) + "\",\"code\":\"" + d.code + "\",\"message\":\"" + escaped(d.message) + "\"";
    if (d.range.valid()) {
      LineColumn at = sources_.position(d.range);
      out += ",\"file\":\"" + escaped(sources_.file(d.range.file).path) + "\",\"line\":" + std::to_string(at.line) + ",\"column\":" + std::to_string(at.column);
    }
    out += "}\n";
  }

  std::string paint(std::string_view text, std::string_view color) const {
    return options_.color ? "\033[" + std::string(color) + "m" + std::string(text) + "\033[0m" : std::string(text);
  }

  void text(const Diagnostic &d) {
    std::string_view color = d.severity == Severity::error ? "1;31" : d.severity == Severity::warning ? "1;35" : "1;36";
    out += paint(place(d.range), "1") + paint(std::string(severity_name(d.severity)) + ": ", color) + d.message;
    out += d.code.empty() ? "\n" : " [" + d.code + "]\n";
    if (d.range.valid()) {
      snippet(d, color);
    }
  }

  /// The line, a caret under the first byte and tildes under the rest; long lines are cut around the caret.
  void snippet(const Diagnostic &d, std::string_view color) {
    const SourceFile &file = sources_.file(d.range.file);
    LineColumn at = file.position(d.range.begin);
    std::string_view line = file.line(at.line);
    size_t caret = std::min<size_t>(at.column - 1, line.size());
    size_t length = std::max<size_t>(1, std::min<size_t>(d.range.end - d.range.begin, line.size() - caret));
    constexpr size_t width = 160;
    if (line.size() > width) {
      size_t from = caret > 40 ? caret - 40 : 0;
      line = line.substr(from, width);
      caret -= from;
      length = std::max<size_t>(1, std::min(length, line.size() - caret));
    }
    std::string number = std::to_string(at.line), margin(number.size() < 5 ? 5 - number.size() : 0, ' ');
    out += margin + number + " | " + std::string(line) + "\n" + std::string(std::max<size_t>(5, number.size()), ' ') + " | ";
    for (size_t i = 0; i < caret; ++i) {
      out += line[i] == '\t' ? '\t' : ' ';
    }
    out += paint("^" + std::string(length - 1, '~'), color) + (d.label.empty() ? "" : " " + d.label) + "\n";
  }

  const SourceManager &sources_;
  const DiagnosticOptions &options_;
};

} // namespace

Diagnostic &Diagnostics::add(Severity severity, Range range, std::string_view code, std::string message) {
  errors_ += severity == Severity::error;
  diagnostics_.push_back({severity, range, std::string(code), std::move(message), "", {}});
  return diagnostics_.back();
}

Diagnostic &Diagnostics::error(Range range, std::string_view code, std::string message) {
  return add(Severity::error, range, code, std::move(message));
}

Diagnostic &Diagnostics::warning(Range range, std::string_view code, std::string message) {
  return add(options_.warnings_as_errors ? Severity::error : Severity::warning, range, code, std::move(message));
}

std::string Diagnostics::render() const {
  std::vector<const Diagnostic *> sorted;
  for (const Diagnostic &diagnostic : diagnostics_) {
    sorted.push_back(&diagnostic);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](auto *a, auto *b) {
    return std::tie(a->range.file, a->range.begin) < std::tie(b->range.file, b->range.begin);
  });
  auto same = [](auto *a, auto *b) { return a->range.file == b->range.file && a->range.begin == b->range.begin && a->message == b->message; };
  sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
  Renderer renderer(sources_, options_);
  int shown = 0;
  for (const Diagnostic *diagnostic : sorted) {
    if (diagnostic->severity == Severity::error && options_.error_limit > 0 && ++shown > options_.error_limit) {
      renderer.out += "further errors are not shown (--error-limit=" + std::to_string(options_.error_limit) + ")\n";
      break;
    }
    renderer.render(*diagnostic);
  }
  return renderer.out;
}

std::optional<std::string> explain(std::string_view code) {
  for (const CodeEntry &entry : entries) {
    if (code == entry.code) {
      return std::string(entry.code) + ": " + entry.title + "\n\n" + entry.text + "\n";
    }
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> all_codes() {
  std::vector<std::pair<std::string, std::string>> result;
  for (const CodeEntry &entry : entries) {
    result.emplace_back(entry.code, entry.title);
  }
  return result;
}

std::optional<std::string> nearest(std::string_view name, const std::vector<std::string> &candidates) {
  std::optional<std::string> best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string &candidate : candidates) {
    std::vector<size_t> row(candidate.size() + 1);
    for (size_t j = 0; j <= candidate.size(); ++j) {
      row[j] = j;
    }
    for (size_t i = 1; i <= name.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j <= candidate.size(); ++j) {
        size_t above = row[j];
        row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (name[i - 1] != candidate[j - 1])});
        diagonal = above;
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

} // namespace mome::syntax
