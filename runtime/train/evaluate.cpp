#include "runtime/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/error.h"
#include "runtime/text.h"
#include "runtime/train/deal.h"
#include "runtime/train/feed.h"

namespace mome::train {
namespace {

size_t batch_size_for(const ModelInfo &info, const ModelEntry &entry, size_t wanted) {
  const size_t compiled = entry_batch(info, entry);
  if (wanted > compiled) {
    throw usage_error("--batch " + std::to_string(wanted) + " is above the compiled batch of " +
                          std::to_string(compiled),
                      "compile the model with a larger eval_batch");
  }
  return wanted == 0 ? compiled : wanted;
}

/// Sums over the batches, added here in the batches' order: the same bits on any number of devices.
class Sums {
public:
  Sums(const ModelInfo &info, std::vector<size_t> tensors) : info(info), tensors(std::move(tensors)) {
    for (size_t t : this->tensors) {
      totals.emplace_back(info.tensors[t].bytes());
    }
  }
  void clear(Model &model) const {
    for (size_t t : tensors) {
      model.zero(t);
    }
  }
  /// Adds what a batch left in a model.
  void add(Model &model) {
    std::vector<std::byte> part;
    for (size_t i = 0; i < tensors.size(); ++i) {
      part.resize(totals[i].size());
      model.read(tensors[i], part);
      if (info.tensors[tensors[i]].dtype == DType::i32) {
        add_as<int32_t>(totals[i], part);
      } else {
        add_as<float>(totals[i], part);
      }
    }
  }
  void store(Model &model) const {
    for (size_t i = 0; i < tensors.size(); ++i) {
      model.write(tensors[i], totals[i]);
    }
  }

private:
  template <typename T>
  static void add_as(std::vector<std::byte> &total, const std::vector<std::byte> &part) {
    for (size_t at = 0; at + sizeof(T) <= total.size(); at += sizeof(T)) {
      T sum, more;
      std::memcpy(&sum, &total[at], sizeof(T));
      std::memcpy(&more, &part[at], sizeof(T));
      sum += more;
      std::memcpy(&total[at], &sum, sizeof(T));
    }
  }
  const ModelInfo &info;
  std::vector<size_t> tensors;
  std::vector<std::vector<std::byte>> totals;
};

std::vector<float> read_sum(Model &model, size_t tensor) {
  const ModelTensor &t = model.info().tensors[tensor];
  if (t.dtype == DType::f32) {
    return model.read_floats(tensor);
  }
  if (t.dtype == DType::i32) {
    std::vector<int32_t> raw(size_t(t.elements()));
    model.read(tensor, std::as_writable_bytes(std::span(raw)));
    return {raw.begin(), raw.end()};
  }
  throw package_error("tensor '" + t.name + "'", "a result must be f32 or i32", "");
}

} // namespace

double EvalResult::value(std::string_view name) const {
  for (const auto &[metric, values] : metrics) {
    if (metric == name && values.size() == 1) {
      return values[0];
    }
  }
  for (const auto &[loss, mean] : losses) {
    if (loss == name || loss == "loss." + std::string(name)) {
      return mean;
    }
  }
  if (name == "loss") { // the objective: of several losses their weighted total, of one itself
    return losses.size() == 1 ? losses[0].second : value("loss.total");
  }
  return std::numeric_limits<double>::quiet_NaN();
}

EvalResult run_eval(Model &model, data::Source &source, const std::vector<uint32_t> &samples,
                    size_t batch, const std::function<bool()> &stop) {
  const ModelInfo &info = model.info();
  const ModelEntry &eval = info.require_entry("eval");
  const size_t compiled = entry_batch(info, eval);
  const std::vector<size_t> sums = entry_outputs(info, eval, BindKind::sum);
  Sums totals(info, sums);
  for (size_t i = 0; i < model.replicas(); ++i) {
    totals.clear(model.replica(i));
  }
  EvalResult result;
  data::Loader loader(source, compiled,
                      data::sequential_plan(samples, batch_size_for(info, eval, batch)));
  deal_batches(model, eval, loader, source.modalities(),
               [&](Model &replica, const DealtBatch &batch) {
                 totals.add(replica);
                 totals.clear(replica);
                 result.samples += int64_t(batch.samples.size() - batch.skipped.size());
                 return !stop || !stop();
               });
  totals.store(model);
  double count = double(result.samples);
  for (size_t t : sums) {
    if (info.tensors[t].name == "count") {
      count = read_sum(model, t)[0];
      if (count != double(result.samples)) {
        throw internal_error("eval", "the package counted " + std::to_string(count) + " of " +
                                         std::to_string(result.samples) + " samples");
      }
    }
  }
  for (size_t t : sums) {
    if (info.tensors[t].name.starts_with("loss.") && info.tensors[t].elements() == 1) {
      result.losses.emplace_back(info.tensors[t].name, read_sum(model, t)[0] / count);
    }
  }
  if (const ModelEntry *metrics = info.entry("metrics")) {
    model.run(*metrics);
    for (size_t t : entry_outputs(info, *metrics, BindKind::metric)) {
      result.metrics.emplace_back(info.tensors[t].name, read_sum(model, t));
    }
  }
  return result;
}

const GatheredOutput *Predictions::logits(size_t classes) const {
  const GatheredOutput *first = nullptr;
  for (const GatheredOutput &output : outputs) {
    if (output.shape.size() == 1 && size_t(output.shape[0]) == classes) {
      if (output.name == "logits") {
        return &output;
      }
      first = first == nullptr ? &output : first;
    }
  }
  return first;
}

std::vector<int32_t> Predictions::predicted(size_t classes) const {
  std::vector<int32_t> result(samples.size(), -1);
  if (const GatheredOutput *scores = logits(classes)) {
    for (size_t i = 0; i < samples.size(); ++i) {
      const auto row = scores->of(i);
      result[i] = int32_t(std::max_element(row.begin(), row.end()) - row.begin());
    }
  }
  return result;
}

namespace {

/// One pass over the samples.
Predictions predict_take(Model &model, data::Source &source, const std::vector<uint32_t> &samples,
                         size_t batch, uint32_t take) {
  const ModelInfo &info = model.info();
  const ModelEntry &predict = info.require_entry("predict");
  const size_t compiled = entry_batch(info, predict);
  Predictions result;
  std::vector<size_t> tensors;
  for (size_t t : entry_outputs(info, predict, BindKind::output)) {
    const ModelTensor &tensor = info.tensors[t];
    if (tensor.dtype == DType::f32 && !tensor.shape.empty() &&
        size_t(tensor.shape[0]) == compiled) {
      tensors.push_back(t);
      GatheredOutput output{tensor.name, {tensor.shape.begin() + 1, tensor.shape.end()}, {}, 1};
      output.elements = size_t(tensor.elements()) / compiled;
      output.values.reserve(output.elements * samples.size());
      result.outputs.push_back(std::move(output));
    }
  }
  data::Loader loader(source, compiled,
                      data::sequential_plan(samples, batch_size_for(info, predict, batch), take));
  const auto gather = [&](Model &replica, const DealtBatch &batch) {
    std::vector<std::vector<float>> values;
    for (size_t t : tensors) {
      values.push_back(replica.read_floats(t));
    }
    for (size_t k = 0; k < batch.samples.size(); ++k) {
      if (std::count(batch.skipped.begin(), batch.skipped.end(), k) != 0) {
        continue;
      }
      result.samples.push_back(batch.samples[k]);
      for (size_t i = 0; i < tensors.size(); ++i) {
        GatheredOutput &output = result.outputs[i];
        const auto row = values[i].begin() + ptrdiff_t(k * output.elements);
        output.values.insert(output.values.end(), row, row + ptrdiff_t(output.elements));
      }
    }
    return true;
  };
  deal_batches(model, predict, loader, source.modalities(), gather);
  return result;
}

/// Scores to their softmax.
void to_probabilities(GatheredOutput &scores) {
  for (size_t i = 0; i < scores.values.size(); i += scores.elements) {
    const auto row = scores.values.begin() + ptrdiff_t(i);
    const float top = *std::max_element(row, row + ptrdiff_t(scores.elements));
    double sum = 0;
    for (size_t k = 0; k < scores.elements; ++k) {
      sum += std::exp(double(row[ptrdiff_t(k)] - top));
    }
    for (size_t k = 0; k < scores.elements; ++k) {
      row[ptrdiff_t(k)] = float(std::exp(double(row[ptrdiff_t(k)] - top)) / sum);
    }
  }
}

} // namespace

Predictions run_predict(Model &model, data::Source &source, const std::vector<uint32_t> &samples,
                        size_t batch) {
  const uint32_t takes = source.takes();
  Predictions sum = predict_take(model, source, samples, batch, 0);
  if (takes == 1) {
    return sum;
  }
  const size_t classes = source.index().classes.size();
  const GatheredOutput *logits = sum.logits(classes);
  const size_t scores =
      logits == nullptr ? sum.outputs.size() : size_t(logits - sum.outputs.data());
  const bool softmax = source.average_softmax() && scores < sum.outputs.size();
  if (softmax) {
    to_probabilities(sum.outputs[scores]);
  }
  for (uint32_t take = 1; take < takes; ++take) {
    Predictions next = predict_take(model, source, sum.samples, batch, take);
    if (next.samples.size() != sum.samples.size()) {
      throw internal_error("predict", "a sample could be read in one take and not in another");
    }
    if (softmax) {
      to_probabilities(next.outputs[scores]);
    }
    for (size_t o = 0; o < sum.outputs.size(); ++o) {
      for (size_t i = 0; i < sum.outputs[o].values.size(); ++i) {
        sum.outputs[o].values[i] += next.outputs[o].values[i];
      }
    }
  }
  for (size_t o = 0; o < sum.outputs.size(); ++o) {
    for (float &value : sum.outputs[o].values) {
      value /= float(takes);
      if (softmax && o == scores) {
        value = std::log(std::max(value, 1e-30f));
      }
    }
  }
  return sum;
}

MaskedSource::MaskedSource(data::Source &source, const std::vector<std::string> &zero,
                           const std::vector<std::string> &absent)
    : source(source), masked(source.index()) {
  const auto find = [&](const std::string &name) {
    const auto &names = masked.modalities;
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) {
      throw usage_error("no modality '" + name + "'", suggestion(name, names, "modalities: "));
    }
    return size_t(it - names.begin());
  };
  for (const std::string &name : zero) {
    silent.insert(find(name));
  }
  for (const std::string &name : absent) {
    const size_t m = find(name);
    silent.insert(m);
    for (data::Sample &sample : masked.samples) {
      sample.presence[m] = 0;
    }
  }
}

void MaskedSource::read(uint32_t sample, size_t modality, const data::Take &take,
                        std::span<float> to) {
  if (silent.contains(modality)) {
    std::fill(to.begin(), to.end(), 0.0f);
  } else {
    source.read(sample, modality, take, to);
  }
}

} // namespace mome::train
