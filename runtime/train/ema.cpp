#include "runtime/train/ema.h"

#include <unordered_map>

namespace mome::train {

std::vector<std::pair<size_t, size_t>> ema_pairs(const ModelInfo &info) {
  std::unordered_map<std::string, size_t> averages;
  for (size_t i = 0; i < info.tensors.size(); ++i) {
    if (info.tensors[i].kind == BindKind::moment && info.tensors[i].name.starts_with("ema/")) {
      averages.emplace(info.tensors[i].name.substr(4), i);
    }
  }
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0; i < info.tensors.size() && !averages.empty(); ++i) {
    if (info.tensors[i].kind != BindKind::param) {
      continue;
    }
    if (const auto it = averages.find(info.tensors[i].name); it != averages.end()) {
      pairs.emplace_back(i, it->second);
    }
  }
  return pairs;
}

void start_ema(Model &model) {
  for (const auto &[param, average] : ema_pairs(model.info())) {
    std::vector<std::byte> bytes(model.info().tensors[param].bytes());
    model.read(param, bytes);
    model.write(average, bytes);
  }
}

void EmaSwap::swap() {
  for (const auto &[param, average] : pairs) {
    std::vector<std::byte> a(model.info().tensors[param].bytes()), b(a.size());
    model.read(param, a);
    model.read(average, b);
    model.write(param, b);
    model.write(average, a);
  }
}

} // namespace mome::train
