// momec: the compiler of the Mome language. This file only picks the subcommand; each stands in a
// file of its own.
#include "tools/momec/common.h"

#include "llvm/Config/llvm-config.h"

#include <cstdio>
#include <string_view>

namespace {

struct Command {
  std::string_view name;
  int (*run)(momec::Arguments);
  const char *summary;
};

constexpr Command commands[] = {
    {"check", momec::check, "report what is wrong with a file, generate nothing"},
    {"fmt", momec::fmt, "rewrite files in the one layout"},
    {"report", momec::report, "show where the memory and the work of a step go"},
    {"explain", momec::explain, "say what a diagnostic's code means"},
};

void print_usage(std::FILE *stream) {
  std::fputs("usage: momec MODEL.mome [-o MODEL.mpk] ...\n       momec COMMAND ...\n\n", stream);
  for (const Command &command : commands) {
    std::fprintf(stream, "  %-9s %s\n", command.name.data(), command.summary);
  }
  std::fputs(
      "\n`momec COMMAND --help` lists its flags, `momec MODEL.mome --help` those of compiling.\n"
      "Exit codes: 0 ok, 1 diagnostics, 2 usage, 3 over the budget, 70 internal error.\n",
      stream);
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    print_usage(stderr);
    return momec::usage;
  }
  std::string_view first = argv[1];
  if (first == "--help" || first == "-h") {
    print_usage(stdout);
    return momec::ok;
  }
  if (first == "--version") {
    std::puts("momec " MOME_VERSION " (LLVM " LLVM_VERSION_STRING ")");
    return momec::ok;
  }
  std::vector<std::string> names;
  for (const Command &command : commands) {
    if (first == command.name) {
      return command.run({argv + 2, size_t(argc - 2)});
    }
    names.emplace_back(command.name);
  }
  if (first.starts_with("-") || first.find('.') != first.npos || first.find('/') != first.npos) {
    return momec::compile({argv + 1, size_t(argc - 1)});
  }
  auto guess = mome::syntax::nearest(first, names);
  return momec::usage_error("there is no command '" + std::string(first) + "'",
                            guess ? "did you mean '" + *guess + "'?"
                                  : "momec --help lists the commands");
}
