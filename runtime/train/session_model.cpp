#include "runtime/train/session_model.h"

namespace mome::train {

ModelInfo describe_package(const Package &package, const Variant *variant) {
  ModelInfo info;
  info.model = package.model;
  info.package_hash = package.hash;
  info.classes = package.classes;
  info.modalities = package.modalities;
  info.optional = package.optional;
  for (const NamedTensor &t : package.tensors) {
    info.tensors.push_back({t.name, t.kind, t.dtype, t.shape});
  }
  for (const ScalarInput &s : package.scalars) {
    info.scalars.push_back({s.name, s.dtype == DType::i64, s.value, s.host});
  }
  for (const Metric &m : package.metrics) {
    info.metrics.push_back({m.name, m.sums});
  }
  for (const Section &s : package.train) {
    info.train.push_back({s.name, s.json});
  }
  for (const Section &s : package.data) {
    info.data.push_back({s.name, s.json});
  }
  if (variant != nullptr) {
    info.variant = variant->name;
    for (const Program &p : variant->programs) {
      info.entries.push_back(
          {p.entry, {p.inputs.begin(), p.inputs.end()}, {p.outputs.begin(), p.outputs.end()}});
    }
  }
  return info;
}

SessionModel::SessionModel(std::shared_ptr<const Package> package, const SessionOptions &options)
    : session(std::move(package), options),
      meta(describe_package(session.package(), &session.variant())) {}

} // namespace mome::train
