// `mome eval`, `mome predict`, `mome explain-clip`: what is done with a trained model.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/train/job.h"
#include "tools/mome/commands.h"
#include "tools/mome/train_commands.h"

namespace mome::tool {

using namespace mome::train;
namespace fs = std::filesystem;

namespace {

struct EvalFlags {
  EvalRequest request;
  SessionOptions session;
  std::string checkpoint, package, data, out, on_bad_sample;
  int64_t split = 0;
  CLI::Option *split_option = nullptr;
  std::vector<std::string> allow;

  void add(CLI::App &command, bool data_required = true) {
    command
        .add_option("checkpoint", checkpoint,
                    "run folder (its best checkpoint) or ckpt/step-* folder")
        ->required();
    command.add_option("--data", data, "data folder")->required(data_required);
    command.add_option("--package", package, "package, when it is not the run's model.mpk");
    command.add_option("--out", out, "where results go");
    split_option = command.add_option("--split", split, "fold held out for test");
    command.add_option("--zero", request.zero, "sensors whose values are replaced by zeros")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_option("--absent", request.absent, "sensors marked absent")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_option("--batch", request.batch, "samples per batch, at most the compiled one");
    command
        .add_option("--on-bad-sample", on_bad_sample,
                    "fail (default), or skip: leave out samples that cannot be read, and say so")
        ->check(CLI::IsMember({"fail", "skip"}));
    command.add_flag("--latest", request.latest, "the run's latest checkpoint, not its best");
    command.add_option("--allow-change", allow, "identities that may differ: package, model")
        ->delimiter(',')
        ->allow_extra_args(false);
    add_session_flags(command, session);
  }
  EvalRequest take() {
    request.checkpoint = checkpoint;
    request.package = package;
    request.data = data;
    request.out = out;
    request.skip_bad = on_bad_sample == "skip";
    request.allow_change = {allow.begin(), allow.end()};
    if (split_option->count() > 0) {
      request.split = split;
    }
    return request;
  }
};

/// Batches are dealt to them.
void take_several_devices(CLI::App &command) {
  command.get_option("--device")->description(
      "cpu, cuda:N, several as cuda:0,cuda:1, or auto (default): a CUDA device if there is one and "
      "the package has code for it");
}

void add_eval(CLI::App &app) {
  auto flags = std::make_shared<EvalFlags>();
  auto json = std::make_shared<bool>(false);
  CLI::App *command = app.add_subcommand("eval", "evaluate a checkpoint on a part of a data set");
  flags->add(*command);
  take_several_devices(*command);
  command->add_option("--part", flags->request.part, "val (default), test or train");
  command->add_flag("--dump", flags->request.dump, "write predictions.csv and outputs.safetensors");
  command->add_flag("--batch-independent", flags->request.batch_independent,
                    "check that no prediction depends on the other samples of its batch");
  command->add_flag("--json", *json, "print the whole summary as JSON");
  command->callback([=] {
    const OrderedJson summary = eval_job(flags->take(), replicated_opener(flags->session));
    std::fputs((*json ? summary.dump(2) + "\n" : summary_text(summary)).c_str(), stdout);
  });
}

/// "3s", "0.5s" or a plain number.
double seconds(const std::string &text, const char *flag, double least = 1e-3) {
  char *end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || (*end != 0 && std::string(end) != "s") || !(value >= least)) {
    throw usage_error(std::string(flag) + " " + text, "give seconds, as in 3s or 0.5s");
  }
  return value;
}

/// --in rgb=a.mp4,ir=b.mp4, already split at the commas.
std::map<std::string, fs::path> parse_videos(const std::vector<std::string> &in) {
  std::map<std::string, fs::path> videos;
  for (const std::string &text : in) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw usage_error("--in " + text, "write MODALITY=FILE, as in rgb=a.mp4");
    }
    videos[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return videos;
}

struct WindowFlags {
  std::vector<std::string> in;
  std::string dir, window = "3s", stride = "0.5s";

  void add(CLI::App &command) {
    command.add_option("--in", in, "videos to predict along: rgb=a.mp4,ir=b.mp4,depth=c.mp4")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_option(
        "--dir", dir,
        "or all recordings below a folder: NAME.MODALITY.mp4, or as Drive&Act has them");
    command.add_option("--window", window, "length of a window (default 3s)");
    command.add_option("--stride", stride, "from one window to the next (default 0.5s)");
  }
  bool given() const { return !in.empty() || !dir.empty(); }
  WindowRequest take(const EvalRequest &base) const {
    return {base, parse_videos(in), dir, seconds(window, "--window"), seconds(stride, "--stride")};
  }
};

void add_predict(CLI::App &app) {
  auto flags = std::make_shared<EvalFlags>();
  auto windows = std::make_shared<WindowFlags>();
  CLI::App *command = app.add_subcommand(
      "predict",
      "write predictions: for every sample of a data set as CSV, along videos as JSON lines");
  flags->add(*command, false);
  take_several_devices(*command);
  windows->add(*command);
  flags->request.part = "all";
  command->add_option("--part", flags->request.part, "train, val, test or all (default)");
  command->callback([=] {
    const EvalRequest request = flags->take();
    if (windows->given() != request.data.empty()) {
      throw usage_error("predict needs one of --data, --in and --dir", "see mome predict --help");
    }
    std::string text;
    if (windows->given()) {
      predict_windows_job(windows->take(request), replicated_opener(flags->session),
                          [&](const OrderedJson &line) {
                            if (request.out.empty()) {
                              std::printf("%s\n", line.dump().c_str());
                            } else {
                              text += line.dump() + "\n";
                            }
                          });
    } else {
      text = predict_job(request, replicated_opener(flags->session));
    }
    if (!request.out.empty()) {
      replace_file(request.out, text);
    } else if (!windows->given()) {
      std::fputs(text.c_str(), stdout);
    }
  });
}

std::string explain_text(const OrderedJson &explained, const std::string &out) {
  std::string text = "clip " + explained["clip"].get<std::string>();
  char digits[64];
  if (explained.contains("predicted")) {
    std::snprintf(digits, sizeof digits, " (%.3f)", explained["probability"].get<double>());
    text += ": " + explained["predicted"].get<std::string>() + digits;
  }
  text += "\n";
  const OrderedJson outputs = explained.value("outputs", OrderedJson::object());
  for (const auto &output : outputs.items()) {
    text += output.key();
    for (const auto &value : output.value().items()) {
      std::snprintf(digits, sizeof digits, " %.3f", value.value().get<double>());
      text += "  " + value.key() + digits;
    }
    text += "\n";
  }
  for (const auto &expert : explained["experts"].items()) {
    for (const OrderedJson &block : expert.value()["blocks"]) {
      text += expert.key() + "." + block["block"].get<std::string>() + "  attention on frames";
      for (const OrderedJson &share : block["on_frames"]) {
        std::snprintf(digits, sizeof digits, " %.2f", share.get<double>());
        text += digits;
      }
      std::snprintf(digits, sizeof digits, ", class tokens %.2f  ",
                    block["on_class_tokens"].get<double>());
      text += digits + (fs::path(out) / block["picture"].get<std::string>()).string() + "\n";
    }
  }
  return text;
}

void add_explain_clip(CLI::App &app) {
  struct Flags : EvalFlags {
    std::vector<std::string> in;
    std::string key, at = "0s", window = "3s";
  };
  auto flags = std::make_shared<Flags>();
  auto json = std::make_shared<bool>(false);
  CLI::App *command = app.add_subcommand(
      "explain-clip", "show where every expert looks in one clip, and how the gate votes");
  flags->add(*command, false);
  command->get_option("--out")->required();
  command->add_option("--in", flags->in, "videos: rgb=a.mp4,ir=b.mp4,depth=c.mp4")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--at", flags->at, "where in the videos the clip begins (default 0s)");
  command->add_option("--window", flags->window, "and how long it is (default 3s)");
  command->add_option("--key", flags->key, "or a sample of --data, by its key");
  command->add_flag("--json", *json, "print explain.json");
  command->callback([=] {
    ExplainRequest request;
    request.base = flags->take();
    request.in = parse_videos(flags->in);
    request.key = flags->key;
    request.at = seconds(flags->at, "--at", 0);
    request.window = seconds(flags->window, "--window");
    if (request.in.empty() == request.base.data.empty() ||
        request.key.empty() != request.base.data.empty()) {
      throw usage_error("explain-clip needs --in, or --data with --key",
                        "see mome explain-clip --help");
    }
    const OrderedJson explained = explain_clip_job(request, package_opener(flags->session));
    std::fputs(
        (*json ? explained.dump(2) + "\n" : explain_text(explained, flags->out)).c_str(), stdout);
  });
}

} // namespace

void add_eval_commands(CLI::App &app) {
  add_eval(app);
  add_predict(app);
  add_explain_clip(app);
}

} // namespace mome::tool
