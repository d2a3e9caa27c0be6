// mome init: fresh weights, as training would start from.
#include <cstdio>

#include "runtime/train/run_entry.h"
#include "runtime/train/session_model.h"
#include "runtime/train/weights.h"
#include "tools/mome/commands.h"

namespace mome::tool {

void add_init(CLI::App &app) {
  struct Flags {
    std::string package, out, from, section;
    int64_t seed = 0;
    SessionOptions options;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App *command = app.add_subcommand("init", "write freshly initialised parameters and states");
  command->add_option("package", flags->package, "package (.mpk)")->required();
  command->add_option("--out", flags->out, "safetensors file to write")->required();
  command->add_option("--seed", flags->seed, "seed of the initialisation (default 0)");
  command->add_option("--from", flags->from,
                      "safetensors: pretrained weights, taken as the `init` rules of the train "
                      "section say");
  command->add_option("--section", flags->section, "train section, when the package has several");
  add_session_flags(*command, flags->options);
  command->callback([flags] {
    train::SessionModel model(Package::load(flags->package), flags->options);
    const size_t count =
        train::initialise_weights(model, flags->seed, flags->out, [&](train::Model &weights) {
          if (!flags->from.empty()) {
            std::printf("%s\n",
                        train::import_by_rules(weights, flags->section, flags->from).c_str());
          }
        });
    std::printf("%zu tensors written to %s\n", count, flags->out.c_str());
  });
}

} // namespace mome::tool
