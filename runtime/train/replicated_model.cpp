#include "runtime/train/replicated_model.h"

namespace mome::train {
namespace {

/// For device `number` of the list.
SessionOptions options_of(const Package &package, SessionOptions options, size_t number) {
  const std::vector<Place> places = parse_places(options.device);
  options.variant = choose_variant(package, options.variant, places).name;
  options.device = "cuda:" + std::to_string(places[number].ordinal);
  return options;
}

} // namespace

ReplicatedModel::ReplicatedModel(const std::shared_ptr<const Package> &package,
                                 const SessionOptions &options)
    : SessionModel(package, options_of(*package, options, 0)) {
  for (size_t i = 1; i < parse_places(options.device).size(); ++i) {
    others.push_back(std::make_unique<SessionModel>(package, options_of(*package, options, i)));
  }
}

void ReplicatedModel::replicate() {
  for (const auto &other : others) {
    other->get_session().copy_from(get_session());
  }
}

std::unique_ptr<Model> open_replicated(const std::shared_ptr<const Package> &package,
                                       const SessionOptions &options) {
  if (parse_places(options.device).size() == 1) {
    return std::make_unique<SessionModel>(package, options);
  }
  return std::make_unique<ReplicatedModel>(package, options);
}

} // namespace mome::train
