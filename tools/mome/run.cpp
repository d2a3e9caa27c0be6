// mome run: one entry on tensors from files (runtime/train/run_entry.h).
#include <cstdio>

#include "runtime/error.h"
#include "runtime/touched_memory.h"
#include "runtime/train/run_entry.h"
#include "runtime/train/session_model.h"
#include "tools/mome/commands.h"

namespace mome::tool {

namespace {

/// Arenas are touched page by page, or by huge pages where they are large.
void print_memory(Session &session, const std::string &entry) {
  const std::vector<Arena> &arenas = session.variant().arenas;
  for (uint32_t i = 0; i < arenas.size(); ++i) {
    const std::byte *memory = session.host_memory(i);
    if (memory == nullptr) {
      throw usage_error("--memory works where the host can see the arenas", "use --device cpu");
    }
    const bool work = arenas[i].kind == ArenaKind::work;
    std::printf("arena %s: %llu bytes planned%s, %llu touched\n", arenas[i].name.c_str(),
                (unsigned long long)(work ? session.program(entry).work_peak : arenas[i].size),
                work ? " for this entry" : "",
                (unsigned long long)touched_bytes({memory, arenas[i].size}));
  }
}

} // namespace

void add_run(CLI::App &app) {
  struct Flags {
    std::string package, weights, inputs, out;
    train::RunRequest request;
    SessionOptions options;
    bool quiet = false, memory = false;
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
  command->add_flag("--memory", flags->memory,
                    "print the memory that was planned for the entry, and how much was touched");
  command->add_flag("--random-inputs", flags->request.invent,
                    "weights that no file has come from `init`, inputs are random numbers");
  command->add_flag("-q,--quiet", flags->quiet, "print nothing but errors");
  add_session_flags(*command, flags->options);
  command->callback([flags] {
    train::SessionModel model(Package::load(flags->package), flags->options);
    flags->request.weights = flags->weights;
    flags->request.inputs = flags->inputs;
    flags->request.out = flags->out;
    const train::RunResult result = train::run_entry(model, flags->request);
    if (!flags->quiet) {
      std::fputs(result.report.c_str(), stdout);
    }
    if (flags->memory) {
      print_memory(model.get_session(), result.entry);
    }
  });
}

} // namespace mome::tool
