// mome data synth, prepare and bench.
#include <chrono>
#include <cstdio>

#include "runtime/data/video/bench.h"
#include "runtime/data/video/prepare.h"
#include "runtime/data/video/synth.h"
#include "runtime/text.h"
#include "tools/mome/data_commands.h"

namespace mome::tool {

namespace {

void add_synth(CLI::App &data) {
  struct Flags {
    std::string dir;
    data::SynthOptions options;
  };
  auto flags = std::make_shared<Flags>();
  data::SynthOptions &o = flags->options;
  CLI::App *command = data.add_subcommand(
      "synth", "make a small video data set in the format of Drive&Act, to try things with");
  command->add_option("dir", flags->dir, "folder to write, new or empty")->required();
  command->add_option("--classes", o.classes, "2 to 34 (default 5)");
  command->add_option("--subjects", o.subjects, "3 to 15 (default 15)");
  command->add_option("--chunks", o.chunks,
                      "samples in each of a subject's two sessions (default 48)");
  command->add_option("--scale", o.scale,
                      "size of the pictures, 0.05 to 1 (default 0.1: 96x54 and 52x42)");
  command->add_option("--imbalance", o.imbalance,
                      "class frequencies fall as rank^-X (default 1; 1.41, as the real set's, from "
                      "20 classes on)");
  command->add_flag("--control", o.control,
                    "three equal views, always clean: nothing for a gate to learn");
  command->add_option("--gop", o.gop, "frames between key frames (default 250)");
  command->add_option("--preset", o.preset,
                      "of x264 (default: veryfast from half size on, else ultrafast)");
  command->add_option("--seed", o.seed, "(default 0)");
  command->callback([flags] {
    const auto start = std::chrono::steady_clock::now();
    const OrderedJson j = data::synthesise(flags->options, flags->dir);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%lld frames written to %s in %.1f s\n", (long long)j["frames"].get<int64_t>(),
                flags->dir.c_str(), seconds);
    std::printf("samples: train %s, val %s, test %s\n", j["samples"]["train"].dump().c_str(),
                j["samples"]["val"].dump().c_str(), j["samples"]["test"].dump().c_str());
    std::printf("an observer who reads every clean view and guesses otherwise has Mean-1\n");
    for (const auto &item : j["ideal_mean1"].items()) {
      std::printf("  %-12s %.3f\n", item.key().c_str(), item.value().get<double>());
    }
  });
}

void add_prepare(CLI::App &data) {
  struct Flags {
    std::string from, to;
    data::PrepareOptions options;
  };
  auto flags = std::make_shared<Flags>();
  data::PrepareOptions &o = flags->options;
  CLI::App *command = data.add_subcommand(
      "prepare", "write a video data set again, small and with many key frames: fast to read");
  command->add_option("from", flags->from, "data folder")->required();
  command->add_option("to", flags->to, "folder to write; an interrupted run continues")->required();
  command->add_option("--short-side", o.short_side, "pixels of the shorter side (default 256)")
      ->check(CLI::Range(16, 4096));
  command->add_option("--gop", o.gop, "frames between key frames (default 8)")
      ->check(CLI::Range(1, 1000));
  command->add_option("--crf", o.crf, "quality of x264, lower is better (default 20)")
      ->check(CLI::Range(0, 51));
  command->add_option("--views", o.views, "views to prepare (default: all that are there)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->callback([flags] {
    const data::PrepareReport r =
        data::prepare_data(flags->from, flags->to, flags->options,
                           [](const std::string &line) { std::printf("%s\n", line.c_str()); });
    std::printf("%zu videos written, %zu kept; %s -> %s\n", r.written, r.kept,
                bytes_text(uint64_t(r.source_bytes)).c_str(),
                bytes_text(uint64_t(r.bytes)).c_str());
  });
}

void add_bench(CLI::App &data) {
  struct Flags {
    std::string dir, prepared;
    data::BenchOptions options;
  };
  auto flags = std::make_shared<Flags>();
  data::BenchOptions &o = flags->options;
  CLI::App *command = data.add_subcommand("bench", "what a clip costs to decode, on one core");
  command->add_option("dir", flags->dir, "data folder")->required();
  command->add_option("--prepared", flags->prepared, "its prepared copy, to compare");
  command->add_option("--clips", o.clips, "clips of each view (default 20)")
      ->check(CLI::Range(1, 100000));
  command->add_option("--frames", o.frames, "frames of a clip (default 8)")
      ->check(CLI::Range(1, 1000));
  command->add_option("--size", o.size, "pixels of the resized frames (default 224)")
      ->check(CLI::Range(1, 4096));
  command->callback([flags] {
    const auto rows = data::bench_data(flags->dir, flags->options);
    const auto other = flags->prepared.empty() ? std::vector<data::BenchRow>()
                                               : data::bench_data(flags->prepared, flags->options);
    std::fputs(data::bench_table(rows, other).c_str(), stdout);
  });
}

} // namespace

void add_video_data_commands(CLI::App &data) {
  add_synth(data);
  add_prepare(data);
  add_bench(data);
}

} // namespace mome::tool
