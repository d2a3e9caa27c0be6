// Copies from the memory of one device to that of another: directly where one can reach the other,
// else by way of pinned host memory, in pieces that go down and up at the same time.
//
// The copies of one PeerCopy begin when what the source's stream was doing is done, and are there
// when finish() returns.
#pragma once

#include <array>
#include <string>

#include "runtime/cuda/driver_api.h"

namespace mome::cuda {

class PeerCopy {
public:
  struct End {
    CUdevice device;
    CUcontext context;
    CUstream stream;
  };
  PeerCopy(const DriverApi &api, const End &from, const End &to, std::string where);
  ~PeerCopy();
  PeerCopy(const PeerCopy &) = delete;
  PeerCopy &operator=(const PeerCopy &) = delete;

  void add(CUdeviceptr target, CUdeviceptr source, size_t size);
  void finish();

private:
  /// Half of the memory between: it is filled on the source's stream, and again when the target's
  /// has emptied it.
  struct Half {
    void *pinned = nullptr;
    CUevent filled = nullptr, emptied = nullptr;
    bool in_use = false;
  };
  bool can_reach() const;
  void wait_for_source();
  void add_piece(CUdeviceptr target, CUdeviceptr source, size_t size);
  void make_current(const End &end) const;

  const DriverApi &api;
  const End from, to;
  const std::string where;
  bool direct;
  CUevent begin = nullptr; // direct: what the source's stream did is done
  std::array<Half, 2> halves;
  size_t turn = 0;
};

} // namespace mome::cuda
