// The CPU as a device: arenas are anonymous memory, code is an ELF image mapped by us. Neighbouring
// dispatches that may run beside each other (Dispatch::beside) form a wave, whose kernels' chunks are
// spread over the thread pool as one piece of work; waves run one after the other. A kernel with
// packs is a wave of its own, which runs twice: its packs, then its chunks.
#pragma once

#include <string>
#include <vector>

#include "runtime/device.h"
#include "runtime/elf_image.h"
#include "runtime/machine_speed.h"
#include "runtime/mapped_memory.h"
#include "runtime/thread_pool.h"

namespace mome {

class CpuDevice : public Device {
public:
  explicit CpuDevice(const DeviceOptions &options);

  std::string name() const override;
  uint64_t available_bytes() const override;
  void allocate(std::span<const Arena> arenas) override;
  void load(std::span<const std::byte> code, std::span<const Kernel> kernels,
            const std::string &where) override;
  size_t prepare(const Program &program) override;
  void upload(const Slice &slice, std::span<const std::byte> from) override;
  void download(const Slice &slice, std::span<std::byte> to) override;
  std::byte *host_memory(uint32_t arena) override { return arenas[arena].data(); }
  void run(size_t program, size_t begin, size_t end) override;
  int64_t pieces(size_t program, size_t dispatch) const override;
  void run_pieces(size_t program, std::span<double> seconds) override;
  std::vector<double> deal(size_t program, std::span<const double> seconds) const override;
  double measure_peak(double seconds) override { return measure_multiply_adds(pool, seconds); }

  /// Kernels (or phases of one) per wave of a program.
  std::vector<size_t> wave_sizes(size_t program) const;

private:
  using Function = void (*)(void *const *args, int64_t lo, int64_t hi, void *scratch);
  struct Entry {
    Function function;
    int64_t packs, chunks;
    bool shares;
  };
  /// A kernel's chunks from `first` on, which are chunks [begin, end) of its wave.
  struct Piece {
    Function function;
    void *const *args; // into `addresses` of its program
    int64_t first, begin, end;
    size_t dispatch;
  };
  using Wave = std::span<const Piece>;
  struct Prepared {
    std::vector<void *> addresses;
    std::vector<Piece> pieces;
    std::vector<Wave> waves;
    std::vector<size_t> firsts; // of each dispatch: its first chunk's number in the program
  };
  void add_pieces(const Program &program, Prepared &to) const;
  void run(Wave wave);

  ThreadPool pool;
  std::vector<MappedMemory> arenas;
  std::unique_ptr<ElfImage> image;
  std::vector<Entry> kernels;
  MappedMemory scratch; // scratch_stride bytes per thread
  uint64_t scratch_stride = 0;
  MappedMemory shared; // for the kernel that runs
  std::vector<Prepared> programs;
};

/// Bytes a process may still allocate here: the least of what is free in the machine and in each
/// of the process's memory control groups. `root` holds proc/ and sys/: "" is the machine's own.
uint64_t available_memory(const std::string &root = "");

} // namespace mome
