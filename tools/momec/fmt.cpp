// momec fmt FILE...: rewrites each file in the one layout. --check only says which would change;
// "-" is a filter.
#include "tools/momec/common.h"

#include "frontend/syntax/format.h"

#include <cstdio>

namespace momec {
namespace {

bool write_file(const std::string &path, const std::string &text) {
  std::FILE *stream = std::fopen(path.c_str(), "wb");
  bool good = stream && std::fwrite(text.data(), 1, text.size(), stream) == text.size();
  good = stream && std::fclose(stream) == 0 && good;
  if (!good) {
    std::fprintf(stderr, "momec: error: cannot write '%s'\n", path.c_str());
  }
  return good;
}

/// Formats one file; true if all went well.
bool format_file(const std::string &path, bool only_check, const DiagnosticFlags &flags) {
  std::optional<std::string> text = read_file(path);
  if (!text) {
    return false;
  }
  mome::syntax::SourceManager sources;
  mome::syntax::Diagnostics diagnostics(sources, flags.options);
  int32_t id = sources.add(path == "-" ? "<stdin>" : path, *text);
  std::optional<std::string> formatted = mome::syntax::format(sources, id, diagnostics);
  if (!formatted) {
    std::fputs(diagnostics.render().c_str(), stderr);
    return false;
  }
  if (path == "-" && !only_check) {
    return std::fwrite(formatted->data(), 1, formatted->size(), stdout) == formatted->size();
  }
  if (*formatted == *text) {
    return true;
  }
  if (only_check) {
    std::printf("%s\n", path.c_str());
    return false;
  }
  return write_file(path, *formatted);
}

} // namespace

int fmt(Arguments arguments) {
  DiagnosticFlags flags;
  bool only_check = false;
  std::vector<std::string> files;
  for (std::string_view argument : arguments) {
    if (argument == "--help") {
      std::puts("usage: momec fmt [--check] FILE...\n\n"
                "Rewrites the files in the one layout; `-` reads standard input and writes "
                "standard output.\n"
                "--check  changes nothing, prints the files that would change, exit code 1 if "
                "there are any");
      return ok;
    }
    if (argument == "--check") {
      only_check = true;
    } else if (flags.take(argument)) {
      if (!flags.error.empty()) {
        return usage_error(flags.error);
      }
    } else if (argument.starts_with("-") && argument != "-") {
      return usage_error("momec fmt does not know '" + std::string(argument) + "'",
                         "momec fmt --help lists its flags");
    } else {
      files.emplace_back(argument);
    }
  }
  if (files.empty()) {
    return usage_error("momec fmt needs a file", "momec fmt model.mome, or `-` for standard input");
  }
  bool good = true;
  for (const std::string &path : files) {
    good = format_file(path, only_check, flags) && good;
  }
  return good ? ok : failed;
}

} // namespace momec
