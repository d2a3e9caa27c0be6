// Exponential moving averages of parameters: moments named ema/PATH, kept by the graph, used by
// evaluation.
#pragma once

#include <utility>
#include <vector>

#include "runtime/train/model.h"

namespace mome::train {

/// Pairs (parameter, its average); empty for models without EMA.
std::vector<std::pair<size_t, size_t>> ema_pairs(const ModelInfo &info);
/// Sets every average to its parameter: the start of training.
void start_ema(Model &model);

/// Exchanges parameters and averages for its lifetime.
class EmaSwap {
public:
  explicit EmaSwap(Model &model) : model(model), pairs(ema_pairs(model.info())) { swap(); }
  ~EmaSwap() { swap(); }
  EmaSwap(const EmaSwap &) = delete;
  EmaSwap &operator=(const EmaSwap &) = delete;

private:
  Model &model;
  std::vector<std::pair<size_t, size_t>> pairs;
  void swap();
};

} // namespace mome::train
