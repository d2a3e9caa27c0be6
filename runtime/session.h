// A package ready to run: one variant on one device, its arenas allocated, its programs prepared.
//
// Tensors are numbered as in Package::tensors and scalars as in Package::scalars; their values stay
// between runs (parameters and moments live in the arenas). Bytes are exchanged in natural,
// row-major layout whatever the variant stores. A run allocates nothing. One thread at a time.
//
//   Session session(Package::load("watch.mpk"), {.threads = 2});
//   session.write(session.package().tensor_index("input:acc"), bytes);
//   session.run("predict");
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/device.h"
#include "runtime/package.h"

namespace mome {

struct SessionOptions {
  int threads = 0;             // 0: MOME_NUM_THREADS or all processors
  bool pin = false;            // bind threads to processors
  std::string device = "auto"; // see Place
  std::string variant;         // empty: the best one the device runs
  bool check_numerics = false; // stop at the first NaN or infinity
};

class Session {
public:
  /// Throws Error: budget when the arenas do not fit in memory, device when no variant runs here,
  /// mismatch when the machine code is damaged. Scalars get their defaults, memory is zero.
  explicit Session(std::shared_ptr<const Package> package, const SessionOptions &options = {});
  ~Session();

  const Package &package() const { return *pkg; }
  const Variant &variant() const { return var; }
  Device &device() const { return *dev; }
  /// An arena of the variant as host memory, or null where the host cannot reach it.
  const std::byte *host_memory(uint32_t arena) { return dev->host_memory(arena); }

  /// `bytes` must have the tensor's size.
  void write(size_t tensor, std::span<const std::byte> bytes);
  void read(size_t tensor, std::span<std::byte> bytes) const;
  std::vector<std::byte> read(size_t tensor) const;
  void zero(size_t tensor);
  /// Takes parameters, states and scalars over from a session with the same variant.
  void copy_from(Session &other);

  void set_scalar(size_t scalar, double value);
  double scalar(size_t scalar) const { return scalar_values[scalar]; }

  bool has(std::string_view entry) const { return var.find(entry) != nullptr; }
  /// Throws Error (mismatch): no such entry, listing those there are.
  const Program &program(std::string_view entry) const;
  /// Throws Error (numerics) when check_numerics is on and a value is not finite.
  void run(std::string_view entry) { run(program(entry)); }
  void run(const Program &program);

  /// run() in two halves, between which a device that works by itself does so, and the host may
  /// stage what the next run reads.
  void start(std::string_view entry);
  void finish() { dev->finish(); }
  /// Begins to bring a tensor's value up for what runs after the next commit(); false: this device
  /// has no use for it, write() it then.
  bool stage(size_t tensor, std::span<const std::byte> bytes);
  void commit() { dev->commit(); }

  /// The same run, one dispatch after the other, and the seconds of each.
  void run_timed(const Program &program, std::span<double> seconds);
  /// The same by pieces of dispatches, which run as ever: how many there are, the seconds of each, and what
  /// dispatches take if their pieces take so long (Device).
  size_t pieces(const Program &program) const;
  void run_pieces(const Program &program, std::span<double> seconds);
  std::vector<double> deal(const Program &program, std::span<const double> seconds) const;

  void set_check_numerics(bool on) { check_numerics = on; }

private:
  std::shared_ptr<const Package> pkg;
  const Variant &var;
  std::unique_ptr<Device> dev;
  std::vector<double> scalar_values;
  bool check_numerics;
  mutable std::vector<std::byte> staging; // one tensor in its stored layout

  size_t index_of(const Program &program) const { return size_t(&program - var.programs.data()); }
  void check_size(size_t tensor, size_t bytes) const;
  void run_checked(size_t index, const Program &program);
  void check_inputs(const Program &program);
  void check_results(const Program &program, size_t dispatch);
  std::vector<std::byte> download(const Slice &slice) const;
};

} // namespace mome
