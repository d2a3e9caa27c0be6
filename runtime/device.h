// A device: memory for arenas, and programs that run over it. What the executor knows of a machine.
//
// One Device object holds one variant of one package: allocate its arenas, load its code, prepare
// its programs, then run. Arena, slice and kernel numbers are those of the variant. Every device
// passes the suite in test/runtime/device_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/package.h"

namespace mome {

struct DeviceOptions {
  int ordinal = 0;  // CUDA: which device
  int threads = 0;  // CPU: 0 is ThreadPool::default_threads()
  bool pin = false; // CPU: bind threads to processors
};

class Device {
public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;
  /// What was decided when the code was loaded, a line each: "k_1f2e: cublaslt, algorithm 21, ...".
  virtual std::vector<std::string> notes() const { return {}; }
  /// Bytes that can be allocated now, or UINT64_MAX when unknown.
  virtual uint64_t available_bytes() const = 0;

  /// Allocates zero-filled arenas. Throws Error (budget) before touching memory when they do not
  /// fit.
  virtual void allocate(std::span<const Arena> arenas) = 0;
  /// Loads the code. Throws Error (mismatch) when it is damaged or lacks a kernel.
  virtual void load(std::span<const std::byte> code, std::span<const Kernel> kernels,
                    const std::string &where) = 0;
  /// Resolves a program's kernels and addresses; returns its number. After allocate() and load().
  virtual size_t prepare(const Program &program) = 0;

  /// Copies between host memory and `slice`, whose size the host side has too.
  virtual void upload(const Slice &slice, std::span<const std::byte> from) = 0;
  virtual void download(const Slice &slice, std::span<std::byte> to) = 0;
  /// Takes slices over from another device with the same variant. By way of the host, unless the two
  /// know better.
  virtual void copy(std::span<const Slice> slices, Device &from);
  /// The arena as host memory, or null when the host cannot reach it.
  virtual std::byte *host_memory(uint32_t arena) = 0;

  /// Runs dispatches [begin, end) of a program, in order; returns when they are done.
  virtual void run(size_t program, size_t begin, size_t end) = 0;

  /// The pieces of a dispatch that a profile can time, in a run with all threads; 1: only the whole.
  virtual int64_t pieces(size_t, size_t) const { return 1; }
  /// Runs a program; the seconds of each dispatch's pieces, on whichever thread ran them.
  virtual void run_pieces(size_t program, std::span<double> seconds);
  /// What each dispatch adds to the time of a run whose pieces take so long: the threads take them as in
  /// run(), and wait for each other where they do there.
  virtual std::vector<double> deal(size_t, std::span<const double> seconds) const {
    return {seconds.begin(), seconds.end()};
  }

  /// run() of a whole program in two halves: a device that works by itself does so in between.
  virtual void start(size_t program, size_t dispatches) { run(program, 0, dispatches); }
  virtual void finish() {}
  /// Begins to bring `from` up, also while a program runs; it is in `slice` for what is run after the
  /// next commit(). One commit at most between two finish(). False: this device has no use for it.
  virtual bool stage(const Slice &, std::span<const std::byte>) { return false; }
  virtual void commit() {}

  /// FLOP/s that its multiply-adds give now, measured for so long; 0: unknown.
  virtual double measure_peak(double) { return 0; }
};

/// The device a variant is for ("x86-64-...": the CPU). Throws Error (device) for other names.
std::unique_ptr<Device> make_device(const std::string &variant, const DeviceOptions &options);

/// True when this machine can run the variant's code.
bool can_run(const std::string &variant);
/// Of two variants that run here, the one that is to be preferred is greater: x86-64-v3 < x86-64-v4 <
/// x86-64-v4+bf16 < cuda:sm_80 < cuda:sm_90 < cuda:sm_90a. With `slow_pairs`, products of pairs of bf16 are no
/// faster than two multiply-adds on this processor, and x86-64-v4+bf16 < x86-64-v4.
std::tuple<int, std::string, bool> rank_variant(const std::string &variant, bool slow_pairs);
/// Where to run: "cpu", "cuda:N", or "auto", which is the first CUDA device if there is one and the
/// package has code for it, else the processor.
struct Place {
  enum { any, cpu, cuda } kind = any;
  int ordinal = 0;
};
/// Throws Error (usage).
Place parse_place(const std::string &text);
/// The same of a list, "cuda:0,cuda:1": one place, or several that are different CUDA devices.
std::vector<Place> parse_places(const std::string &text);

/// The best variant that all these places can run, or the one named. Throws Error (mismatch or
/// device) listing what the package has.
const Variant &choose_variant(const Package &package, const std::string &name,
                              std::span<const Place> places);
inline const Variant &choose_variant(const Package &package, const std::string &name = {},
                                     const Place &place = {}) {
  return choose_variant(package, name, std::span(&place, 1));
}

} // namespace mome
