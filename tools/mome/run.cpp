// mome run: one entry on tensors from files (runtime/train/run_entry.h).
#include <cstdio>

#include "runtime/train/run_entry.h"
#include "runtime/train/session_model.h"
#include "tools/mome/commands.h"

namespace mome::tool {

void add_run(CLI::App &app) {
  struct Flags {
    std::string package, weights, inputs, out;
    train::RunRequest request;
    SessionOptions options;
    bool quiet = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App *command = app.add_subcommand("run", "run one entry of a package on given tensors");
  command->add_option("package", flags->package, "package (.mpk)")->required();
  command
      ->add_option("--entry", flags->request.entry,
                   "predict, eval, explain; grad, step, accumulate, apply of a train section; or a "
                   "full name such as finetune.grad")
      ->required();
  command->add_option("--section", flags->request.section,
                      "train section, when the package has several");
  command->add_option("--params", flags->weights, "safetensors: parameters and states by DSL path");
  command->add_option("--in", flags->inputs,
                      "safetensors: modalities, labels, presence, valid by name");
  command->add_option("--out", flags->out, "safetensors to write: every result of the entry");
  command->add_option("--set", flags->request.set,
                      "NAME=VALUE of a scalar; here also of seed, step and sample");
  command->add_option("--repeat", flags->request.repeat, "runs in a row; `step` counts up")
      ->check(CLI::PositiveNumber);
  command->add_flag("-q,--quiet", flags->quiet, "print nothing but errors");
  add_session_flags(*command, flags->options);
  command->callback([flags] {
    train::SessionModel model(Package::load(flags->package), flags->options);
    flags->request.weights = flags->weights;
    flags->request.inputs = flags->inputs;
    flags->request.out = flags->out;
    const std::string report = train::run_entry(model, flags->request).report;
    if (!flags->quiet) {
      std::fputs(report.c_str(), stdout);
    }
  });
}

} // namespace mome::tool
