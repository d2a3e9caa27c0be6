#include "runtime/train/run_entry.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <map>
#include <set>

#include "runtime/error.h"
#include "runtime/philox.h"
#include "runtime/safetensors.h"
#include "runtime/text.h"
#include "runtime/train/job.h"
#include "runtime/train/scalars.h"
#include "runtime/train/tensor_file.h"

namespace mome::train {
namespace {

bool is_weight(BindKind kind) {
  return kind == BindKind::param || kind == BindKind::state || kind == BindKind::moment;
}

/// The name of a result: the kinds that share DSL paths get a prefix.
std::string result_name(const ModelTensor &t) {
  switch (t.kind) {
  case BindKind::loss:
  case BindKind::sum:
  case BindKind::grad:
  case BindKind::param:
  case BindKind::state:
  case BindKind::moment: {
    const std::string prefix = std::string(kind_name(t.kind)) + ".";
    return t.name.starts_with(prefix) ? t.name : prefix + t.name;
  }
  default:
    return t.name;
  }
}

/// A safetensors file whose names are crossed off as they are used.
class TensorSupply {
public:
  TensorSupply(const std::filesystem::path &path,
               Error (*make_error)(std::string, std::string, std::string))
      : where(path.string()), make_error(make_error) {
    if (!path.empty()) {
      file = std::make_unique<SafetensorsFile>(path);
    }
  }

  bool given() const { return file != nullptr; }

  /// Writes the tensor into the model; false when the file does not have it.
  bool feed(Model &model, size_t index) {
    const ModelTensor &t = model.info().tensors[index];
    for (const std::string &name : {t.name, result_name(t)}) {
      const TensorView *view = file == nullptr ? nullptr : file->find(name);
      if (view == nullptr) {
        continue;
      }
      if (view->dtype != t.dtype || view->shape != t.shape) {
        throw make_error(where,
                         "tensor '" + name + "' is " + std::string(dtype_name(view->dtype)) + " " +
                             shape_text(view->shape) + ", the entry reads " +
                             std::string(dtype_name(t.dtype)) + " " + shape_text(t.shape),
                         "types and shapes are fixed when the model is compiled");
      }
      model.write(index, view->bytes);
      used.insert(name);
      return true;
    }
    return false;
  }

  /// Reports names that were not used; throws for those that the model does not have at all.
  void account(const ModelInfo &info, std::string &report) const {
    if (file == nullptr) {
      return;
    }
    std::vector<std::string> known, unused;
    for (const ModelTensor &t : info.tensors) {
      known.push_back(t.name);
      known.push_back(result_name(t));
    }
    for (const auto &[name, view] : file->tensors()) {
      if (used.count(name) != 0) {
        continue;
      }
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        throw make_error(where, "tensor '" + name + "' is unknown to model '" + info.model + "'",
                         suggestion(name, known, "it has: "));
      }
      unused.push_back(name);
    }
    if (!unused.empty()) {
      report += "not read by this entry, from " + where + ": " + join_names(unused, 8) + "\n";
    }
  }

  [[noreturn]] void missing(const std::vector<std::string> &names, const char *flag) const {
    throw make_error(given() ? where : std::string(flag),
                     given() ? "tensors are missing: " + join_names(names)
                             : "the entry reads " + join_names(names),
                     given() ? "each must be there under its DSL path"
                             : std::string("give a safetensors file with ") + flag);
  }

private:
  std::string where;
  Error (*make_error)(std::string, std::string, std::string);
  std::unique_ptr<SafetensorsFile> file;
  std::set<std::string> used;
};

/// Fills a mask with ones.
void fill_ones(Model &model, size_t index) {
  const std::vector<float> ones(size_t(model.info().tensors[index].elements()), 1.0f);
  model.write(index, std::as_bytes(std::span(ones)));
}

/// Uniform in [-1, 1); labels, and whatever else counts, are 0.
void fill_random(Model &model, size_t index) {
  const ModelTensor &t = model.info().tensors[index];
  if (t.dtype != DType::f32) {
    return model.zero(index);
  }
  std::vector<float> values(size_t(t.elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t bits = random_bits(0, RandomUse::test_data, uint32_t(index), i)[0];
    values[i] = float(bits >> 8) * 0x1p-23f - 1;
  }
  model.write(index, std::as_bytes(std::span(values)));
}

std::string feed_tensors(Model &model, const ModelEntry &entry, const RunRequest &request) {
  const ModelInfo &info = model.info();
  TensorSupply weights(request.weights, package_error), inputs(request.inputs, data_error);
  std::vector<std::string> no_weights, no_inputs, ones, zeros;
  for (size_t index : entry.inputs) {
    const ModelTensor &t = info.tensors[index];
    if ((is_weight(t.kind) ? weights : inputs).feed(model, index)) {
      continue;
    }
    switch (t.kind) {
    case BindKind::presence:
    case BindKind::valid:
      fill_ones(model, index);
      ones.push_back(t.name);
      break;
    case BindKind::moment:
    case BindKind::grad:
    case BindKind::sum:
      model.zero(index);
      zeros.push_back(result_name(t));
      break;
    default:
      if (request.invent && is_weight(t.kind)) {
        continue; // `init` set it
      }
      if (request.invent) {
        fill_random(model, index);
        continue;
      }
      (is_weight(t.kind) ? no_weights : no_inputs).push_back(t.name);
    }
  }
  if (!no_weights.empty()) {
    weights.missing(no_weights, "--params");
  }
  if (!no_inputs.empty()) {
    inputs.missing(no_inputs, "--in");
  }
  std::string report;
  weights.account(info, report);
  inputs.account(info, report);
  report += ones.empty() ? "" : "set to 1: " + join_names(ones, 8) + "\n";
  report += zeros.empty() ? "" : "set to 0: " + join_names(zeros, 8) + "\n";
  return report;
}

/// `--set` of this run: settable scalars as anywhere, and host scalars, which here nobody else
/// computes.
class RunScalars {
public:
  RunScalars(const ModelInfo &info, const Config &config, const RunRequest &request)
      : info(info), config(config), scalars(info, config.section) {
    for (const std::string &assignment : request.set) {
      const size_t equals = assignment.find('=');
      const std::optional<size_t> index = info.scalar(assignment.substr(0, equals));
      if (equals == std::string::npos || !index || !info.scalars[*index].host) {
        scalars.set(assignment);
        continue;
      }
      const std::string_view text = std::string_view(assignment).substr(equals + 1);
      double value = 0;
      const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
      if (end.ec != std::errc() || end.ptr != text.data() + text.size()) {
        throw usage_error("'" + assignment + "' is not NAME=NUMBER", "for example --set seed=3");
      }
      given[*index] = value;
    }
  }

  void feed(Model &model, int64_t run) const {
    scalars.apply(model);
    const Numbers numbers = scalars.numbers(config);
    const int64_t step = int64_t(host("step", 1)) + run;
    feed_step_scalars(model, config, scalars, numbers,
                      {int64_t(host("seed", double(numbers.seed))), step,
                       int64_t(host("sample", 0)), numbers.lr, 1.0, /*steps_per_epoch=*/1 << 30,
                       /*mix=*/false});
    for (const auto &[index, value] : given) {
      if (info.scalars[index].name != "step") { // counts up
        model.set_scalar(index, value);
      }
    }
  }

private:
  const ModelInfo &info;
  const Config &config;
  Scalars scalars;
  std::map<size_t, double> given;

  double host(std::string_view name, double absent) const {
    const std::optional<size_t> index = info.scalar(name);
    const auto it = index ? given.find(*index) : given.end();
    return it == given.end() ? absent : it->second;
  }
};

size_t write_results(Model &model, const std::vector<size_t> &tensors,
                     const std::filesystem::path &out, std::string (*name)(const ModelTensor &)) {
  std::vector<ModelTensor> named;
  std::set<std::string> seen;
  for (size_t index : tensors) {
    named.push_back(model.info().tensors[index]);
    named.back().name = name(named.back());
    if (!seen.insert(named.back().name).second) {
      throw internal_error(out.string(), "two results are called '" + named.back().name + "'");
    }
  }
  TensorFileWriter writer(out, named);
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < tensors.size(); ++i) {
    bytes.resize(named[i].bytes());
    model.read(tensors[i], bytes);
    writer.add(bytes);
  }
  writer.commit();
  return tensors.size();
}

/// One line per result that is a single number.
std::string report_numbers(Model &model, const ModelEntry &entry) {
  std::string report;
  for (size_t index : entry.outputs) {
    const ModelTensor &t = model.info().tensors[index];
    if (t.elements() == 1 && t.dtype == DType::f32) {
      char text[64];
      std::snprintf(text, sizeof text, " = %.9g\n", double(model.read_floats(index)[0]));
      report += result_name(t) + text;
    }
  }
  return report;
}

/// Runs the entry; how long that took, on average and each.
std::string run_timed(Model &model, const ModelEntry &entry, const RunScalars &scalars,
                      int64_t repeat) {
  std::string each;
  double total = 0;
  char text[96];
  for (int64_t run = 0; run < repeat; ++run) {
    scalars.feed(model, run);
    const auto start = std::chrono::steady_clock::now();
    model.run(entry);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    total += time.count();
    std::snprintf(text, sizeof text, " %.3f", time.count());
    each += text;
  }
  std::snprintf(text, sizeof text, ": %lld x %.3f ms\n", (long long)repeat, total / double(repeat));
  return text + (repeat > 1 ? "runs in ms:" + each + "\n" : "");
}

} // namespace

RunResult run_entry(Model &model, const RunRequest &request) {
  const ModelInfo &info = model.info();
  Config config;
  std::string name = request.entry;
  const bool of_section =
      name == "grad" || name == "step" || name == "accumulate" || name == "apply";
  if (const size_t dot = name.rfind('.'); dot != name.npos || of_section) {
    const ModelSection &section =
        choose_section(info.train, of_section ? request.section : name.substr(0, dot), "train");
    config = parse_config(section.name, section.json);
    name = of_section ? section.name + "." + name : name;
  }
  const ModelEntry &entry = info.require_entry(name);
  const RunScalars scalars(info, config, request);
  if (request.invent) {
    initialise(model, 0);
  }
  std::string report = feed_tensors(model, entry, request);
  const std::string times = run_timed(model, entry, scalars, request.repeat);
  report += report_numbers(model, entry) + "entry " + name + times;
  if (!request.out.empty()) {
    const size_t count = write_results(model, entry.outputs, request.out, result_name);
    report += std::to_string(count) + " tensors written to " + request.out.string() + "\n";
  }
  return {name, report};
}

void initialise(Model &model, int64_t seed) {
  const ModelInfo &info = model.info();
  if (const std::optional<size_t> scalar = info.scalar("seed")) {
    model.set_scalar(*scalar, double(seed));
  }
  model.run(info.require_entry("init"));
}

size_t initialise_weights(Model &model, int64_t seed, const std::filesystem::path &out,
                          const std::function<void(Model &)> &then) {
  const ModelInfo &info = model.info();
  const ModelEntry &entry = info.require_entry("init");
  std::vector<size_t> weights;
  std::vector<std::string> missing;
  for (size_t i = 0; i < info.tensors.size(); ++i) {
    const ModelTensor &t = info.tensors[i];
    if (t.kind == BindKind::param || t.kind == BindKind::state) {
      weights.push_back(i);
      if (std::find(entry.outputs.begin(), entry.outputs.end(), i) == entry.outputs.end()) {
        missing.push_back(t.name);
      }
    }
  }
  if (!missing.empty()) {
    throw package_error("model '" + info.model + "'",
                        "entry 'init' does not set " + join_names(missing, 8),
                        "this is a bug in momec: please report it");
  }
  initialise(model, seed);
  then(model);
  return write_results(model, weights, out, [](const ModelTensor &t) { return t.name; });
}

} // namespace mome::train
