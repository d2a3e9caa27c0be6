// momec check FILE...: reports what is wrong with each file (syntax, imports, names, shapes,
// sections); generates nothing. A file without a model is checked for syntax and imports: its
// blocks have shapes only where they are called.
#include "tools/momec/common.h"
#include "tools/momec/pass_diagnostics.h"

#include "frontend/elaborate/Elaborate.h"

#include "llvm/Support/CrashRecoveryContext.h"

#include <cstdio>

namespace momec {
namespace {

struct Flags {
  DiagnosticFlags diagnostics;
  mome::elaborate::Options options;
  std::vector<std::string> include_dirs, files;
};

constexpr char help[] = R"(usage: momec check [FLAGS] FILE...

  -D NAME=VALUE       a parameter of the model
  --preset=NAME       a preset of the model
  --precision=f32     overrides the train sections
  -I DIR              where imports are looked up, too
  --diagnostics-format=text|json   --error-limit=N   --color=auto|always|never   -Werror   -Wno-CODE
)";

/// Reads the flags; nullopt after printing what is wrong, or the help.
std::optional<Flags> parse_flags(Arguments arguments, int &exit_code) {
  Flags flags;
  exit_code = usage;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    // `-DX=1` or `-D X=1`.
    auto value = [&](std::string_view flag) -> std::optional<std::string> {
      if (!argument.starts_with(flag)) {
        return std::nullopt;
      }
      if (argument.size() > flag.size()) {
        return std::string(argument.substr(flag.size()));
      }
      return i + 1 < arguments.size() ? arguments[++i] : "";
    };
    if (argument == "--help") {
      std::fputs(help, stdout);
      exit_code = ok;
      return std::nullopt;
    }
    if (flags.diagnostics.take(argument)) {
      if (!flags.diagnostics.error.empty()) {
        usage_error(flags.diagnostics.error);
        return std::nullopt;
      }
    } else if (argument.starts_with("--preset=")) {
      flags.options.preset = argument.substr(9);
    } else if (argument.starts_with("--precision=")) {
      flags.options.precision = argument.substr(12);
    } else if (auto define = value("-D")) {
      size_t sign = define->find('=');
      if (sign == 0 || sign == std::string::npos) {
        usage_error("-D needs NAME=VALUE, not '" + *define + "'");
        return std::nullopt;
      }
      flags.options.defines[define->substr(0, sign)] = define->substr(sign + 1);
    } else if (auto dir = value("-I")) {
      flags.include_dirs.push_back(*dir);
    } else if (argument.starts_with("-") && argument != "-") {
      usage_error("momec check does not know '" + std::string(argument) + "'",
                  "momec check --help lists its flags");
      return std::nullopt;
    } else {
      flags.files.emplace_back(argument);
    }
  }
  if (flags.files.empty()) {
    usage_error("momec check needs a file", "momec check model.mome");
    return std::nullopt;
  }
  return flags;
}

/// True if the file is in order.
bool check_file(const std::string &path, const Flags &flags) {
  mome::syntax::SourceManager sources;
  mome::syntax::Diagnostics diagnostics(sources, flags.diagnostics.options);
  mome::elaborate::Modules modules(sources, diagnostics, read_text, flags.include_dirs);
  const mome::elaborate::Module *module = modules.load(path);
  if (module && !diagnostics.failed() && !module->models.empty()) {
    mlir::MLIRContext context;
    context.loadDialect<mome::model::MomeDialect, mome::nn::NNDialect>();
    auto model =
        mome::elaborate::elaborateModule(context, *module, sources, diagnostics, flags.options);
    if (model && !lint_model(*model, sources, diagnostics)) {
      return false; // a bug of ours, printed by the pass manager
    }
  }
  std::fputs(diagnostics.render().c_str(), stderr);
  return !diagnostics.failed();
}

} // namespace

int check(Arguments arguments) {
  int exit_code;
  std::optional<Flags> flags = parse_flags(arguments, exit_code);
  if (!flags) {
    return exit_code;
  }
  llvm::CrashRecoveryContext::Enable();
  bool good = true;
  for (const std::string &path : flags->files) {
    llvm::CrashRecoveryContext recovery;
    if (!recovery.RunSafely([&] { good = check_file(path, *flags) && good; })) {
      std::fprintf(stderr,
                   "momec: internal error\nnote: please report it with '%s' and what it imports\n",
                   path.c_str());
      return internal;
    }
  }
  return good ? ok : failed;
}

} // namespace momec
