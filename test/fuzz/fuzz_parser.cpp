// The language's reader on any bytes: no crash, every place within the file; what parses can be
// formatted, the result parses again, and formatting it changes nothing.
#include "frontend/syntax/format.h"
#include "frontend/syntax/parser.h"

#include <cstdio>
#include <cstdlib>

using namespace mome::syntax;

static void require(bool condition, const char *what, const std::string &text) {
  if (!condition) {
    std::fprintf(stderr, "%s:\n%s\n", what, text.c_str());
    std::abort();
  }
}

static std::optional<std::string> format_text(const std::string &text) {
  SourceManager sources;
  Diagnostics diagnostics(sources);
  std::optional<std::string> result = format(sources, sources.add("fuzz.mome", text), diagnostics);
  for (const Diagnostic &diagnostic : diagnostics.all()) {
    require(diagnostic.range.begin <= diagnostic.range.end && diagnostic.range.end <= text.size(),
            "place outside", text);
    require(explain(diagnostic.code).has_value(), "unknown code", diagnostic.code);
  }
  require(result.has_value() == !diagnostics.failed(), "neither formatted nor refused", text);
  diagnostics.render();
  return result;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::optional<std::string> once =
      format_text(std::string(reinterpret_cast<const char *>(data), size));
  if (once) {
    std::optional<std::string> twice = format_text(*once);
    require(twice.has_value(), "no longer parses", *once);
    require(*twice == *once, "not a fixed point", *once + "\n----\n" + *twice);
  }
  return 0;
}
