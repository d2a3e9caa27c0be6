// mome: runs what momec compiled. Everything it does is in runtime/; here are flags and exit codes.
//
// This is the one place where exceptions become exit codes (runtime/error.h lists them).
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>

#include "runtime/error.h"
#include "runtime/text.h"
#include "tools/mome/commands.h"
#include "tools/mome/train_commands.h"

namespace {

using mome::Exit;

int fail(const char *message, Exit exit) {
  std::fflush(stdout);
  std::fprintf(stderr, "mome: %s\n", message);
  return int(exit);
}

std::string command_line(int argc, char **argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) {
    text += (i == 0 ? "" : " ") + std::string(argv[i]);
  }
  return text;
}

/// A command that does not exist gets a better answer than CLI11 has.
void check_command(const CLI::App &app, int argc, char **argv) {
  if (argc < 2 || argv[1][0] == '-') {
    return;
  }
  std::vector<std::string> names;
  for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; })) {
    names.push_back(command->get_name());
  }
  if (std::find(names.begin(), names.end(), argv[1]) == names.end()) {
    throw mome::usage_error("no command '" + std::string(argv[1]) + "'",
                            mome::suggestion(argv[1], names, "commands: "));
  }
}

/// The innermost command that was named.
const CLI::App &named_command(const CLI::App &app) {
  const std::vector<CLI::App *> named = app.get_subcommands();
  return named.empty() ? app : named_command(*named.front());
}

/// CLI11's complaint in our form; of a flag that does not exist, with a guess.
mome::Error explained(const CLI::App &app, const CLI::ParseError &error) {
  const CLI::App &command = named_command(app);
  std::string hint = "see mome " + (&command == &app ? "" : command.get_name() + " ") + "--help";
  if (&command != &app && command.get_parent() != &app) {
    hint = "see mome " + command.get_parent()->get_name() + " " + command.get_name() + " --help";
  }
  for (const std::string &unknown : command.remaining()) {
    if (!unknown.starts_with("-")) {
      continue;
    }
    std::vector<std::string> names;
    for (const CLI::Option *option : command.get_options()) {
      for (const std::string &name : option->get_lnames()) {
        names.push_back("--" + name);
      }
    }
    const std::string flag = unknown.substr(0, unknown.find('='));
    const std::string guess = mome::suggestion(flag, names, "");
    return mome::usage_error("there is no flag '" + flag + "'",
                             guess.starts_with("did you mean") ? guess : hint);
  }
  return mome::usage_error(error.what(), hint);
}

int run(int argc, char **argv) {
  int exit_code = 0;
  CLI::App app{"Trains, evaluates and runs models compiled by momec.", "mome"};
  app.set_version_flag("--version", "mome " MOME_VERSION);
  app.require_subcommand(1);
  app.footer(
      "`mome COMMAND --help` explains a command. Exit codes: 0 ok, 1 failed, 2 usage, 3 "
      "memory, 4 NaN or infinity,\n5 package or checkpoint, 6 device, 7 data, 75 stopped and "
      "saved.");
  mome::tool::add_train_commands(app, command_line(argc, argv), exit_code);
  mome::tool::add_eval_commands(app);
  mome::tool::add_run(app);
  mome::tool::add_profile(app);
  mome::tool::add_init(app);
  mome::tool::add_inspect(app);
  mome::tool::add_doctor(app, exit_code);
  check_command(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) { // --help and --version
      return app.exit(error);
    }
    if (argc < 2) {
      std::fputs(app.help().c_str(), stderr);
      return int(Exit::usage);
    }
    throw explained(app, error);
  }
  if (std::fflush(stdout) != 0) {
    throw mome::io_error("standard output", "write");
  }
  return exit_code;
}

} // namespace

int main(int argc, char **argv) {
  std::signal(SIGPIPE, SIG_IGN); // `mome inspect X | head`: an error on write, not a sudden end
  try {
    return run(argc, argv);
  } catch (const mome::Error &error) {
    return fail(error.what(), error.exit);
  } catch (const std::bad_alloc &) {
    return fail("out of memory\n  hint: free some memory, or compile with a smaller batch",
                Exit::budget);
  } catch (const std::filesystem::filesystem_error &error) {
    return fail(error.what(), Exit::failed);
  } catch (const std::exception &error) {
    return fail(
        (std::string(error.what()) + "\n  hint: this is a bug in mome: please report it").c_str(),
        Exit::internal);
  }
}
