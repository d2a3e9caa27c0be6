// mome-ptxsim: runs one kernel of a PTX file on the CPU, with every checker on. All logic is in
// runtime/cuda/sim; docs/ptxsim.md says what is executed and what is checked.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <nlohmann/json.hpp>

#include "runtime/cuda/model/prediction.h"
#include "runtime/cuda/sim/load.h"
#include "runtime/cuda/sim/simulate.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "tools/mome-ptxsim/arguments.h"

namespace {

using namespace mome::ptxsim;
using mome::Exit;

struct Options {
  std::string file, kernel;
  std::string grid = "1", block = "32";
  std::vector<std::string> arguments;
  Launch launch;
  uint64_t print = 8;
  bool list = false, json = false, counters = false, lines = false, time = false;
  bool no_races = false, no_init = false, no_late = false;
  std::string predict;
  mome::cuda::Resources resources;
};

/// "X", "X,Y" or "X,Y,Z"
std::array<uint32_t, 3> three(const std::string &text, const char *what) {
  std::array<uint32_t, 3> v{1, 1, 1};
  const char *at = text.c_str();
  for (size_t i = 0; i < 3; ++i) {
    char *end = nullptr;
    v[i] = uint32_t(std::strtoul(at, &end, 10));
    if (end == at || (*end && *end != ',') || (*end && i == 2)) {
      throw mome::usage_error(std::string(what) + " '" + text + "' is no size", "write X or X,Y,Z");
    }
    if (!*end) {
      break;
    }
    at = end + 1;
  }
  return v;
}

void add_options(CLI::App &app, Options &o) {
  app.add_option("file", o.file, "PTX text")->required();
  app.add_option("arguments", o.arguments,
                 "One for each parameter: i32:5, f32[64], f32[4]=1,2,3,4, f32[64]=iota,\n"
                 "f32[64]=random:1, @file.safetensors:NAME");
  app.add_option("-k,--kernel", o.kernel, "The kernel; needed when the file has several");
  app.add_flag("--list", o.list, "List the kernels and their parameters, run nothing");
  app.add_option("-g,--grid", o.grid, "Blocks: X or X,Y,Z");
  app.add_option("-b,--block", o.block, "Threads of a block: X or X,Y,Z");
  app.add_option("--shared", o.launch.dynamic_shared, "Bytes of dynamic shared memory");
  app.add_option("--blocks", o.launch.only_blocks, "Run only these blocks: N,N,... (linear)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--seed", o.launch.seed, "Order of warps, branches and atomics");
  app.add_flag("--perturb", o.launch.perturb,
               "Approximate functions off by their documented error, other sum orders");
  app.add_option("--threads", o.launch.threads, "Host threads; 0: all processors");
  app.add_option("--budget", o.launch.budget, "Warp instructions a block may execute");
  app.add_option("--print", o.print, "Elements printed of each buffer");
  app.add_flag("--counters", o.counters, "Print what the kernel executed and moved");
  app.add_flag("--lines", o.lines, "Print warp instructions per PTX line");
  app.add_flag("--time", o.time, "Print how fast the simulator was, to standard error");
  app.add_option("--predict", o.predict,
                 "Run nothing but a few blocks, and predict the time on a GPU: a100, h100, ...");
  app.add_option("--registers", o.resources.registers,
                 "For --predict: registers of a thread, as ptxas gives them");
  app.add_flag("--json", o.json, "Print faults and counters as JSON");
  app.add_flag("--no-race-check", o.no_races, "Do not look for races");
  app.add_flag("--no-init-check", o.no_init, "Do not look for uninitialised reads");
  app.add_flag("--no-late-copies", o.no_late, "Let cp.async land at once");
}

void list_kernels(const Module &module) {
  for (const Function &f : module.functions) {
    if (!f.kernel) {
      continue;
    }
    std::printf("%s(", std::string(f.name).c_str());
    for (size_t i = 0; i < f.params.size(); ++i) {
      std::printf("%s%llu bytes", i ? ", " : "", static_cast<unsigned long long>(f.params[i].size));
    }
    std::printf(")\n");
  }
}

std::string the_kernel(const Module &module, const std::string &wanted) {
  std::vector<std::string> names;
  for (const Function &f : module.functions) {
    if (f.kernel && f.defined) {
      names.push_back(std::string(f.name));
    }
  }
  if (!wanted.empty()) {
    return wanted;
  }
  if (names.size() != 1) {
    throw mome::usage_error("the file has " + std::to_string(names.size()) + " kernels",
                            "choose one with --kernel; --list names them");
  }
  return names[0];
}

std::vector<std::byte> params_of(const Program &program, const std::vector<Argument> &arguments) {
  if (arguments.size() != program.params.size()) {
    throw mome::usage_error(program.name + " takes " + std::to_string(program.params.size()) +
                                " arguments, not " + std::to_string(arguments.size()),
                            "--list shows their sizes");
  }
  std::vector<const void *> values;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].value.size() != program.params[i].size) {
      throw mome::usage_error("argument " + std::to_string(i + 1) + " has " +
                                  std::to_string(arguments[i].value.size()) + " bytes, not " +
                                  std::to_string(program.params[i].size),
                              "a buffer is an address of 8 bytes");
    }
    values.push_back(arguments[i].value.data());
  }
  return pack_params(program, values.data());
}

void print_json(const Report &r, const std::string &file) {
  nlohmann::ordered_json out;
  out["faults"] = nlohmann::ordered_json::array();
  for (const Fault &f : r.faults) {
    out["faults"].push_back({{"kind", fault_name(f.kind)},
                             {"line", f.line},
                             {"instruction", f.instruction},
                             {"block", f.block_index},
                             {"thread", f.thread},
                             {"address", f.address},
                             {"message", f.message}});
  }
  out["counters"] = nlohmann::ordered_json::parse(r.counters.json());
  std::printf("%s\n", out.dump(2).c_str());
}

/// Prints how long the launch should take on a GPU.
int predict(const Options &o, const Program &program, const std::vector<Argument> &arguments,
            const Memory &memory) {
  const mome::cuda::DeviceData *device = mome::cuda::find_device_data(o.predict);
  if (!device) {
    throw mome::usage_error("no numbers of a GPU '" + o.predict + "'",
                            std::string(mome::cuda::device_data_names()));
  }
  mome::cuda::LaunchShape shape;
  shape.function = program.name;
  shape.shared = o.launch.dynamic_shared;
  const auto grid = three(o.grid, "--grid"), block = three(o.block, "--block");
  std::copy_n(grid.begin(), 2, shape.grid);
  std::copy_n(block.begin(), 2, shape.block);
  std::vector<mome::cuda::Argument> list;
  for (const Argument &a : arguments) {
    uint32_t word = 0;
    std::memcpy(&word, a.value.data(), std::min(sizeof word, a.value.size()));
    list.emplace_back(word);
    if (a.buffer) {
      list.back() = mome::cuda::Buffer{memory.find(a.address)->size};
    }
  }
  std::string problem;
  const mome::cuda::WorkCounter counter(mome::read_file(o.file), problem);
  const auto work = counter.count(shape, list, problem);
  if (!work) {
    throw mome::Error(Exit::failed, o.file, problem);
  }
  mome::cuda::Resources resources = o.resources;
  resources.static_shared = uint32_t(program.static_shared);
  const mome::cuda::Prediction p = mome::cuda::predict(*device, shape, *work, resources);
  if (o.json) {
    const nlohmann::ordered_json out = {{"predicted_seconds", p.seconds},
                                        {"limiter", p.limiter},
                                        {"blocks_per_multiprocessor", p.occupancy.blocks},
                                        {"flops", work->flops + work->tensor_flops}};
    std::printf("%s\n", out.dump(2).c_str());
  } else {
    std::printf(
        "%s on %s: predicted %.3f us, limited by %s; %d blocks on a multiprocessor, limited "
        "by %s\n",
        program.name.c_str(), std::string(device->name).c_str(), p.seconds * 1e6,
        std::string(p.limiter).c_str(), p.occupancy.blocks, std::string(p.occupancy.limit).c_str());
  }
  return 0;
}

int run(Options o) {
  Memory memory;
  const auto module = std::make_shared<const Module>(parse(mome::read_file(o.file), o.file));
  if (o.list) {
    list_kernels(*module);
    return 0;
  }
  const Symbols symbols = load_variables(*module, memory);
  const Program program = decode(module, the_kernel(*module, o.kernel), symbols);
  std::vector<Argument> arguments;
  for (const std::string &text : o.arguments) {
    arguments.push_back(parse_argument(text, memory));
  }
  const std::vector<std::byte> params = params_of(program, arguments);
  if (!o.predict.empty()) {
    return predict(o, program, arguments, memory);
  }
  o.launch.grid = three(o.grid, "--grid");
  o.launch.block = three(o.block, "--block");
  o.launch.params = params;
  o.launch.rounding_seed = o.launch.seed;
  o.launch.count_lines = o.lines;
  o.launch.count = o.counters || o.json;
  o.launch.checks = {!o.no_races, !o.no_init, !o.no_late};
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t used = std::clock();
  const Report report = simulate(program, memory, o.launch);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const double processor = double(std::clock() - used) / CLOCKS_PER_SEC;
  if (o.time) {
    std::fprintf(
        stderr, "%.3f s, %.3f s of processor time, %.1f million lane instructions a second of it\n",
        seconds.count(), processor,
        double(report.counters.total_lane_instructions()) / processor / 1e6);
  }
  for (const Fault &f : report.faults) {
    std::fprintf(stderr, "%s\n", f.text(o.file).c_str());
  }
  if (o.json) {
    print_json(report, o.file);
  } else {
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i].buffer) {
        std::printf("%zu: %s\n", i + 1, show(arguments[i], memory, o.print).c_str());
      }
    }
    if (o.counters) {
      std::printf("%s", report.counters.table().c_str());
    }
    for (const auto &[line, count] : report.line_counts) {
      std::printf("%s:%u: %llu\n", o.file.c_str(), line, static_cast<unsigned long long>(count));
    }
  }
  return report.ok() ? 0 : int(Exit::failed);
}

int fail(const char *message, Exit exit) {
  std::fprintf(stderr, "mome-ptxsim: %s\n", message);
  return int(exit);
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app{"Runs a kernel of a PTX file on the CPU and checks what it does.", "mome-ptxsim"};
  app.footer("Exit codes: 0 ok, 1 the kernel is at fault, 2 usage, 5 the PTX cannot be read, 6 an "
             "impossible launch.");
  Options options;
  add_options(app, options);
  try {
    app.parse(argc, argv);
    return run(options);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : int(Exit::usage);
  } catch (const mome::Error &error) {
    return fail(error.what(), error.exit);
  } catch (const std::bad_alloc &) {
    return fail("out of memory", Exit::budget);
  } catch (const std::exception &error) {
    return fail(error.what(), Exit::internal);
  }
}
