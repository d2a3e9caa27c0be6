#include "runtime/train/predictions.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/data/csv.h"
#include "runtime/train/tensor_file.h"

namespace mome::train {
namespace {

constexpr size_t max_columns = 64;

std::string number(float value) {
  char text[32];
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, value); // shortest form that reads back equal
  return std::string(text, end);
}

std::string column_name(const data::Index &index, const GatheredOutput &output,
                        const GatheredOutput *logits, size_t k) {
  if (&output == logits) {
    return output.name + "." + index.classes[k];
  }
  const bool per_modality = output.elements == index.modalities.size();
  return output.elements == 1
             ? output.name
             : output.name + "." + (per_modality ? index.modalities[k] : std::to_string(k));
}

std::string class_name(const data::Index &index, int32_t id) {
  return id >= 0 && size_t(id) < index.classes.size() ? index.classes[size_t(id)] : "";
}

/// Logits first, then the other small outputs.
std::vector<const GatheredOutput *> csv_outputs(const Predictions &p,
                                                const GatheredOutput *logits) {
  std::vector<const GatheredOutput *> result;
  if (logits != nullptr) {
    result.push_back(logits);
  }
  for (const GatheredOutput &output : p.outputs) {
    if (&output != logits && output.elements <= max_columns) {
      result.push_back(&output);
    }
  }
  return result;
}

OrderedJson interval_json(const Interval &i) {
  return OrderedJson::array({i.low, i.high});
}

} // namespace

std::string predictions_csv(const data::Index &index, const Predictions &predictions) {
  const GatheredOutput *logits = predictions.logits(index.classes.size());
  const auto outputs = csv_outputs(predictions, logits);
  const std::vector<int32_t> predicted = predictions.predicted(index.classes.size());
  std::string csv = "key,subject,label,predicted";
  for (const GatheredOutput *output : outputs) {
    for (size_t k = 0; k < output->elements; ++k) {
      csv += "," + data::csv_field(column_name(index, *output, logits, k));
    }
  }
  for (const std::string &modality : index.modalities) {
    csv += "," + data::csv_field("presence." + modality);
  }
  csv += "\n";
  for (size_t i = 0; i < predictions.samples.size(); ++i) {
    const data::Sample &sample = index.samples[predictions.samples[i]];
    csv += data::csv_field(sample.key) + "," + data::csv_field(sample.subject) + "," +
           data::csv_field(class_name(index, sample.label)) + "," +
           data::csv_field(class_name(index, predicted[i]));
    for (const GatheredOutput *output : outputs) {
      for (float value : output->of(i)) {
        csv += "," + number(value);
      }
    }
    for (uint8_t present : sample.presence) {
      csv += present ? ",1" : ",0";
    }
    csv += "\n";
  }
  return csv;
}

void write_outputs(const std::filesystem::path &file, const Predictions &predictions) {
  std::vector<ModelTensor> tensors;
  for (const GatheredOutput &output : predictions.outputs) {
    std::vector<int64_t> shape{int64_t(predictions.samples.size())};
    shape.insert(shape.end(), output.shape.begin(), output.shape.end());
    tensors.push_back({output.name, BindKind::output, DType::f32, shape});
  }
  TensorFileWriter writer(file, tensors);
  for (const GatheredOutput &output : predictions.outputs) {
    writer.add(std::as_bytes(std::span(output.values)));
  }
  writer.commit();
}

OrderedJson prediction_json(const data::Index &index, const Predictions &p, size_t i) {
  OrderedJson o = OrderedJson::object();
  const GatheredOutput *logits = p.logits(index.classes.size());
  if (logits != nullptr) {
    const auto row = logits->of(i);
    const auto top = std::max_element(row.begin(), row.end());
    double sum = 0;
    for (float score : row) {
      sum += std::exp(double(score - *top));
    }
    o["predicted"] = index.classes[size_t(top - row.begin())];
    o["probability"] = 1 / sum;
    for (size_t k = 0; k < row.size(); ++k) {
      o["probabilities"][index.classes[k]] = std::exp(double(row[k] - *top)) / sum;
    }
  }
  for (const GatheredOutput &output : p.outputs) {
    if (&output == logits || output.elements > 8) {
      continue;
    }
    for (size_t k = 0; k < output.elements; ++k) {
      const bool named = output.elements == index.modalities.size();
      o["outputs"][output.name][named ? index.modalities[k] : std::to_string(k)] = output.of(i)[k];
    }
  }
  return o;
}

Accuracy measure(const data::Index &index, const Predictions &predictions) {
  std::vector<std::string> subjects;
  for (uint32_t sample : predictions.samples) {
    subjects.push_back(index.samples[sample].subject);
  }
  const std::vector<int32_t> labels = index.labels(predictions.samples);
  return measure_accuracy(labels, predictions.predicted(index.classes.size()), subjects,
                          index.classes.size());
}

OrderedJson summary_json(std::string_view part, const data::Index &index, const EvalResult &eval,
                         const Predictions &predictions) {
  OrderedJson o;
  o["part"] = part;
  o["samples"] = predictions.samples.size();
  const GatheredOutput *logits = predictions.logits(index.classes.size());
  if (logits != nullptr) {
    const Accuracy a = measure(index, predictions);
    o["labelled"] = a.samples;
    o["classes_present"] = a.classes_present;
    o["top1"] = a.top1;
    o["mean1"] = a.mean1;
    o["intervals"] = {{"top1", interval_json(a.top1_interval)},
                      {"mean1", interval_json(a.mean1_interval)}};
    for (size_t k = 0; k < index.classes.size(); ++k) {
      o["classes"][index.classes[k]] = {{"samples", a.per_class_total[k]},
                                        {"right", a.per_class_right[k]}};
    }
  }
  o["losses"] = OrderedJson::object();
  for (const auto &[name, value] : eval.losses) {
    o["losses"][name] = value;
  }
  o["metrics"] = OrderedJson::object();
  for (const auto &[name, values] : eval.metrics) {
    o["metrics"][name] = values.size() == 1 ? OrderedJson(values[0]) : OrderedJson(values);
  }
  o["outputs"] = OrderedJson::object(); // means over the samples
  for (const GatheredOutput *output : csv_outputs(predictions, logits)) {
    for (size_t k = 0; k < output->elements && output != logits; ++k) {
      double sum = 0;
      for (size_t i = 0; i < predictions.samples.size(); ++i) {
        sum += output->of(i)[k];
      }
      o["outputs"][column_name(index, *output, logits, k)] =
          sum / double(predictions.samples.size());
    }
  }
  return o;
}

std::string summary_text(const OrderedJson &s) {
  std::string text = s["part"].get<std::string>() + ": " + s["samples"].dump() + " samples\n";
  const auto line = [&](const std::string &name, const OrderedJson &value,
                        const std::string &more) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.4f", value.get<double>());
    text += "  " + name + std::string(name.size() < 20 ? 20 - name.size() : 1, ' ') + digits +
            more + "\n";
  };
  for (const char *key : {"top1", "mean1"}) {
    if (s.contains(key)) {
      char range[64];
      std::snprintf(range, sizeof range, "  [%.4f, %.4f] 95%% by subject",
                    s["intervals"][key][0].get<double>(), s["intervals"][key][1].get<double>());
      line(key == std::string("mean1") ? "mean1 (" + s["classes_present"].dump() + " classes)"
                                       : key,
           s[key], range);
    }
  }
  for (const char *group : {"losses", "metrics", "outputs"}) {
    for (const auto &item : s[group].items()) {
      if (item.value().is_number()) {
        line((group == std::string("metrics")   ? "metric "
              : group == std::string("outputs") ? "mean "
                                                : "") +
                 item.key(),
             item.value(), "");
      }
    }
  }
  return text;
}

} // namespace mome::train
