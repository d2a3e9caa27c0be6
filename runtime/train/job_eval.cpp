// `mome eval` and `mome predict`.

#include <algorithm>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/json_reader.h"
#include "runtime/train/ema.h"
#include "runtime/train/feed.h"
#include "runtime/train/job.h"
#include "runtime/train/run_dir.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view all_parts = "all";

struct Opened : LoadedModel {
  std::unique_ptr<data::Source> source;
  std::unique_ptr<MaskedSource> masked;
  std::vector<uint32_t> samples;
};

fs::path run_of(const fs::path &step_dir) {
  const fs::path run = fs::absolute(step_dir).lexically_normal().parent_path().parent_path();
  return fs::exists(run / "model.mpk") ? run : fs::path();
}

/// The data section that the run trained on, if the package has it.
std::string data_section_of(const fs::path &run, const ModelInfo &info) {
  if (run.empty() || !holds_run(run)) {
    return "";
  }
  const std::string where = (run / "config.json").string();
  const Json config = parse_json(read_file(where), where, [](std::string at, std::string what) {
    return package_error(std::move(at), std::move(what), "the run folder is damaged");
  });
  const std::string name = config.value("data_section", "");
  const bool known = std::any_of(info.data.begin(), info.data.end(),
                                 [&](const ModelSection &section) { return section.name == name; });
  return known ? name : "";
}

Opened open_checkpoint(const EvalRequest &request, const OpenModel &open) {
  Opened o{load_model(request, open), nullptr, nullptr, {}};
  const ModelInfo &info = o.model->info();
  const bool all = request.part == all_parts;
  std::set<data::Part> parts = {data::Part::train, data::Part::val, data::Part::test};
  if (!all) {
    parts = {data::parse_part(request.part)};
  }
  const data::SourceConfig config = choose_source(info, o.data_section);
  o.source = data::open_source(request.data, config,
                               {o.classes(), model_modalities(info),
                                request.split.value_or(config.split), parts, request.skip_bad});
  const data::Index &index = o.source->index();
  for (data::Part part : parts) {
    const std::vector<uint32_t> some =
        all && !index.has(part) ? std::vector<uint32_t>() : index.part(part);
    o.samples.insert(o.samples.end(), some.begin(), some.end());
  }
  std::sort(o.samples.begin(), o.samples.end());
  o.masked = std::make_unique<MaskedSource>(*o.source, request.zero, request.absent);
  return o;
}

/// Predictions in another company: reversed order, so every sample has other neighbours and mostly
/// another place.
void check_batch_independence(Opened &o, const Predictions &predictions, size_t batch) {
  std::vector<uint32_t> reversed(o.samples.rbegin(), o.samples.rend());
  const Predictions again = run_predict(*o.model, *o.masked, reversed, batch);
  const size_t n = o.samples.size();
  for (size_t k = 0; k < predictions.outputs.size(); ++k) {
    for (size_t i = 0; i < n; ++i) {
      const auto a = predictions.outputs[k].of(i), b = again.outputs[k].of(n - 1 - i);
      if (!std::equal(a.begin(), a.end(), b.begin())) {
        throw numerics_error("sample '" + o.source->index().samples[o.samples[i]].key + "'",
                             "output '" + predictions.outputs[k].name +
                                 "' depends on the other samples of the batch",
                             "does the model mix samples (batch statistics in evaluation)?");
      }
    }
  }
}

std::string result_name(const EvalRequest &request) {
  std::string name = request.part;
  for (const std::string &m : request.zero) {
    name += "-zero-" + m;
  }
  for (const std::string &m : request.absent) {
    name += "-absent-" + m;
  }
  return name;
}

} // namespace

LoadedModel load_model(const EvalRequest &request, const OpenModel &open) {
  LoadedModel o;
  o.step_dir = resolve_checkpoint(request.checkpoint, request.latest);
  o.run = run_of(o.step_dir);
  if (request.package.empty() && o.run.empty()) {
    throw usage_error("no package beside " + o.step_dir.string(), "name it with --package PACKAGE");
  }
  o.model = open(request.package.empty() ? o.run / "model.mpk" : request.package);
  const ModelInfo &info = o.model->info();
  o.data_section = data_section_of(o.run, info);
  o.state = verify_checkpoint(o.step_dir);
  TrainState now = o.state; // training's own facts do not matter here
  now.model = info.model;
  now.package_hash = info.package_hash;
  now.variant = o.state.variant; // any variant may evaluate
  check_identity(o.state, now, request.allow_change);
  load_checkpoint(o.step_dir, *o.model,
                  ema_pairs(info).empty() ? Restore::weights : Restore::everything);
  Scalars scalars(info, o.state.section);
  for (const auto &[name, value] : o.state.scalars) {
    if (scalars.has(name)) {
      scalars.set(name, value);
    }
  }
  scalars.apply(*o.model);
  return o;
}

OrderedJson eval_job(const EvalRequest &request, const OpenModel &open) {
  Opened o = open_checkpoint(request, open);
  const EmaSwap averaged(*o.model);
  o.model->replicate();
  const EvalResult result = run_eval(*o.model, *o.masked, o.samples, request.batch);
  const Predictions predictions = run_predict(*o.model, *o.masked, o.samples, request.batch);
  if (request.batch_independent) {
    check_batch_independence(o, predictions, request.batch);
  }
  OrderedJson summary = summary_json(request.part, o.source->index(), result, predictions);
  summary["checkpoint"] = o.step_dir.filename().string();
  summary["skipped"] = o.source->bad().count();
  summary["zero"] = request.zero;
  summary["absent"] = request.absent;
  const fs::path out = !request.out.empty() ? request.out
                       : o.run.empty()      ? fs::path()
                                            : o.run / "eval" / result_name(request);
  if (!out.empty()) {
    fs::create_directories(out);
    replace_file(out / "summary.json", summary.dump(2) + "\n");
    if (request.dump) {
      replace_file(out / "predictions.csv", predictions_csv(o.source->index(), predictions));
      write_outputs(out / "outputs.safetensors", predictions);
    }
  } else if (request.dump) {
    throw usage_error("--dump needs a folder", "give --out DIR");
  }
  return summary;
}

std::string predict_job(const EvalRequest &request, const OpenModel &open) {
  Opened o = open_checkpoint(request, open);
  const EmaSwap averaged(*o.model);
  o.model->replicate();
  return predictions_csv(o.source->index(),
                         run_predict(*o.model, *o.masked, o.samples, request.batch));
}

} // namespace mome::train
