#include "runtime/train/model.h"

#include <algorithm>

#include "runtime/error.h"

namespace mome::train {
namespace {

template <typename T> const T *find_named(const std::vector<T> &items, std::string_view name) {
  const auto it =
      std::find_if(items.begin(), items.end(), [&](const T &item) { return item.name == name; });
  return it == items.end() ? nullptr : &*it;
}

} // namespace

const ModelEntry *ModelInfo::entry(std::string_view name) const {
  return find_named(entries, name);
}

const ModelEntry &ModelInfo::require_entry(std::string_view name) const {
  if (const ModelEntry *found = entry(name)) {
    return *found;
  }
  throw package_error("model '" + model + "'", "no entry '" + std::string(name) + "'",
                      "was the package compiled for prediction only?");
}

std::optional<size_t> ModelInfo::scalar(std::string_view name) const {
  const ModelScalar *found = find_named(scalars, name);
  return found == nullptr ? std::nullopt : std::optional<size_t>(found - scalars.data());
}

std::vector<float> Model::read_floats(size_t tensor) {
  std::vector<float> values(size_t(info().tensors[tensor].elements()));
  read(tensor, std::as_writable_bytes(std::span(values)));
  return values;
}

void Model::zero(size_t tensor) {
  const std::vector<std::byte> zeros(info().tensors[tensor].bytes());
  write(tensor, zeros);
}

} // namespace mome::train
