// One lane of an access, with every check and a message for each: what the fast paths of access.cpp
// leave to it.
#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/written.h"

namespace mome::ptxsim {
namespace {

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string verb(const Access &a) {
  return a.write ? (a.read ? "updates " : "writes ") : "reads ";
}

class LaneAccess {
public:
  LaneAccess(Warp &warp, Access &access, int lane)
      : warp(warp), b(*warp.block), a(access), l(lane), at(access.address[lane]) {}

  /// The space that the address is in, with global for constant memory.
  Space resolve();

private:
  Space find_space();
  void resolve_shared();
  void resolve_local();
  void resolve_param();
  void resolve_global();
  void check_initialized(uint8_t *flags, const char *where);
  /// "thread 5 reads 4 bytes at " and `what`.
  void fault(FaultKind kind, const std::string &what) {
    warp.fault(int(kind),
               warp.thread_name(l) + " " + verb(a) + std::to_string(a.bytes) + " bytes at " + what,
               l, at);
  }

  Warp &warp;
  Block &b;
  Access &a;
  int l;
  uint64_t at; // in the space
};

Space LaneAccess::resolve() {
  if (at & (a.bytes - 1)) {
    fault(FaultKind::misaligned,
          hex(at) + ", which is not a multiple of " + std::to_string(a.bytes));
  }
  const Space space = find_space();
  switch (space) {
  case Space::shared:
    resolve_shared();
    return space;
  case Space::local:
    resolve_local();
    return space;
  case Space::param:
    resolve_param();
    return space;
  default:
    resolve_global();
    return Space::global;
  }
}

Space LaneAccess::find_space() {
  if (a.space != Space::generic) {
    return a.space;
  }
  const Space space = at >= param_window    ? Space::param
                      : at >= local_window  ? Space::local
                      : at >= shared_window ? Space::shared
                                            : Space::global;
  if (space != Space::global) {
    at &= window_mask;
  }
  return space;
}

void LaneAccess::check_initialized(uint8_t *flags, const char *where) {
  if (a.read && b.launch.checks.initialized && !all_set(flags, a.read_bytes())) {
    fault(FaultKind::uninitialized, where + (" address " + hex(at)) + " that nobody wrote");
  }
  if (a.write) {
    set_flags(flags, a.bytes);
  }
}

void LaneAccess::resolve_shared() {
  const auto place = [&] { return "shared address " + std::to_string(at); };
  if (at >= b.shared_bytes || a.bytes > b.shared_bytes - at) {
    fault(FaultKind::out_of_bounds, place() + " of " + std::to_string(b.shared_bytes));
  }
  a.address[l] = at;
  a.host[l] = b.shared.data() + at;
  for (uint64_t g = at / 4; b.in_flight && g <= (at + a.bytes - 1) / 4; ++g) {
    if (b.landing[g]) {
      fault(FaultKind::unwaited_copy, place() + " while an asynchronous copy to it is under way");
    }
  }
  for (const auto &[address, m] : b.mbarriers) {
    if (a.write && at < address + 8 && address < at + a.bytes) {
      fault(FaultKind::bad_operand, place() + ", over an mbarrier");
    }
  }
  check_initialized(b.shared_initialized.data() + at, "shared");
}

void LaneAccess::resolve_local() {
  const uint64_t size = b.program.local_bytes;
  if (at >= size || a.bytes > size - at) {
    fault(FaultKind::out_of_bounds,
          "local address " + std::to_string(at) + " of " + std::to_string(size));
  }
  const uint64_t offset = uint64_t(warp.index * lanes + l) * size + at;
  a.host[l] = b.local.data() + offset;
  check_initialized(b.local_initialized.data() + offset, "local");
}

void LaneAccess::resolve_param() {
  const auto params = b.launch.params;
  if (a.write) {
    fault(FaultKind::read_only, "the parameters");
  }
  if (at >= params.size() || a.bytes > params.size() - at) {
    fault(FaultKind::out_of_bounds,
          "parameter byte " + std::to_string(at) + " of " + std::to_string(params.size()));
  }
  a.host[l] = const_cast<std::byte *>(params.data()) + at;
}

void LaneAccess::resolve_global() {
  const Allocation *found = b.memory.find(at);
  if (!found) {
    fault(FaultKind::out_of_bounds, "global address " + hex(at) + ", " + b.memory.describe(at));
  }
  if (found->freed) {
    fault(FaultKind::use_after_free, "global address " + hex(at) + " of freed memory");
  }
  const uint64_t offset = at - found->base;
  if (a.bytes > found->size - offset) {
    fault(FaultKind::out_of_bounds,
          "byte " + std::to_string(offset) + " of an allocation of " + std::to_string(found->size));
  }
  if (a.write && (found->read_only || a.space == Space::constant)) {
    fault(FaultKind::read_only, "read-only memory");
  }
  a.host[l] = found->host + offset;
  if (found->initialized) {
    check_initialized(found->initialized + offset, "global");
  }
  if (b.launch.checks.races && found->writers && !found->read_only) {
    Access part = a;
    part.mask = 1u << l;
    b.check_global(warp, part, *found);
  }
}

} // namespace

Space Warp::resolve_lane(Access &a, int l) {
  return LaneAccess(*this, a, l).resolve();
}

} // namespace mome::ptxsim
