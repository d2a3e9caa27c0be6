#include "runtime/train/run_dir.h"

#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/file.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

#include "runtime/files.h"

extern char **environ;

namespace mome::train {

namespace fs = std::filesystem;

RunDir::RunDir(fs::path r) : root(std::move(r)) {
  const fs::path file = root / ".lock";
  lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) {
    throw io_error(file.string(), "create");
  }
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(std::exchange(lock, -1));
    throw usage_error("another process is training in " + root.string(),
                      "wait for it, or choose another --out");
  }
}

RunDir::~RunDir() {
  if (lock >= 0) {
    ::close(lock);
  }
}

bool holds_run(const fs::path &path) {
  return fs::exists(path / "config.json");
}

/// What may be in a folder before its config.json is.
static bool is_leftover_of_start(const fs::path &entry) {
  const fs::path name = entry.filename();
  return name == ".lock" || name == "env.json" || name == "env.json.tmp" || name == "cmdline.txt" ||
         name == "model.mpk" || name == "config.json.tmp" ||
         (name == "ckpt" && fs::is_empty(entry));
}

RunDir RunDir::create(const fs::path &path) {
  std::error_code ignored;
  fs::create_directories(path, ignored);
  if (!fs::is_directory(path)) {
    throw io_error(path.string(), "create");
  }
  RunDir run(path); // the lock first: of two fresh starts at once, one must lose
  std::vector<fs::path> leftovers;
  for (const auto &entry : fs::directory_iterator(path)) {
    if (!is_leftover_of_start(entry.path())) {
      throw usage_error(path.string() + " is not empty",
                        "choose another --out, or continue it with --resume " + path.string());
    }
    leftovers.push_back(entry.path());
  }
  for (const fs::path &leftover : leftovers) {
    if (leftover.filename() != ".lock") {
      fs::remove_all(leftover);
    }
  }
  fs::create_directories(path / "ckpt");
  return run;
}

RunDir RunDir::open(const fs::path &path) {
  if (!fs::is_directory(path / "ckpt")) {
    throw usage_error(path.string() + " is not a run folder",
                      "start a run with mome train PACKAGE --out " + path.string());
  }
  return RunDir(path);
}

void RunDir::status(std::string_view state, int exit_code, int64_t step) const {
  replace_file(root / "STATUS", std::string(state) + " " + std::to_string(exit_code) + " " +
                                    std::to_string(step) + "\n");
}

void RunDir::record_start(const OrderedJson &environment, std::string_view command_line) const {
  replace_file(root / "env.json", environment.dump(2) + "\n");
  std::ofstream(root / "cmdline.txt", std::ios::app) << command_line << "\n";
}

std::string run_status(const fs::path &run) {
  std::ifstream in(run / "STATUS");
  std::string word;
  in >> word;
  return word;
}

OrderedJson describe_environment(int threads) {
  OrderedJson env;
  utsname machine{};
  uname(&machine);
  env["host"] = machine.nodename;
  env["system"] = std::string(machine.sysname) + " " + machine.release + " " + machine.machine;
  env["cores"] = std::thread::hardware_concurrency();
  env["threads"] = threads;
  OrderedJson variables = OrderedJson::object();
  for (char **v = environ; *v != nullptr; ++v) {
    const std::string_view text = *v;
    const size_t equals = text.find('=');
    if (text.starts_with("MOME_") && equals != std::string_view::npos) {
      variables[std::string(text.substr(0, equals))] = text.substr(equals + 1);
    }
  }
  env["variables"] = std::move(variables);
  return env;
}

void MetricsLog::event(std::string_view name, int64_t step, OrderedJson fields) {
  OrderedJson line = {{"schema", 1}, {"event", name}, {"step", step}};
  line.update(fields);
  std::ofstream(file, std::ios::app)
      << line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) << std::endl;
}

void MetricsLog::rewind(int64_t step) {
  if (!fs::exists(file)) {
    return;
  }
  std::ifstream in(file);
  std::ostringstream kept;
  for (std::string line; std::getline(in, line);) {
    const Json event = Json::parse(line, nullptr, false);
    if (event.is_object() && event.contains("step") && event["step"].is_number() &&
        event["step"].get<int64_t>() <= step) {
      kept << line << "\n";
    }
  }
  in.close();
  replace_file(file, kept.str());
}

} // namespace mome::train
