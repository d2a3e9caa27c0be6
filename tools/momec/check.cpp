// momec check FILE...: reports what is wrong with each file; generates nothing.
#include "tools/momec/common.h"

#include "frontend/syntax/parser.h"

#include <cstdio>

namespace momec {

int check(Arguments arguments) {
  DiagnosticFlags flags;
  std::vector<std::string> files;
  for (std::string_view argument : arguments) {
    if (argument == "--help") {
      std::puts("usage: momec check [--diagnostics-format=text|json] [--error-limit=N] [-Werror] "
                "[-Wno-CODE] FILE...");
      return ok;
    }
    if (flags.take(argument)) {
      if (!flags.error.empty()) {
        return usage_error(flags.error);
      }
    } else if (argument.starts_with("-") && argument != "-") {
      return usage_error("momec check does not know '" + std::string(argument) + "'",
                         "momec check --help lists its flags");
    } else {
      files.emplace_back(argument);
    }
  }
  if (files.empty()) {
    return usage_error("momec check needs a file", "momec check model.mome");
  }
  mome::syntax::SourceManager sources;
  mome::syntax::Diagnostics diagnostics(sources, flags.options);
  bool unreadable = false;
  for (const std::string &path : files) {
    if (std::optional<std::string> text = read_file(path)) {
      mome::syntax::parse(sources, sources.add(path == "-" ? "<stdin>" : path, std::move(*text)),
                          diagnostics);
    } else {
      unreadable = true;
    }
  }
  std::fputs(diagnostics.render().c_str(), stderr);
  return unreadable || diagnostics.failed() ? failed : ok;
}

} // namespace momec
