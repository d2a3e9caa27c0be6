#include "tools/mome/train_commands.h"

#include <cstdio>
#include <map>
#include <memory>

#include "runtime/data/check.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/train/feed.h"
#include "runtime/train/job.h"
#include "runtime/train/manifest.h"
#include "runtime/train/session_model.h"
#include "runtime/train/sweep.h"
#include "runtime/train/weights.h"
#include "tools/mome/commands.h"
#include "tools/mome/data_commands.h"

namespace mome::tool {

using namespace mome::train;
namespace fs = std::filesystem;

namespace {

/// Values of the flags in train_flags(), kept as text until the job reads them.
class JobFlags {
public:
  void add(CLI::App &command, bool data_required) {
    for (const JobFlag &flag : train_flags()) {
      std::string name = "--" + std::string(flag.name);
      std::replace(name.begin() + 2, name.end(), '_', '-');
      CLI::Option *option = nullptr;
      switch (flag.kind) {
      case JobFlag::text:
        option = command.add_option(name, texts[flag.name], flag.help);
        break;
      case JobFlag::integer:
        option = command.add_option(name, integers[flag.name], flag.help);
        break;
      case JobFlag::number:
        option = command.add_option(name, numbers[flag.name], flag.help);
        break;
      case JobFlag::boolean:
        option =
            command.add_flag(name + ",!--no-" + name.substr(2), booleans[flag.name], flag.help);
        break;
      }
      if (std::string_view(flag.name) == "fast_dev_run") {
        option->expected(0, 1)->default_str("1");
        integers[flag.name] = 1;
      }
      if (data_required && std::string_view(flag.name) == "data") {
        option->required();
      }
      options.emplace_back(&flag, option);
    }
  }
  Json given() const {
    Json json = Json::object();
    for (const auto &[flag, option] : options) {
      if (option->count() == 0) {
        continue;
      }
      switch (flag->kind) {
      case JobFlag::text:
        json[flag->name] = texts.at(flag->name);
        break;
      case JobFlag::integer:
        json[flag->name] = integers.at(flag->name);
        break;
      case JobFlag::number:
        json[flag->name] = numbers.at(flag->name);
        break;
      case JobFlag::boolean:
        json[flag->name] = booleans.at(flag->name);
        break;
      }
    }
    return json;
  }

private:
  std::map<std::string, std::string> texts;
  std::map<std::string, int64_t> integers;
  std::map<std::string, double> numbers;
  std::map<std::string, bool> booleans;
  std::vector<std::pair<const JobFlag *, CLI::Option *>> options;
};

/// Options shared by train, sweep and verify-resume.
struct TrainFlags {
  TrainRequest request;
  SessionOptions session;
  JobFlags job;
  std::string package, out;
  std::vector<std::string> allow;
  bool no_progress = false, quiet = false;

  void add(CLI::App &command, bool data_required) {
    command.add_option("--out", out, "folder to write");
    command
        .add_option("--set", request.set,
                    "NAME=VALUE of a scalar: --set train.lr=3e-5 --set alpha=0")
        ->allow_extra_args(false);
    command.add_flag("--no-progress", no_progress, "plain lines even on a terminal");
    command.add_flag("-q,--quiet", quiet, "print nothing but errors");
    add_session_flags(command, session);
    job.add(command, data_required);
  }
  TrainRequest take(const std::string &command_line) {
    if (session.device.find(',') != std::string::npos) {
      throw usage_error("training runs on one device, not on " + session.device,
                        "train with --device " + session.device.substr(0, session.device.find(',')) +
                            "; the others can train other seeds meanwhile, and all of them evaluate: "
                            "mome eval RUN --device " +
                            session.device);
    }
    request.package = package;
    request.out = out;
    request.given = job.given();
    request.allow_change = {allow.begin(), allow.end()};
    request.command_line = command_line;
    request.threads = session.threads;
    request.verbosity = quiet         ? Verbosity::quiet
                        : no_progress ? Verbosity::lines
                                      : Verbosity::automatic;
    return request;
  }
};

void add_train(CLI::App &app, const std::string &command_line, int &exit_code) {
  auto flags = std::make_shared<TrainFlags>();
  auto resume = std::make_shared<std::string>();
  CLI::App *command = app.add_subcommand("train", "train a package on a data set");
  command->add_option("package", flags->package, "package (.mpk); when resuming, the run's own");
  CLI::Option *resuming = command
                              ->add_option("--resume", *resume,
                                           "continue a run or from one of its checkpoints; alone "
                                           "or =auto: --out, if it holds one")
                              ->expected(0, 1);
  command
      ->add_option("--allow-change", flags->allow,
                   "identities that may differ when resuming: package, variant, data, seed, "
                   "accumulate, steps-per-epoch, scalars, or a scalar's name")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--dry-run", flags->request.dry_run,
                    "check everything, print the plan, train nothing");
  flags->add(*command, false);
  command->callback([=, &exit_code] {
    TrainRequest request = flags->take(command_line);
    if (resuming->count() > 0) {
      request.resume_if_there = resume->empty() || *resume == "auto";
      request.resume = request.resume_if_there ? "" : *resume;
      if (request.resume_if_there && request.out.empty()) {
        throw usage_error("--resume without a run",
                          "name the run: --resume RUN, or give --out RUN");
      }
    }
    if (request.package.empty() && request.resume.empty() &&
        !fs::is_directory(request.out / "ckpt")) {
      throw usage_error("no package", "mome train PACKAGE --data DIR --out RUN");
    }
    exit_code = train_job(request, package_opener(flags->session));
  });
}

void add_verify_resume(CLI::App &app, const std::string &command_line, int &exit_code) {
  auto flags = std::make_shared<TrainFlags>();
  auto at = std::make_shared<int64_t>(7);
  CLI::App *command =
      app.add_subcommand("verify-resume", "prove that stopping and resuming changes no bit");
  command->add_option("package", flags->package, "package (.mpk)")->required();
  command->add_option("--at", *at, "stop after this step and resume (default 7)");
  flags->add(*command, true);
  command->callback([=, &exit_code] {
    TrainRequest request = flags->take(command_line);
    const bool temporary = request.out.empty();
    if (temporary) {
      std::string name = (fs::temp_directory_path() / "mome-verify-XXXXXX").string();
      if (mkdtemp(name.data()) == nullptr) {
        throw io_error(name, "create");
      }
      request.out = name;
    }
    const int64_t steps = request.given.value("steps", int64_t{20});
    const ResumeReport report = verify_resume(request, steps, *at, package_opener(flags->session));
    std::fputs(report.text.c_str(), stdout);
    exit_code = report.equal ? 0 : int(Exit::failed);
    if (temporary && report.equal) {
      fs::remove_all(request.out);
    }
  });
}

void add_sweep(CLI::App &app, const std::string &command_line, int &exit_code) {
  auto flags = std::make_shared<TrainFlags>();
  auto seeds = std::make_shared<std::string>();
  auto splits = std::make_shared<std::string>();
  auto parts = std::make_shared<std::vector<std::string>>(std::vector<std::string>{"val"});
  CLI::App *command = app.add_subcommand(
      "sweep", "train every combination of settings, seeds and splits from one package");
  command->add_option("package", flags->package, "package (.mpk)")->required();
  command->add_option("--seeds", *seeds, "0..4 (both ends count) or 1,5,7");
  command->add_option("--splits", *splits, "folds, written like seeds");
  command
      ->add_option("--parts", *parts, "parts to evaluate with each best checkpoint (default val)")
      ->delimiter(',')
      ->allow_extra_args(false);
  flags->add(*command, true);
  command->callback([=, &exit_code] {
    SweepRequest request;
    request.base = flags->take(command_line);
    if (request.base.out.empty()) {
      throw usage_error("no folder for the sweep", "give --out DIR");
    }
    request.axes = std::exchange(request.base.set, {}); // here --set NAME=V1,V2 makes an axis
    request.seeds = seeds->empty() ? std::vector<int64_t>() : parse_range(*seeds);
    request.splits = splits->empty() ? std::vector<int64_t>() : parse_range(*splits);
    request.parts = *parts;
    exit_code = sweep_job(request, package_opener(flags->session));
  });
}

void add_export(CLI::App &app) {
  struct Flags {
    std::string checkpoint, out, expert;
    std::vector<std::string> map, only;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App *command =
      app.add_subcommand("export", "write a checkpoint's weights as one safetensors file");
  command
      ->add_option("checkpoint", flags->checkpoint,
                   "run folder, ckpt/step-* folder, or safetensors file of weights")
      ->required();
  command->add_option("--out", flags->out, "safetensors file to write")->required();
  CLI::Option *expert = command->add_option(
      "--expert", flags->expert,
      "only this expert, with the class head, under the names of UniFormerV2's own checkpoints");
  command
      ->add_option("--map", flags->map,
                   "OLD=NEW: names that start with OLD start with NEW, e.g. experts.rgb.=")
      ->excludes(expert)
      ->allow_extra_args(false);
  command
      ->add_option("--only", flags->only, "patterns of names to write: * within a part, ** across")
      ->excludes(expert)
      ->allow_extra_args(false);
  command->callback([=] {
    std::vector<ExportRule> rules;
    for (const std::string &text : flags->map) {
      const size_t equals = text.find('=');
      if (equals == std::string::npos || equals == 0) {
        throw usage_error("'" + text + "' is not OLD=NEW",
                          "for example --map experts.rgb.=backbone.");
      }
      rules.push_back({text.substr(0, equals), text.substr(equals + 1)});
    }
    const fs::path from = fs::path(flags->checkpoint).extension() == ".safetensors"
                              ? fs::path(flags->checkpoint)
                              : resolve_checkpoint(flags->checkpoint);
    const size_t count = flags->expert.empty()
                             ? export_weights(from, flags->out, rules, flags->only)
                             : export_expert(from, flags->out, flags->expert);
    std::printf("%zu tensors written to %s\n", count, flags->out.c_str());
  });
}

void verify_one(const fs::path &dir) {
  const TrainState state = verify_checkpoint(dir);
  std::printf("good  %s  step %lld, epoch %lld\n", dir.string().c_str(), (long long)state.step,
              (long long)state.epoch);
}

fs::path checkpoint_root(const fs::path &path) {
  return fs::is_directory(path / "ckpt") ? path / "ckpt" : path;
}

void add_ckpt(CLI::App &app, int &exit_code) {
  CLI::App *ckpt = app.add_subcommand("ckpt", "look after checkpoints");
  ckpt->require_subcommand(1);
  auto path = std::make_shared<std::string>();
  CLI::App *verify =
      ckpt->add_subcommand("verify", "check every byte of a checkpoint, or of all of a run");
  verify->add_option("path", *path, "run folder or ckpt/step-* folder")->required();
  verify->callback([=, &exit_code] {
    if (fs::exists(fs::path(*path) / "manifest.json")) {
      return verify_one(*path);
    }
    const fs::path root = checkpoint_root(*path);
    if (!fs::is_directory(root) || CheckpointStore(root).steps().empty()) {
      throw package_error(*path, "no checkpoint here", "name a run folder or a ckpt/step-* folder");
    }
    for (int64_t step : CheckpointStore(root).steps()) {
      try {
        verify_one(root / step_name(step));
      } catch (const Error &error) {
        std::printf("BAD   %s\n", error.what());
        exit_code = int(error.exit);
      }
    }
  });
  CLI::App *list = ckpt->add_subcommand("list", "list a run's checkpoints");
  list->add_option("path", *path, "run folder")->required();
  list->callback([=] {
    const fs::path root = checkpoint_root(*path);
    if (!fs::is_directory(root)) {
      throw package_error(*path, "no such folder", "name a run folder");
    }
    const CheckpointStore store(root);
    const auto latest = store.pointer("LATEST"), best = store.pointer("BEST");
    for (int64_t step : store.steps()) {
      const fs::path dir = root / step_name(step);
      std::printf("%s", step_name(step).c_str());
      try {
        const TrainState s = read_state(dir);
        std::printf("  epoch %lld", (long long)s.epoch);
        if (s.best) {
          std::printf("  best %s %.6g at step %lld", s.monitor.c_str(), *s.best,
                      (long long)s.best_step);
        }
      } catch (const Error &error) {
        std::printf("  DAMAGED: %s", error.message.c_str());
      }
      std::printf("%s%s\n", latest == dir ? "  LATEST" : "", best == dir ? "  BEST" : "");
    }
  });
}

void add_data(CLI::App &app, int &exit_code) {
  struct Flags {
    std::string dir, package;
    int64_t split = 0;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App *data = app.add_subcommand("data", "look at data sets");
  data->require_subcommand(1);
  add_video_data_commands(*data);
  CLI::App *check =
      data->add_subcommand("check", "read a data set once and report what a run would meet");
  check->add_option("dir", flags->dir, "data folder")->required();
  check->add_option("--package", flags->package,
                    "hold it to this package's classes, sensors and shapes");
  check->add_option("--split", flags->split, "fold held out for test");
  check->add_flag("--json", flags->json, "print JSON");
  check->callback([=, &exit_code] {
    std::vector<std::string> classes;
    std::vector<data::Modality> modalities;
    data::SourceConfig config;
    if (!flags->package.empty()) {
      const ModelInfo info = describe_package(*Package::load(flags->package));
      classes = info.classes;
      modalities = model_modalities(info);
      config = choose_source(info, "");
    }
    const data::CheckReport report =
        data::check_data(flags->dir, flags->split, classes, modalities, config);
    if (flags->json) {
      OrderedJson json = report.facts;
      json["warnings"] = report.warnings;
      json["problems"] = report.problems;
      std::printf("%s\n", json.dump(2).c_str());
    } else {
      std::fputs(report.text().c_str(), stdout);
    }
    exit_code = report.problems.empty() ? 0 : int(Exit::data);
  });
}

} // namespace

void add_train_commands(CLI::App &app, const std::string &command_line, int &exit_code) {
  add_train(app, command_line, exit_code);
  add_sweep(app, command_line, exit_code);
  add_export(app);
  add_ckpt(app, exit_code);
  add_verify_resume(app, command_line, exit_code);
  add_data(app, exit_code);
}

} // namespace mome::tool
