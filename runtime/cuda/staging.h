// What the next run reads goes up while the present one runs.
//
// Bytes are copied to pinned memory, from there by a stream of their own to a place beside the
// arenas, and on commit, behind what runs, to where programs read them. Both places exist twice and
// take turns, so that a set is filled again only after the host has waited for the run that used it:
// there is one commit at most between two such waits.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda/driver_api.h"

namespace mome::cuda {

class Staging {
public:
  /// The context must be current here and in all calls.
  Staging(const DriverApi &api, std::string where);
  ~Staging();
  Staging(const Staging &) = delete;
  Staging &operator=(const Staging &) = delete;

  /// Begins to copy `from` up; it will go to `to`.
  void add(CUdeviceptr to, std::span<const std::byte> from);
  /// Moves what was added since the last commit into place, on `stream`.
  void commit(CUstream stream);

private:
  struct Place {
    CUdeviceptr to = 0, device = 0;
    void *pinned = nullptr;
    size_t size = 0, capacity = 0;
  };
  struct Set {
    std::vector<Place> places;
    size_t used = 0; // of the places, since the last commit
  };
  Place &place_for(CUdeviceptr to, size_t size);
  void release(Place &place);

  const DriverApi &api;
  std::string where;
  CUstream copies = nullptr;
  CUevent uploaded = nullptr;
  std::array<Set, 2> sets;
  size_t turn = 0;
};

} // namespace mome::cuda
