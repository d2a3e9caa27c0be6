// mome inspect: what is in a package, a checkpoint or a safetensors file. The facts are gathered as
// JSON; text is one way to print them.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>

#include "runtime/json_reader.h"
#include "runtime/package.h"
#include "runtime/safetensors.h"
#include "runtime/text.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/manifest.h"
#include "tools/mome/commands.h"

namespace mome::tool {
namespace {

namespace fs = std::filesystem;

/// The part of the model a DSL path belongs to: "experts.acc", "gate", "head".
std::string part_of(const std::string &path) {
  size_t end = path.find('.');
  if (path.starts_with("experts.")) {
    end = path.find('.', end + 1);
  }
  return path.substr(0, end);
}

OrderedJson tensor_json(std::string_view kind, DType dtype, const std::vector<int64_t> &shape) {
  OrderedJson json;
  if (!kind.empty()) {
    json["kind"] = kind;
  }
  json["dtype"] = dtype_name(dtype);
  json["shape"] = shape;
  return json;
}

OrderedJson parameters_json(const Package &package) {
  OrderedJson parts = OrderedJson::object();
  uint64_t count = 0, tensors = 0;
  for (const NamedTensor &t : package.tensors) {
    if (t.kind == BindKind::param) {
      OrderedJson &part = parts[part_of(t.name)];
      part = (part.is_null() ? uint64_t{0} : part.get<uint64_t>()) + t.elements();
      count += t.elements();
      ++tensors;
    }
  }
  return {{"count", count}, {"tensors", tensors}, {"parts", parts}};
}

/// Where a path's cost is shown: numbered blocks of a kind together.
std::string kind_of_block(const std::string &path) {
  for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
    if (std::isdigit(static_cast<unsigned char>(path[dot + 1])) != 0) {
      return path.substr(0, dot);
    }
  }
  return path;
}

OrderedJson costs_json(const Package &package) {
  OrderedJson parts = OrderedJson::object();
  double total = 0;
  for (const Cost &cost : package.costs) {
    OrderedJson &part = parts[kind_of_block(cost.path)];
    part = (part.is_null() ? 0.0 : part.get<double>()) + 2 * cost.multiply_adds;
    total += 2 * cost.multiply_adds;
  }
  return {{"flops_per_sample", total}, {"parts", parts}};
}

OrderedJson entry_json(const Program &program) {
  double flops = 0, bytes = 0;
  for (const Dispatch &d : program.dispatches) {
    flops += d.flops;
    bytes += d.bytes;
  }
  return {{"entry", program.entry},
          {"dispatches", program.dispatches.size()},
          {"flops", flops},
          {"bytes_moved", bytes},
          {"work_peak", program.work_peak}};
}

OrderedJson variant_json(const Variant &variant) {
  OrderedJson json = {{"name", variant.name},
                      {"runs_here", can_run(variant.name)},
                      {"code_bytes", variant.code.size()},
                      {"kernels", variant.kernels.size()},
                      {"memory_bytes", variant.arena_bytes()}};
  for (const Arena &arena : variant.arenas) {
    json["arenas"].push_back(
        {{"name", arena.name}, {"kind", arena_kind_name(arena.kind)}, {"bytes", arena.size}});
  }
  for (const Program &program : variant.programs) {
    json["entries"].push_back(entry_json(program));
  }
  for (const Kernel &kernel : variant.kernels) {
    if (!kernel.library.empty()) {
      json["libraries"].push_back({{"kernel", kernel.symbol},
                                   {"workspace", kernel.scratch},
                                   {"call", OrderedJson::parse(kernel.library)}});
    }
  }
  for (const Assembled &a : variant.assembled) {
    json["assembled"][a.architecture].push_back({{"function", a.symbol},
                                                 {"registers", a.registers},
                                                 {"shared", a.shared},
                                                 {"stack", a.stack},
                                                 {"spilled", a.spilled}});
  }
  return json;
}

OrderedJson package_json(const fs::path &path) {
  const auto package = Package::load(path);
  OrderedJson json = {{"file", path.string()},
                      {"type", "package"},
                      {"model", package->model},
                      {"hash", package->hash},
                      {"compiler", package->compiler},
                      {"precision", package->precision},
                      {"batch", package->batch},
                      {"eval_batch", package->eval_batch},
                      {"classes", package->classes},
                      {"modalities", package->modalities},
                      {"optional", package->optional},
                      {"losses", package->losses},
                      {"parameters", parameters_json(*package)},
                      {"forward", costs_json(*package)}};
  for (const char *list : {"metrics", "train", "data", "sources", "scalars", "variants"}) {
    json[list] = OrderedJson::array();
  }
  json["tensors"] = OrderedJson::array();
  for (const Metric &m : package->metrics) {
    json["metrics"].push_back(m.name);
  }
  for (const Section &s : package->train) {
    json["train"].push_back({{"name", s.name}, {"settings", Json::parse(s.json, nullptr, false)}});
  }
  for (const Section &s : package->data) {
    json["data"].push_back({{"name", s.name}, {"settings", Json::parse(s.json, nullptr, false)}});
  }
  for (const Source &s : package->sources) {
    json["sources"].push_back({{"path", s.path}, {"hash", s.hash}});
  }
  for (const ScalarInput &s : package->scalars) {
    json["scalars"].push_back({{"name", s.name}, {"default", s.value}, {"settable", !s.host}});
  }
  for (const Variant &v : package->variants) {
    json["variants"].push_back(variant_json(v));
  }
  for (const NamedTensor &t : package->tensors) {
    OrderedJson tensor = {{"name", t.name}};
    tensor.update(tensor_json(kind_name(t.kind), t.dtype, t.shape));
    json["tensors"].push_back(std::move(tensor));
  }
  return json;
}

OrderedJson checkpoint_json(const fs::path &path) {
  const fs::path dir = train::resolve_checkpoint(path);
  const train::Manifest manifest = train::read_manifest(dir);
  const train::TrainState &s = manifest.state;
  OrderedJson json = {{"file", dir.string()}, {"type", "checkpoint"},
                      {"model", s.model},     {"package", s.package_hash},
                      {"variant", s.variant}, {"section", s.section},
                      {"step", s.step},       {"epoch", s.epoch},
                      {"seed", s.seed},       {"scalars", s.scalars}};
  if (s.best) {
    json["best"] = {{"metric", s.monitor}, {"value", *s.best}, {"step", s.best_step}};
  }
  for (const train::ManifestFile &f : manifest.files) {
    json["files"].push_back({{"name", f.name}, {"bytes", f.bytes}, {"hash", f.hash}});
  }
  uint64_t parameters = 0, tensors = 0;
  json["tensors"] = OrderedJson::array();
  for (const train::ManifestTensor &t : manifest.tensors) {
    OrderedJson tensor = {{"name", t.tensor.name}};
    tensor.update(tensor_json(kind_name(t.tensor.kind), t.tensor.dtype, t.tensor.shape));
    json["tensors"].push_back(std::move(tensor));
    if (t.tensor.kind == BindKind::param) {
      parameters += uint64_t(t.tensor.elements());
      ++tensors;
    }
  }
  json["parameters"] = {{"count", parameters}, {"tensors", tensors}};
  return json;
}

OrderedJson tensor_file_json(const fs::path &path) {
  const SafetensorsFile file(path);
  OrderedJson json = {{"file", path.string()}, {"type", "safetensors"}};
  json["metadata"] = file.metadata();
  json["tensors"] = OrderedJson::array();
  uint64_t elements = 0;
  for (const auto &[name, view] : file.tensors()) {
    OrderedJson tensor = {{"name", name}};
    tensor.update(tensor_json({}, view.dtype, view.shape));
    json["tensors"].push_back(std::move(tensor));
    elements += view.bytes.size() / dtype_size(view.dtype);
  }
  json["parameters"] = {{"count", elements}, {"tensors", file.tensors().size()}};
  return json;
}

OrderedJson inspect(const fs::path &path) {
  if (fs::is_directory(path)) {
    return checkpoint_json(path);
  }
  return path.extension() == ".safetensors" ? tensor_file_json(path) : package_json(path);
}

//===-- Text --------------------------------------------------------------------------------===//

/// What the assembler made of each function of device code; without `all` their extremes.
void print_assembled(const OrderedJson &architectures, bool all) {
  for (const auto &[architecture, functions] : architectures.items()) {
    uint64_t registers = 0, spilled = 0;
    for (const OrderedJson &f : functions) {
      registers = std::max(registers, f["registers"].get<uint64_t>());
      spilled += f["spilled"].get<uint64_t>();
    }
    std::printf(
        "  machine code for %s: %zu functions, at most %llu registers, %llu bytes spilled\n",
        architecture.c_str(), functions.size(), (unsigned long long)registers,
        (unsigned long long)spilled);
    for (const OrderedJson &f : all ? functions : OrderedJson::array()) {
      std::printf("    %-28s %3d registers %6d bytes shared %4d stack %4d spilled\n",
                  f["function"].get<std::string>().c_str(), f["registers"].get<int>(),
                  f["shared"].get<int>(), f["stack"].get<int>(), f["spilled"].get<int>());
    }
  }
}

/// Kernels that a library runs; without `all` how many.
void print_libraries(const OrderedJson &libraries, bool all) {
  uint64_t workspace = 0;
  for (const OrderedJson &l : libraries) {
    workspace = std::max(workspace, l["workspace"].get<uint64_t>());
  }
  if (!libraries.empty()) {
    std::printf("  %zu kernels are calls of libraries, with at most %s of workspace\n",
                libraries.size(), bytes_text(workspace).c_str());
  }
  for (const OrderedJson &l : all ? libraries : OrderedJson::array()) {
    std::printf("    %s %s\n", l["kernel"].get<std::string>().c_str(), l["call"].dump().c_str());
  }
}

void print_variant(const OrderedJson &v, bool kernels) {
  std::printf("\nvariant %s%s: %s of memory, %s of code, %d kernels\n",
              v["name"].get<std::string>().c_str(),
              v["runs_here"].get<bool>() ? "" : " (does not run on this machine)",
              bytes_text(v["memory_bytes"]).c_str(), bytes_text(v["code_bytes"]).c_str(),
              v["kernels"].get<int>());
  for (const OrderedJson &a : v.value("arenas", OrderedJson::array())) {
    std::printf("  arena %-12s %-6s %12s\n", a["name"].get<std::string>().c_str(),
                a["kind"].get<std::string>().c_str(), bytes_text(a["bytes"]).c_str());
  }
  std::printf("  %-24s %10s %12s %12s %12s\n", "entry", "dispatches", "GFLOP", "moved", "work");
  for (const OrderedJson &e : v.value("entries", OrderedJson::array())) {
    std::printf("  %-24s %10d %12.6g %12s %12s\n", e["entry"].get<std::string>().c_str(),
                e["dispatches"].get<int>(), e["flops"].get<double>() / 1e9,
                bytes_text(uint64_t(e["bytes_moved"].get<double>())).c_str(),
                bytes_text(e["work_peak"]).c_str());
  }
  print_libraries(v.value("libraries", OrderedJson::array()), kernels);
  print_assembled(v.value("assembled", OrderedJson::object()), kernels);
}

/// One "key  value" line for every plain fact; lists of names are joined.
void print_facts(const OrderedJson &json) {
  for (const auto &[key, value] : json.items()) {
    std::string text;
    if (value.is_string()) {
      text = value.get<std::string>();
    } else if (value.is_primitive()) {
      text = value.dump();
    } else if (value.is_array() && !value.empty() && value[0].is_string()) {
      text = join_names(value.get<std::vector<std::string>>(), 12);
    }
    if (!text.empty()) {
      std::printf("%-12s %s\n", key.c_str(), text.c_str());
    }
  }
}

void print_text(const OrderedJson &json, bool tensors, bool kernels) {
  print_facts(json);
  const OrderedJson &parameters = json["parameters"];
  std::printf("%-12s %llu in %llu tensors\n",
              json["type"] == "safetensors" ? "elements" : "parameters",
              parameters["count"].get<unsigned long long>(),
              parameters["tensors"].get<unsigned long long>());
  const OrderedJson parts = parameters.value("parts", OrderedJson::object());
  for (const auto &[part, count] : parts.items()) {
    std::printf("  %-24s %14llu\n", part.c_str(), count.get<unsigned long long>());
  }
  if (json.contains("forward")) {
    const OrderedJson &forward = json["forward"];
    std::printf("%-12s %.6g GFLOP per sample (two per multiply-add)\n", "forward",
                forward["flops_per_sample"].get<double>() / 1e9);
    for (const auto &[part, flops] : forward["parts"].items()) {
      std::printf("  %-36s %12.6g\n", part.c_str(), flops.get<double>() / 1e9);
    }
  }
  for (const OrderedJson &s : json.value("train", OrderedJson::array())) {
    std::printf("train %s\n", s["name"].get<std::string>().c_str());
  }
  if (json["type"] == "package") {
    for (const OrderedJson &s : json["scalars"]) {
      if (s["settable"].get<bool>()) {
        std::printf("  --set %s=%.9g\n", s["name"].get<std::string>().c_str(),
                    s["default"].get<double>());
      }
    }
    for (const OrderedJson &v : json["variants"]) {
      print_variant(v, kernels);
    }
  }
  for (size_t i = 0; tensors && i < json["tensors"].size(); ++i) {
    const OrderedJson &t = json["tensors"][i];
    std::printf("%-10s %-5s %-20s %s\n", t.value("kind", "").c_str(),
                t["dtype"].get<std::string>().c_str(), t["shape"].dump().c_str(),
                t["name"].get<std::string>().c_str());
  }
}

} // namespace

void add_inspect(CLI::App &app) {
  struct Flags {
    std::string path;
    bool json = false, tensors = false, kernels = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App *command =
      app.add_subcommand("inspect", "show what is in a package, checkpoint or safetensors file");
  command->add_option("path", flags->path, "package, run folder, checkpoint or safetensors file")
      ->required();
  command->add_flag("--json", flags->json, "print everything as JSON");
  command->add_flag("--tensors", flags->tensors, "list every tensor");
  command->add_flag(
      "--kernels", flags->kernels,
      "list what each function of device code takes: registers, shared memory, spills");
  command->callback([flags] {
    const OrderedJson json = inspect(flags->path);
    if (flags->json) {
      std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
      print_text(json, flags->tensors, flags->kernels);
    }
  });
}

} // namespace mome::tool
