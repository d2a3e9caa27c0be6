#include "runtime/cuda/sim/block.h"

#include <algorithm>
#include <numeric>

namespace mome::ptxsim {
namespace {

constexpr uint64_t slice = 20000;
constexpr uint32_t page = 4096;

uint64_t mix(uint64_t x) { // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

} // namespace

Block::Block(const Program &program, Memory &memory, const Launch &launch, Grid &grid)
    : program(program), memory(memory), launch(launch), grid(grid) {
  threads = launch.block[0] * launch.block[1] * launch.block[2];
  warps.resize((threads + lanes - 1) / lanes);
  shared_bytes =
      launch.dynamic_shared ? program.dynamic_base + launch.dynamic_shared : program.static_shared;
  shared.resize(shared_bytes + 16);
  shared_initialized.resize(shared_bytes + 16);
  const size_t granules = shared_bytes / 4 + 8;
  landing.resize(granules);
  if (launch.checks.races) {
    writers.resize(granules);
    writer_lines.resize(granules);
    readers.resize(granules * warps.size());
  }
  local.resize(program.local_bytes * threads);
  local_initialized.resize(local.size());
  counts.resize(program.code.size());
  fence_known.resize(2 * warps.size());
  make_frames();
}

uint64_t Block::next_random() {
  random = mix(random);
  return random;
}

/// Registers start as garbage; constants are there for good.
void Block::make_frames() {
  const size_t stride = (program.frame_bytes + page - 1) / page * page + 64;
  frames.assign(stride * warps.size() + 64, std::byte{0xfe});
  auto *base = frames.data() + (64 - reinterpret_cast<uintptr_t>(frames.data()) % 64) % 64;
  for (size_t w = 0; w < warps.size(); ++w) {
    Warp &warp = warps[w];
    warp.frame = base + w * stride;
    warp.block = this;
    warp.index = int(w);
    warp.known.resize(2 * warps.size());
    for (const Constant &c : program.constants) {
      if (c.size == 0) {
        warp.pred(c.offset) = uint32_t(c.bits);
      } else {
        for (int l = 0; l < lanes; ++l) {
          std::memcpy(warp.frame + c.offset + l * c.size, &c.bits, c.size);
        }
      }
    }
  }
}

void Block::fill_specials() {
  const auto value = [&](Special s, uint32_t thread, int lane) -> uint32_t {
    const auto &b = launch.block;
    const uint32_t bit = 1u << lane;
    switch (s) {
    case Special::tid_x:
      return thread % b[0];
    case Special::tid_y:
      return thread / b[0] % b[1];
    case Special::tid_z:
      return thread / b[0] / b[1];
    case Special::ntid_x:
    case Special::ntid_y:
    case Special::ntid_z:
      return b[size_t(s) - size_t(Special::ntid_x)];
    case Special::ctaid_x:
    case Special::ctaid_y:
    case Special::ctaid_z:
      return index[size_t(s) - size_t(Special::ctaid_x)];
    case Special::nctaid_x:
    case Special::nctaid_y:
    case Special::nctaid_z:
      return launch.grid[size_t(s) - size_t(Special::nctaid_x)];
    case Special::laneid:
      return uint32_t(lane);
    case Special::warpid:
      return thread / lanes;
    case Special::nwarpid:
      return 64;
    case Special::smid:
      return uint32_t(number % launch.sm_count);
    case Special::nsmid:
      return launch.sm_count;
    case Special::lanemask_eq:
      return bit;
    case Special::lanemask_le:
      return bit | (bit - 1);
    case Special::lanemask_lt:
      return bit - 1;
    case Special::lanemask_ge:
      return ~(bit - 1);
    case Special::lanemask_gt:
      return ~(bit | (bit - 1));
    case Special::dynamic_smem:
      return launch.dynamic_shared;
    case Special::total_smem:
      return uint32_t(shared_bytes);
    case Special::one:
      return 1;
    default:
      return 0;
    }
  };
  for (size_t s = 0; s < size_t(Special::count); ++s) {
    if (const uint32_t offset = program.specials[s]) {
      for (Warp &w : warps) {
        for (int l = 0; l < lanes; ++l) {
          w.reg<uint32_t>(offset)[l] = value(Special(s), uint32_t(w.index * lanes + l), l);
        }
      }
    }
  }
}

bool Block::run(uint64_t block_number) {
  number = block_number;
  index = {uint32_t(number % launch.grid[0]), uint32_t(number / launch.grid[0] % launch.grid[1]),
           uint32_t(number / launch.grid[0] / launch.grid[1])};
  random = mix(launch.seed ^ mix(number));
  std::fill(shared.begin(), shared.end(), std::byte{0xff});
  std::fill(shared_initialized.begin(), shared_initialized.end(), 0);
  std::fill(local_initialized.begin(), local_initialized.end(), 0);
  std::fill(landing.begin(), landing.end(), 0);
  in_flight = 0;
  mbarriers.clear();
  sectors.clear();
  for (Barrier &b : barriers) {
    b = Barrier{};
  }
  acquired = false;
  // Everything before this block is known to all its warps.
  for (const Warp &w : warps) {
    base_clock = std::max(base_clock, w.clock + 1);
  }
  if (base_clock > (1u << 31)) { // the shadow has 32 bits for a clock
    std::fill(writers.begin(), writers.end(), 0);
    std::fill(readers.begin(), readers.end(), 0);
    base_clock = 1;
  }
  for (Warp &w : warps) {
    const uint32_t left = threads - uint32_t(w.index) * lanes;
    w.start(left >= lanes ? ~0u : (1u << left) - 1);
    w.clock = base_clock;
    std::fill(w.known.begin(), w.known.end(), base_clock - 1);
    w.update_safe_clock();
  }
  std::fill(fence_known.begin(), fence_known.end(), base_clock - 1);
  fill_specials();
  ++counters.blocks;
  counters.warps += warps.size();
  try {
    run_warps();
  } catch (const FatalFault &) {
    return false;
  }
  if (launch.count_buffers) {
    count_buffers();
  }
  return true;
}

void Block::count_buffers() {
  const Allocation *buffer = nullptr;
  for (const uint64_t sector : sectors) {
    if (!buffer || !buffer->contains(sector * 32)) {
      buffer = memory.find(sector * 32);
    }
    if (buffer) { // else the sector begins ahead of it
      ++buffer_sectors[buffer->base];
    }
  }
}

void Block::run_warps() {
  std::vector<size_t> order(warps.size());
  std::iota(order.begin(), order.end(), 0);
  for (uint64_t total = 0;;) {
    if (launch.seed != 0) {
      for (size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[next_random() % i]);
      }
    }
    uint64_t ran = 0;
    bool all_done = true;
    for (const size_t w : order) {
      if (warps[w].done()) {
        continue;
      }
      ran += warps[w].run(slice);
      all_done &= warps[w].done();
    }
    if (all_done) {
      return;
    }
    if (ran == 0) {
      report_deadlock();
    }
    total += ran;
    if (total > launch.budget) {
      for (Warp &w : warps) {
        if (!w.done()) {
          w.fault(int(FaultKind::budget),
                  "more than " + std::to_string(launch.budget) +
                      " warp instructions in one block: " + w.whereabouts());
        }
      }
    }
  }
}

/// Which barrier waits for whom: threads that ended, threads elsewhere, or a circle.
void Block::report_deadlock() {
  uint32_t ended = 0;
  std::string where;
  Warp *culprit = nullptr;
  bool at_barrier = false, elsewhere = false;
  for (Warp &w : warps) {
    ended += uint32_t(std::popcount(w.present & ~w.alive));
    if (w.done()) {
      continue;
    }
    for (const Warp::Split &s : w.splits) {
      if (s.state == Warp::State::barrier && !culprit) {
        culprit = &w;
        w.current = &program.code[s.pc];
      }
      at_barrier |= s.state == Warp::State::barrier;
      elsewhere |= s.state != Warp::State::barrier;
    }
    if (where.size() < 600) {
      where +=
          (where.empty() ? "warp " : "; warp ") + std::to_string(w.index) + ": " + w.whereabouts();
    }
  }
  if (!culprit) {
    for (Warp &w : warps) {
      if (!w.done() && !culprit) {
        culprit = &w;
        w.current = &program.code[w.splits.empty() ? 0 : w.splits[0].pc];
      }
    }
  }
  if (at_barrier && ended > 0) {
    culprit->fault(int(FaultKind::missing_thread), "a barrier waits for " + std::to_string(ended) +
                                                       " of " + std::to_string(threads) +
                                                       " threads that have ended; " + where);
  }
  culprit->fault(int(at_barrier && !elsewhere ? FaultKind::divergent_barrier : FaultKind::deadlock),
                 "no thread of the block can go on: " + where);
  throw FatalFault();
}

void Block::note(Fault fault) {
  fault.kernel = program.name;
  fault.block = number;
  fault.block_index = index;
  if (faults.size() < launch.max_faults) {
    faults.push_back(std::move(fault));
  }
}

bool Block::arrive(Warp &warp, const Inst &i, uint32_t mask, const std::vector<size_t> &who) {
  const uint32_t id = i.r[0] ? warp.reg<uint32_t>(i.r[0])[std::countr_zero(mask)] : 0;
  if (id >= barrier_count) {
    warp.fault(int(FaultKind::bad_operand), "barrier " + std::to_string(id) + " of 16");
  }
  uint32_t expected = uint32_t(warps.size()) * lanes;
  if (i.flags & barrier_counted) {
    expected = warp.reg<uint32_t>(i.r[1])[std::countr_zero(mask)];
    if (expected == 0 || expected % lanes) {
      warp.fault(int(FaultKind::bad_operand), "a barrier for " + std::to_string(expected) +
                                                  " threads: not a multiple of the warp size");
    }
  }
  if ((i.flags & barrier_aligned) && warp.alive != warp.present) {
    warp.fault(int(FaultKind::missing_thread), "a barrier, but lanes " +
                                                   lanes_text(warp.present & ~warp.alive) +
                                                   " of the warp have ended");
  }
  Barrier &b = barriers[id];
  if (b.arrived == 0) {
    b = Barrier{};
    b.expected = expected;
    b.line = i.line;
    b.known.assign(2 * warps.size(), 0);
  } else if (b.expected != expected) {
    warp.fault(int(FaultKind::divergent_barrier),
               "barrier " + std::to_string(id) + " for " + std::to_string(expected) +
                   " threads here and for " + std::to_string(b.expected) + " at line " +
                   std::to_string(b.line));
  } else if (b.line != i.line && !(i.flags & barrier_counted)) {
    warp.fault(int(FaultKind::divergent_barrier),
               "threads of one block meet barrier " + std::to_string(id) +
                   " at different places: line " + std::to_string(b.line) + " and here");
  }
  uint32_t coming = uint32_t(std::popcount(mask));
  if (mask & 1) { // lanes that a partial warp lacks count with its first
    coming += uint32_t(lanes - std::popcount(warp.present));
  }
  b.arrived += coming;
  if (i.r[3]) { // bar.red
    const uint32_t p = warp.pred(i.r[3]) & mask;
    b.popc += uint32_t(std::popcount(p));
    b.all &= p == mask;
    b.any |= p != 0;
  }
  publish(warp, b.known);
  b.warps.push_back(warp.index);
  const bool stays = !(i.flags & barrier_arrive_only);
  for (const size_t s : who) {
    warp.splits[s].barrier = id;
    if (!stays) {
      warp.splits[s].state = Warp::State::ready;
      ++warp.splits[s].pc;
    }
  }
  if (b.arrived < b.expected) {
    return false;
  }
  complete(b, id);
  return true;
}

void Block::complete(Barrier &b, uint32_t id) {
  for (Warp &w : warps) {
    for (const Warp::Split &s : w.splits) {
      if (s.state != Warp::State::barrier || s.barrier != id) {
        continue;
      }
      learn(w, b.known);
      const Inst &i = program.code[s.pc];
      if (i.r[3] && i.sub == 0) {
        write_lanes(w.reg<uint32_t>(i.r[2]), s.mask, [&](int) { return b.popc; });
      } else if (i.r[3]) {
        w.pred(i.r[2]) = (w.pred(i.r[2]) & ~s.mask) | ((i.sub == 1 ? b.all : b.any) ? s.mask : 0);
      }
    }
    w.release_barrier(id);
  }
  b.arrived = 0;
}

void Block::publish(Warp &warp, std::vector<uint32_t> &into) const {
  into.resize(warp.known.size());
  for (size_t w = 0; w < into.size(); ++w) {
    into[w] = std::max(into[w], warp.known[w]);
  }
  into[size_t(warp.index)] = std::max(into[size_t(warp.index)], warp.clock);
  ++warp.clock;
}

void Block::learn(Warp &warp, const std::vector<uint32_t> &from) const {
  for (size_t w = 0; w < from.size(); ++w) {
    warp.known[w] = std::max(warp.known[w], from[w]);
  }
  warp.update_safe_clock();
}

void Block::show_to_async(Warp &warp) {
  const size_t n = warps.size();
  for (size_t w = 0; w < n; ++w) {
    warp.known[n + w] = std::max(warp.known[n + w], warp.known[w]);
  }
  warp.known[n + size_t(warp.index)] = warp.clock;
  synchronise(warp);
}

} // namespace mome::ptxsim
