#include "runtime/cpu_device.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <numeric>

#include "runtime/error.h"
#include "runtime/text.h"

namespace mome {
namespace {

constexpr uint64_t page = 4096;

MappedMemory map_memory(uint64_t bytes, const std::string &what) try {
  return MappedMemory(bytes);
} catch (const std::bad_alloc &) {
  throw Error(Exit::budget, "memory", "cannot allocate " + what,
              "free some memory, or compile with a smaller batch");
}

} // namespace

CpuDevice::CpuDevice(const DeviceOptions &options) : pool(options.threads, options.pin) {}

std::string CpuDevice::name() const {
  return "cpu, " + std::to_string(pool.size()) + (pool.size() == 1 ? " thread" : " threads");
}

uint64_t CpuDevice::available_bytes() const {
  return available_memory();
}

void CpuDevice::allocate(std::span<const Arena> wanted) {
  uint64_t total = 0;
  for (const Arena &arena : wanted) {
    total += arena.size;
  }
  const uint64_t free = available_bytes();
  if (total > free) {
    throw Error(Exit::budget, "memory",
                "the model needs " + bytes_text(total) + ", " + bytes_text(free) + " are free",
                "free some memory, or compile with a smaller batch or --budget");
  }
  for (const Arena &arena : wanted) {
    arenas.push_back(map_memory(arena.size, "arena '" + arena.name + "'"));
  }
}

void CpuDevice::load(std::span<const std::byte> code, std::span<const Kernel> wanted,
                     const std::string &where) {
  if (wanted.empty()) {
    return;
  }
  image = std::make_unique<ElfImage>(code, where);
  uint64_t shared_size = 0;
  for (const Kernel &kernel : wanted) {
    void *address = image->find(kernel.symbol);
    if (address == nullptr) {
      throw package_error(where, "no kernel '" + kernel.symbol + "' in its machine code",
                          "the package is damaged: compile it again");
    }
    kernels.push_back(
        {reinterpret_cast<Function>(address), kernel.packs, kernel.chunks, kernel.shared > 0});
    scratch_stride = std::max(scratch_stride, (kernel.scratch + page - 1) / page * page);
    shared_size = std::max(shared_size, kernel.shared);
  }
  shared = map_memory(shared_size, "shared scratch memory");
  const uint64_t needed = scratch_stride * uint64_t(pool.size());
  scratch = map_memory(needed > page * 64 ? std::max(needed, MappedMemory::huge_page) : needed,
                       "scratch memory");
}

size_t CpuDevice::prepare(const Program &program) {
  Prepared prepared;
  for (const Dispatch &dispatch : program.dispatches) {
    for (const Slice &slice : dispatch.args) {
      prepared.addresses.push_back(arenas[slice.arena].data() + slice.offset);
    }
    if (kernels[dispatch.kernel].shares) {
      prepared.addresses.push_back(shared.data());
    }
  }
  add_pieces(program, prepared);
  programs.push_back(std::move(prepared));
  return programs.size() - 1;
}

void CpuDevice::add_pieces(const Program &program, Prepared &to) const {
  void *const *args = to.addresses.data(); // complete, so that pointers into it stay
  std::vector<size_t> sizes;               // of the waves, in pieces
  size_t first = 0;                        // dispatch of the wave that may grow
  to.firsts.push_back(0);
  for (size_t i = 0; i < program.dispatches.size(); ++i) {
    const Dispatch &dispatch = program.dispatches[i];
    const Entry &kernel = kernels[dispatch.kernel];
    const auto begin_wave = [&](int64_t chunk, int64_t chunks) {
      to.pieces.push_back({kernel.function, args, chunk, 0, chunks, i});
      sizes.push_back(1);
    };
    if (kernel.packs > 0) {
      begin_wave(0, kernel.packs);
      begin_wave(kernel.packs, kernel.chunks);
      first = i + 1;
    } else if (i > first && i - first <= dispatch.beside) {
      const int64_t before = to.pieces.back().end;
      to.pieces.push_back({kernel.function, args, 0, before, before + kernel.chunks, i});
      ++sizes.back();
    } else {
      begin_wave(0, kernel.chunks);
      first = i;
    }
    args += dispatch.args.size() + kernel.shares;
    to.firsts.push_back(to.firsts.back() + size_t(kernel.packs + kernel.chunks));
  }
  const Piece *piece = to.pieces.data();
  for (const size_t size : sizes) {
    to.waves.emplace_back(piece, size);
    piece += size;
  }
}

std::vector<size_t> CpuDevice::wave_sizes(size_t program) const {
  std::vector<size_t> sizes;
  for (const Wave &wave : programs[program].waves) {
    sizes.push_back(wave.size());
  }
  return sizes;
}

void CpuDevice::upload(const Slice &slice, std::span<const std::byte> from) {
  std::memcpy(arenas[slice.arena].data() + slice.offset, from.data(), from.size());
}

void CpuDevice::download(const Slice &slice, std::span<std::byte> to) {
  std::memcpy(to.data(), arenas[slice.arena].data() + slice.offset, to.size());
}

/// Calls `run(piece, lo, hi)` for the chunks [lo, hi) of kernels that are chunks [from, until) of a wave.
template <typename Pieces, typename Run>
static void for_chunks(const Pieces &wave, int64_t from, int64_t until, Run run) {
  int64_t at = from + wave.front().begin;
  const int64_t last = until + wave.front().begin;
  auto piece = std::ranges::upper_bound(wave, at, {}, [](const auto &p) { return p.end; });
  for (; at < last; ++piece) {
    const int64_t end = std::min(last, piece->end), shift = piece->first - piece->begin;
    run(*piece, at + shift, end + shift);
    at = end;
  }
}

void CpuDevice::run(Wave wave) {
  struct Context {
    Wave wave;
    CpuDevice &device;
  } context{wave, *this};
  pool.run(
      [](void *opaque, int worker, int64_t from, int64_t until) {
        const auto &[wave, device] = *static_cast<const Context *>(opaque);
        std::byte *scratch = device.scratch.data() + device.scratch_stride * uint64_t(worker);
        for_chunks(wave, from, until, [&](const Piece &piece, int64_t lo, int64_t hi) {
          piece.function(piece.args, lo, hi, scratch);
        });
      },
      &context, wave.back().end - wave.front().begin);
}

void CpuDevice::run(size_t program, size_t begin, size_t end) {
  const std::vector<Wave> &waves = programs[program].waves;
  const auto last = [](const Wave &wave) { return wave.back().dispatch; };
  auto wave = std::ranges::lower_bound(waves, begin, {}, last);
  for (; wave != waves.end() && wave->front().dispatch < end; ++wave) {
    const auto before = std::ranges::lower_bound(*wave, begin, {}, &Piece::dispatch);
    const auto behind = std::ranges::lower_bound(*wave, end, {}, &Piece::dispatch);
    run(Wave(before, behind));
  }
}

//===-- Profiles ----------------------------------------------------------------------------===//

int64_t CpuDevice::pieces(size_t program, size_t dispatch) const {
  const std::vector<size_t> &firsts = programs[program].firsts;
  return int64_t(firsts[dispatch + 1] - firsts[dispatch]);
}

void CpuDevice::run_pieces(size_t program, std::span<double> seconds) {
  struct Context {
    Wave wave;
    CpuDevice &device;
    const std::vector<size_t> &firsts;
    std::span<double> seconds;
  };
  const auto work = [](void *opaque, int worker, int64_t from, int64_t until) {
    using Clock = std::chrono::steady_clock;
    const auto &[wave, device, firsts, seconds] = *static_cast<const Context *>(opaque);
    std::byte *scratch = device.scratch.data() + device.scratch_stride * uint64_t(worker);
    for_chunks(wave, from, until, [&](const Piece &piece, int64_t lo, int64_t hi) {
      for (auto last = Clock::now(); lo < hi; ++lo) {
        piece.function(piece.args, lo, lo + 1, scratch);
        const auto now = Clock::now();
        seconds[firsts[piece.dispatch] + size_t(lo)] =
            std::chrono::duration<double>(now - last).count();
        last = now;
      }
    });
  };
  const Prepared &prepared = programs[program];
  for (const Wave &wave : prepared.waves) {
    Context context{wave, *this, prepared.firsts, seconds};
    pool.run(work, &context, wave.back().end);
  }
}

std::vector<double> CpuDevice::deal(size_t program, std::span<const double> seconds) const {
  const Prepared &prepared = programs[program];
  std::vector<double> result(prepared.firsts.size() - 1), chunks;
  for (const Wave &wave : prepared.waves) {
    chunks.clear();
    for (const Piece &piece : wave) {
      const size_t first = prepared.firsts[piece.dispatch] + size_t(piece.first);
      const auto its = seconds.subspan(first, size_t(piece.end - piece.begin));
      chunks.insert(chunks.end(), its.begin(), its.end());
    }
    const double sum = std::accumulate(chunks.begin(), chunks.end(), 0.0);
    const double share = sum > 0 ? ThreadPool::makespan(chunks, pool.size()) / sum : 0;
    for (const Piece &piece : wave) {
      const auto its =
          std::span(chunks).subspan(size_t(piece.begin), size_t(piece.end - piece.begin));
      result[piece.dispatch] += share * std::accumulate(its.begin(), its.end(), 0.0);
    }
  }
  return result;
}

} // namespace mome
