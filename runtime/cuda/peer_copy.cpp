// See peer_copy.h. An event belongs to the context of the stream that it is recorded on; another
// context's stream may wait for it.
#include "runtime/cuda/peer_copy.h"

#include <algorithm>

namespace mome::cuda {

#define CALL(function, ...) check(api, api.function(__VA_ARGS__), "cu" #function, where)

static constexpr size_t piece_bytes = 4 << 20;

PeerCopy::PeerCopy(const DriverApi &api, const End &from, const End &to, std::string where)
    : api(api), from(from), to(to), where(std::move(where)), direct(can_reach()) {}

PeerCopy::~PeerCopy() {
  for (const End &end : {from, to}) { // after a failure copies may be under way
    api.CtxSetCurrent(end.context);
    api.StreamSynchronize(end.stream);
  }
  for (const Half &half : halves) {
    for (const CUevent event : {half.filled, half.emptied}) {
      if (event != nullptr) {
        api.EventDestroy(event);
      }
    }
    if (half.pinned != nullptr) {
      api.MemFreeHost(half.pinned);
    }
  }
  if (begin != nullptr) {
    api.EventDestroy(begin);
  }
}

void PeerCopy::make_current(const End &end) const {
  CALL(CtxSetCurrent, end.context);
}

/// True if the target may read the source's memory; lets it.
bool PeerCopy::can_reach() const {
  if (from.context == to.context) {
    return true;
  }
  int can = 0;
  CALL(DeviceCanAccessPeer, &can, to.device, from.device);
  make_current(to);
  const CUresult enabled =
      can ? api.CtxEnablePeerAccess(from.context, 0) : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
  // A failure is no error: a device has so many peers at most.
  return enabled == CUDA_SUCCESS || enabled == CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
}

void PeerCopy::wait_for_source() {
  make_current(from);
  CALL(EventCreate, &begin, CU_EVENT_DISABLE_TIMING);
  CALL(EventRecord, begin, from.stream);
  make_current(to);
  CALL(StreamWaitEvent, to.stream, begin, 0);
}

void PeerCopy::add(CUdeviceptr target, CUdeviceptr source, size_t size) {
  if (direct) {
    if (begin == nullptr) {
      wait_for_source();
    }
    make_current(to);
    CALL(MemcpyPeerAsync, target, to.context, source, from.context, size, to.stream);
    return;
  }
  for (size_t done = 0; done < size; done += piece_bytes) {
    add_piece(target + done, source + done, std::min(piece_bytes, size - done));
  }
}

void PeerCopy::add_piece(CUdeviceptr target, CUdeviceptr source, size_t size) {
  Half &half = halves[turn];
  turn = 1 - turn;
  make_current(from);
  if (half.pinned == nullptr) {
    CALL(MemHostAlloc, &half.pinned, piece_bytes, CU_MEMHOSTALLOC_PORTABLE);
    CALL(EventCreate, &half.filled, CU_EVENT_DISABLE_TIMING);
  }
  if (half.in_use) {
    CALL(StreamWaitEvent, from.stream, half.emptied, 0);
  }
  CALL(MemcpyDtoHAsync, half.pinned, source, size, from.stream);
  CALL(EventRecord, half.filled, from.stream);
  make_current(to);
  if (half.emptied == nullptr) {
    CALL(EventCreate, &half.emptied, CU_EVENT_DISABLE_TIMING);
  }
  CALL(StreamWaitEvent, to.stream, half.filled, 0);
  CALL(MemcpyHtoDAsync, target, half.pinned, size, to.stream);
  CALL(EventRecord, half.emptied, to.stream);
  half.in_use = true;
}

void PeerCopy::finish() {
  for (const End &end : {from, to}) { // a source that failed had nothing to give
    make_current(end);
    CALL(StreamSynchronize, end.stream);
  }
}

} // namespace mome::cuda
