#include "frontend/syntax/diagnostics.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace mome::syntax {
namespace {

struct CodeEntry {
  const char *code, *title, *text;
};
constexpr CodeEntry entries[] = {
#define MOME_CODE(CODE, TITLE, TEXT) {#CODE, TITLE, TEXT},
#include "frontend/syntax/codes.def"
};

struct Example {
  const char *code, *refused, *accepted;
};
constexpr Example examples[] = {
#define MOME_EXAMPLE(CODE, REFUSED, ACCEPTED) {#CODE, REFUSED, ACCEPTED},
#include "frontend/syntax/examples.def"
};

/// The lines of a text, set in by four.
std::string indented(std::string_view text) {
  std::string out = "    ";
  for (char c : text) {
    out += c;
    out += c == '\n' ? "    " : "";
  }
  return out + "\n";
}

/// "For example ... Instead ..."; nothing for a code without example.
std::string example(std::string_view code) {
  for (const Example &example : examples) {
    if (code == example.code) {
      std::string_view meets = code[0] == 'W' ? "warned of" : "refused";
      return "\nFor example, this is " + std::string(meets) + ":\n\n" + indented(example.refused) +
             "\nThis is in order:\n\n" + indented(example.accepted);
    }
  }
  return "";
}

} // namespace

Diagnostic &Diagnostic::note(std::string text, Range where) {
  notes.push_back({Severity::note, where, "", std::move(text), "", {}, {}});
  return *this;
}

Diagnostic &Diagnostics::add(Severity severity, Range range, std::string_view code,
                             std::string message) {
  if (severity == Severity::warning && options_.disabled.contains(code)) {
    return dropped_ = {};
  }
  if (severity == Severity::warning && options_.warnings_as_errors) {
    severity = Severity::error;
  }
  errors_ += severity == Severity::error;
  // Errors are shown in source order, so more are kept than are shown; a hostile file must not fill
  // the memory.
  if (options_.error_limit > 0 && errors_ > std::max(1000, options_.error_limit)) {
    return dropped_ = {};
  }
  diagnostics_.push_back({severity, range, std::string(code), std::move(message), "", {}, {}});
  return diagnostics_.back();
}

Diagnostic &Diagnostics::error(Range range, std::string_view code, std::string message) {
  return add(Severity::error, range, code, std::move(message));
}

Diagnostic &Diagnostics::warning(Range range, std::string_view code, std::string message) {
  return add(Severity::warning, range, code, std::move(message));
}

void Diagnostics::conclude(std::string note) {
  auto first = std::min_element(diagnostics_.begin(), diagnostics_.end(), [](auto &a, auto &b) {
    return std::tuple(a.severity != Severity::error, a.range.file, a.range.begin) <
           std::tuple(b.severity != Severity::error, b.range.file, b.range.begin);
  });
  if (first != diagnostics_.end()) {
    first->note(std::move(note));
  }
}

std::string Diagnostics::render() const {
  std::vector<const Diagnostic *> sorted;
  for (const Diagnostic &diagnostic : diagnostics_) {
    sorted.push_back(&diagnostic);
  }
  std::sort(sorted.begin(), sorted.end(), [](auto *a, auto *b) {
    return std::tie(a->range.file, a->range.begin, a) <
           std::tie(b->range.file, b->range.begin, b); // then as reported
  });
  auto same = [](auto *a, auto *b) {
    return a->range.file == b->range.file && a->range.begin == b->range.begin &&
           (a->message == b->message || (a->code == b->code && a->severity == Severity::error));
  };
  sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
  std::string out;
  int shown = 0;
  for (const Diagnostic *diagnostic : sorted) {
    if (diagnostic->severity == Severity::error && options_.error_limit > 0 &&
        ++shown > options_.error_limit) {
      if (!options_.json) {
        out += "note: further errors are not shown (--error-limit=" +
               std::to_string(options_.error_limit) + ")\n";
      }
      break;
    }
    out += options_.json ? render_json(*diagnostic, sources_)
                         : render_text(*diagnostic, sources_, options_.color);
  }
  return out;
}

std::optional<std::string> explain(std::string_view code) {
  for (const CodeEntry &entry : entries) {
    if (code == entry.code) {
      return std::string(entry.code) + ": " + entry.title + "\n\n" + entry.text + "\n" +
             example(code);
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

/// Edit distance; swapping two neighbours counts once.
static size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t(0));
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::optional<std::string> nearest(std::string_view name,
                                   const std::vector<std::string> &candidates) {
  constexpr size_t longest = 64; // hostile names must not cost time
  std::optional<std::string> best;
  if (name.size() < 3) {
    return best; // every other short name would be near
  }
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string &candidate : candidates) {
    size_t distance = name.size() > longest || candidate.size() > longest
                          ? best_distance
                          : edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

} // namespace mome::syntax
