// What `mome eval --dump` and `mome predict` write: predictions.csv, outputs.safetensors, and the
// JSON summary.
#pragma once

#include <filesystem>

#include "runtime/json_reader.h"
#include "runtime/train/evaluate.h"
#include "runtime/train/statistics.h"

namespace mome::train {

/// key, subject, label, predicted, logits.CLASS..., every output with at most 64 values per sample
/// (OUTPUT.MODALITY when it has one per modality, else OUTPUT.0, ...), presence.MODALITY.
std::string predictions_csv(const data::Index &index, const Predictions &predictions);

/// Every output, [samples, ...], in the order of predictions.csv.
void write_outputs(const std::filesystem::path &file, const Predictions &predictions);

/// Prediction i: {"predicted":..., "probability":..., "probabilities":{class:p},
/// "outputs":{name:{modality:value}}}; of the outputs those with at most 8 values, as a gate's votes.
OrderedJson prediction_json(const data::Index &index, const Predictions &predictions, size_t i);

Accuracy measure(const data::Index &index, const Predictions &predictions);

/// {"part":..., "samples":..., "top1":..., "mean1":..., "intervals":..., "losses":...,
/// "metrics":..., "outputs":means,
///  "classes":{name:{"samples":n,"right":r}}}
OrderedJson summary_json(std::string_view part, const data::Index &index, const EvalResult &eval,
                         const Predictions &predictions);

/// The summary for people: a line per fact.
std::string summary_text(const OrderedJson &summary);

} // namespace mome::train
