#include "runtime/train/feed.h"

#include <algorithm>

#include "runtime/error.h"

namespace mome::train {

std::vector<data::Modality> model_modalities(const ModelInfo &info) {
  std::vector<data::Modality> result;
  for (const std::string &name : info.modalities) {
    const auto it =
        std::find_if(info.tensors.begin(), info.tensors.end(), [&](const ModelTensor &t) {
          return t.kind == BindKind::input && t.name == name;
        });
    if (it == info.tensors.end() || it->shape.empty() || it->dtype != DType::f32) {
      throw package_error("model '" + info.model + "'",
                          "modality '" + name + "' has no f32 input tensor", "");
    }
    result.push_back({name, {it->shape.begin() + 1, it->shape.end()}});
  }
  return result;
}

size_t entry_batch(const ModelInfo &info, const ModelEntry &entry) {
  for (size_t t : entry.inputs) {
    if (info.tensors[t].kind == BindKind::input && !info.tensors[t].shape.empty()) {
      return size_t(info.tensors[t].shape[0]);
    }
  }
  throw package_error("entry '" + entry.name + "'", "no modality among its inputs", "");
}

namespace {
/// Calls `put` with each of the entry's inputs and its bytes, until it says no.
template <typename Put>
bool visit_inputs(const ModelInfo &info, const ModelEntry &entry, const data::Batch &batch,
                  const std::vector<data::Modality> &modalities, Put put) {
  for (size_t t : entry.inputs) {
    const ModelTensor &tensor = info.tensors[t];
    std::span<const std::byte> bytes;
    switch (tensor.kind) {
    case BindKind::input: {
      const auto it = std::find_if(modalities.begin(), modalities.end(),
                                   [&](const data::Modality &m) { return m.name == tensor.name; });
      if (it == modalities.end()) {
        throw package_error("entry '" + entry.name + "'",
                            "input '" + tensor.name + "' is no modality", "");
      }
      bytes = std::as_bytes(std::span(batch.inputs[size_t(it - modalities.begin())]));
      break;
    }
    case BindKind::label:
      bytes = std::as_bytes(std::span(batch.labels));
      break;
    case BindKind::presence:
      bytes = std::as_bytes(std::span(batch.presence));
      break;
    case BindKind::valid:
      bytes = std::as_bytes(std::span(batch.valid));
      break;
    default:
      continue;
    }
    if (!put(t, bytes)) {
      return false;
    }
  }
  return true;
}
} // namespace

void feed_batch(Model &model, const ModelEntry &entry, const data::Batch &batch,
                const std::vector<data::Modality> &modalities) {
  visit_inputs(model.info(), entry, batch, modalities, [&](size_t tensor, auto bytes) {
    model.write(tensor, bytes);
    return true;
  });
}

bool stage_batch(Model &model, const ModelEntry &entry, const data::Batch &batch,
                 const std::vector<data::Modality> &modalities) {
  return visit_inputs(model.info(), entry, batch, modalities,
                      [&](size_t tensor, auto bytes) { return model.stage(tensor, bytes); });
}

std::vector<size_t> entry_outputs(const ModelInfo &info, const ModelEntry &entry, BindKind kind) {
  std::vector<size_t> result;
  for (size_t t : entry.outputs) {
    if (info.tensors[t].kind == kind) {
      result.push_back(t);
    }
  }
  return result;
}

} // namespace mome::train
