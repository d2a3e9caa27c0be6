// A package on several devices, for evaluation: batches are dealt to them in turn (deal.h).
#pragma once

#include <memory>
#include <vector>

#include "runtime/train/session_model.h"

namespace mome::train {

class ReplicatedModel : public SessionModel {
public:
  /// All with one variant. Throws as Session does, and Error (usage) for a list that names a device
  /// twice.
  ReplicatedModel(const std::shared_ptr<const Package> &package, const SessionOptions &options);

  size_t replicas() const override { return 1 + others.size(); }
  Model &replica(size_t number) override { return number == 0 ? *this : *others[number - 1]; }
  void replicate() override;

private:
  std::vector<std::unique_ptr<SessionModel>> others;
};

/// On the devices that `options.device` lists: one, or several.
std::unique_ptr<Model> open_replicated(const std::shared_ptr<const Package> &package,
                                       const SessionOptions &options);

} // namespace mome::train
