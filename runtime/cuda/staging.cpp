// See staging.h.
#include "runtime/cuda/staging.h"

#include <cstring>

namespace mome::cuda {

#define CALL(function, ...) check(api, api.function(__VA_ARGS__), "cu" #function, where)

Staging::Staging(const DriverApi &api, std::string where) : api(api), where(std::move(where)) {
  CALL(StreamCreate, &copies, CU_STREAM_NON_BLOCKING);
  CALL(EventCreate, &uploaded, CU_EVENT_DISABLE_TIMING);
}

Staging::~Staging() {
  api.StreamSynchronize(copies); // what was added and never committed may be under way
  for (Set &set : sets) {
    for (Place &place : set.places) {
      release(place);
    }
  }
  api.EventDestroy(uploaded);
  api.StreamDestroy(copies);
}

void Staging::release(Place &place) {
  if (place.device != 0) {
    api.MemFree(place.device);
  }
  if (place.pinned != nullptr) {
    api.MemFreeHost(place.pinned);
  }
  place.device = 0;
  place.pinned = nullptr;
  place.capacity = 0;
}

/// The next place of the present set. Every step stages the same tensors in the same order, so that
/// memory is allocated for the first two only.
Staging::Place &Staging::place_for(CUdeviceptr to, size_t size) {
  Set &set = sets[turn];
  if (set.used == set.places.size()) {
    set.places.emplace_back();
  }
  Place &place = set.places[set.used++];
  place.to = to;
  place.size = size;
  if (place.capacity < size) {
    release(place);
    CALL(MemAlloc, &place.device, size);
    CALL(MemHostAlloc, &place.pinned, size, 0);
    place.capacity = size;
  }
  return place;
}

void Staging::add(CUdeviceptr to, std::span<const std::byte> from) {
  const Place &place = place_for(to, from.size());
  std::memcpy(place.pinned, from.data(), from.size());
  CALL(MemcpyHtoDAsync, place.device, place.pinned, from.size(), copies);
}

void Staging::commit(CUstream stream) {
  Set &set = sets[turn];
  if (set.used == 0) {
    return;
  }
  CALL(EventRecord, uploaded, copies);
  CALL(StreamWaitEvent, stream, uploaded, 0);
  for (size_t i = 0; i < set.used; ++i) {
    CALL(MemcpyDtoDAsync, set.places[i].to, set.places[i].device, set.places[i].size, stream);
  }
  set.used = 0;
  turn = 1 - turn;
}

} // namespace mome::cuda
