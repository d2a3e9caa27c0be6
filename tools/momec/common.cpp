#include "tools/momec/common.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace momec {

DiagnosticFlags::DiagnosticFlags() {
  const char *no_color = std::getenv("NO_COLOR");
  options.color = isatty(STDERR_FILENO) && !(no_color && *no_color);
}

bool DiagnosticFlags::take(std::string_view argument) {
  auto value = [&](std::string_view flag) -> std::optional<std::string_view> {
    return argument.starts_with(flag) ? std::optional(argument.substr(flag.size())) : std::nullopt;
  };
  if (auto color = value("--color=")) {
    if (*color == "always" || *color == "never") {
      options.color = *color == "always";
    } else if (*color != "auto") {
      error = "--color is auto, always or never, not '" + std::string(*color) + "'";
    }
  } else if (auto format = value("--diagnostics-format=")) {
    options.json = *format == "json";
    if (*format != "json" && *format != "text") {
      error = "--diagnostics-format is text or json, not '" + std::string(*format) + "'";
    }
  } else if (auto limit = value("--error-limit=")) {
    auto [end, code] =
        std::from_chars(limit->data(), limit->data() + limit->size(), options.error_limit);
    if (code != std::errc() || end != limit->data() + limit->size() || options.error_limit < 0) {
      error = "--error-limit is a number, 0 for no limit, not '" + std::string(*limit) + "'";
    }
  } else if (argument == "-Werror") {
    options.warnings_as_errors = true;
  } else if (auto code = value("-Wno-")) {
    if (!code->starts_with('W') || !mome::syntax::explain(*code)) {
      error =
          "there is no warning '" + std::string(*code) + "'; `momec explain --list` has them all";
    }
    options.disabled.emplace(*code);
  } else {
    return false;
  }
  return true;
}

int usage_error(const std::string &message, const std::string &hint) {
  std::fprintf(stderr, "momec: error: %s\n", message.c_str());
  if (!hint.empty()) {
    std::fprintf(stderr, "note: %s\n", hint.c_str());
  }
  return usage;
}

static std::optional<std::string> read(const std::string &path, std::string &why) {
  constexpr size_t largest = size_t(1) << 30;
  std::FILE *stream = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  std::string text;
  char buffer[1 << 16];
  for (size_t n; stream && (n = std::fread(buffer, 1, sizeof buffer, stream)) > 0;) {
    if (text.size() + n > largest) {
      why = "it is larger than 1 GiB";
      break;
    }
    text.append(buffer, n);
  }
  if (why.empty() && (!stream || std::ferror(stream))) {
    why = std::strerror(errno);
  }
  if (stream && stream != stdin) {
    std::fclose(stream);
  }
  return why.empty() ? std::optional(std::move(text)) : std::nullopt;
}

std::optional<std::string> read_text(const std::string &path) {
  std::string why;
  return read(path, why);
}

std::optional<std::string> read_file(const std::string &path) {
  std::string why;
  std::optional<std::string> text = read(path, why);
  if (!text) {
    std::fprintf(stderr, "momec: error: cannot read '%s': %s\n", path.c_str(), why.c_str());
  }
  return text;
}

} // namespace momec
