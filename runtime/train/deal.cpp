#include "runtime/train/deal.h"

#include <deque>

#include "runtime/train/feed.h"

namespace mome::train {

void deal_batches(
    Model &model, const ModelEntry &entry, data::Loader &loader,
    const std::vector<data::Modality> &modalities,
    const std::function<bool(Model &replica, const DealtBatch &batch)> &take) {
  struct Running {
    Model *replica;
    DealtBatch batch;
  };
  std::deque<Running> running; // the oldest is on the replica whose turn is next
  size_t turn = 0;
  bool going = true;
  const auto take_oldest = [&] {
    running.front().replica->finish();
    going = going && take(*running.front().replica, running.front().batch);
    running.pop_front();
  };
  while (going) {
    if (running.size() == model.replicas()) {
      take_oldest();
      continue;
    }
    const data::Batch *batch = loader.next();
    if (batch == nullptr) {
      break;
    }
    Model &replica = model.replica(turn);
    turn = (turn + 1) % model.replicas();
    feed_batch(replica, entry, *batch, modalities);
    replica.start(entry);
    running.push_back({&replica, {batch->samples, batch->skipped}});
  }
  while (!running.empty()) {
    take_oldest();
  }
}

} // namespace mome::train
