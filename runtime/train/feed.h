// Moves batches into a model and results out of it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/loader.h"
#include "runtime/train/model.h"

namespace mome::train {

/// The model's modalities with the shape of one sample, in the order of the presence mask.
std::vector<data::Modality> model_modalities(const ModelInfo &info);

/// First extent of the entry's inputs: its batch size.
size_t entry_batch(const ModelInfo &info, const ModelEntry &entry);

/// Writes the entry's inputs, labels, presence and valid masks.
void feed_batch(Model &model, const ModelEntry &entry, const data::Batch &batch,
                const std::vector<data::Modality> &modalities);

/// The same by Model::stage; false: the model has no use for it, and nothing was staged.
bool stage_batch(Model &model, const ModelEntry &entry, const data::Batch &batch,
                 const std::vector<data::Modality> &modalities);

/// Result tensors of an entry of one kind.
std::vector<size_t> entry_outputs(const ModelInfo &info, const ModelEntry &entry, BindKind kind);

} // namespace mome::train
