// Runs an entry on batch after batch, on one device or several: batch k goes to replica k modulo
// their number, and results are taken in the order of the batches, whichever device is done first.
#pragma once

#include <functional>

#include "runtime/data/loader.h"
#include "runtime/train/model.h"

namespace mome::train {

/// What is left of a batch when its run is done.
struct DealtBatch {
  std::vector<uint32_t> samples;
  std::vector<size_t> skipped; // places in `samples`
};

/// `take` reads the results of a batch from the replica that ran it; false: that is enough.
void deal_batches(
    Model &model, const ModelEntry &entry, data::Loader &loader,
    const std::vector<data::Modality> &modalities,
    const std::function<bool(Model &replica, const DealtBatch &batch)> &take);

} // namespace mome::train
