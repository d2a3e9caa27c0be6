// A package (.mpk) in memory: read, verified, unpacked into plain tables.
//
// After load() every table below can be used without a further check. Verified, in this order:
//   the file: FlatBuffers identifier and verifier; format version; the hash over all its bytes;
//   names: no empty one, no (kind, name, shape) twice, no scalar, variant, entry or section twice;
//   sizes: extents positive, products and sums without overflow, slot size == shape x type (or the
//     padded size of its layout), every slice inside its arena, slots and slices 64-byte aligned;
//   memory: no two named tensors or scalars of a variant overlap; none lives in a work arena;
//   indices: every tensor, arena and kernel that a table refers to exists; a dispatch waits for
//     earlier ones, and runs beside earlier ones; groups are of one kernel, and no larger than it allows;
//   code: the hash of the image; an argument list as long as the kernel's. The image itself is
//     checked when it is loaded (elf_image.h).
// A package is executable code: this finds damage and mistakes, it does not contain malice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"

namespace mome {

class MappedFile;

inline constexpr uint32_t package_format = 1;
inline constexpr uint64_t arena_alignment = 64;
inline constexpr uint32_t max_streams = 64; // of a program

struct NamedTensor {
  std::string name; // DSL path
  BindKind kind = BindKind::input;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;

  uint64_t elements() const;
  uint64_t bytes() const { return elements() * dtype_size(dtype); }
  /// "param 'head.weight' f32 [7, 64]", for messages.
  std::string describe() const;
};

struct ScalarInput {
  std::string name;
  DType dtype = DType::f32; // f32 or i64
  double value = 0;         // default
  bool host = false;        // computed by the host before every run: not settable by a user
};

enum class ArenaKind : uint8_t { state, io, work };
enum class Phase : uint8_t { forward, backward, optimizer, remat, other };
std::string_view arena_kind_name(ArenaKind kind);
std::string_view phase_name(Phase phase);

struct Arena {
  std::string name;
  ArenaKind kind = ArenaKind::state;
  uint64_t size = 0;
};

/// Bytes of an arena.
struct Slice {
  uint32_t arena = 0;
  uint64_t offset = 0, size = 0;
};

/// A function of device code, and the threads that run it.
struct Launch {
  std::string symbol;
  int64_t blocks = 1, threads = 1;
  uint64_t shared = 0; // bytes of shared memory per block
};

struct Kernel {
  std::string symbol;
  int64_t chunks = 1;
  uint64_t scratch = 0;         // bytes per worker
  std::vector<DType> types;     // of the arguments
  uint32_t results = 0;         // how many of them, at the end, are results
  std::vector<Launch> launches; // on a device with launches: instead of chunks
  int64_t packs = 0;            // chunks [0, packs) run before [packs, packs + chunks), and write
  uint64_t shared = 0;          // these bytes, which all workers see
  std::string library;          // on a device: a library's call, as JSON, instead of launches
  uint32_t group = 1;           // more than one: launches take a table of so many rows of arguments
};

struct Dispatch {
  uint32_t kernel = 0;
  std::vector<Slice> args; // operands, then results
  Phase phase = Phase::other;
  std::string expert, op;
  std::vector<std::string> scope, lines;
  double flops = 0, bytes = 0;
  uint32_t stream = 0;         // on a device with streams
  std::vector<uint32_t> after; // earlier dispatches, on other streams, that it waits for
  uint32_t beside = 0;         // so many right before it may run together with it
  uint32_t group = 1;          // it and so many less one behind it are one launch on a device
};

struct Program {
  std::string entry;
  std::vector<Dispatch> dispatches;
  std::vector<uint32_t> inputs, outputs; // tensors read and written
  uint64_t work_peak = 0;
};

/// What the assembler says of a function of device code, on one architecture: registers, stack and
/// spilled bytes per thread, shared bytes per block without what a launch asks for.
struct Assembled {
  std::string symbol, architecture; // "k_1f2e_0", "sm_90"
  uint32_t registers = 0, shared = 0, stack = 0, spilled = 0;
};

struct Variant {
  std::string name; // "x86-64-v3"
  std::vector<Arena> arenas;
  std::vector<Slice> slots;     // of every tensor
  std::vector<Slice> scalars;   // of every scalar
  std::vector<uint32_t> panels; // of every tensor: 0 natural, else the panel width of its layout
  std::vector<Kernel> kernels;
  std::vector<Program> programs;
  std::span<const std::byte> code;
  std::vector<Assembled> assembled; // of the machine code in a fat binary

  const Program *find(std::string_view entry) const;
  uint64_t arena_bytes() const;
};

struct Metric {
  std::string name;
  std::vector<std::string> sums;
};
struct Section {
  std::string name, json;
};
struct Source {
  std::string path, text, hash;
};

struct Cost {
  std::string path;
  double multiply_adds = 0;
};

class Package {
public:
  /// Throws Error (mismatch) naming the file and what is wrong with it.
  static std::shared_ptr<const Package> load(const std::filesystem::path &path);
  /// The same for bytes in memory, which must outlive the package; `where` is for messages.
  static std::shared_ptr<const Package> parse(std::span<const std::byte> bytes,
                                              const std::string &where);

  std::string where; // the file, for messages
  std::string compiler, model, precision, hash;
  std::vector<std::string> classes, modalities, optional, losses;
  int64_t batch = 0, eval_batch = 0;
  std::vector<NamedTensor> tensors;
  std::vector<ScalarInput> scalars;
  std::vector<Metric> metrics;
  std::vector<Section> train, data;
  std::vector<Variant> variants;
  std::vector<Source> sources;
  std::vector<Cost> costs; // of one sample's forward pass

  std::optional<size_t> find_scalar(std::string_view name) const;
  /// The tensor "NAME" or "KIND:NAME"; throws Error (mismatch) when there is none, or several.
  size_t tensor_index(std::string_view name) const;
  std::vector<std::string> tensor_names() const;

private:
  std::shared_ptr<const MappedFile> file; // what Variant::code points into
};

/// Bytes of a tensor stored with a panel width (see Layout in package.fbs): its first extent padded
/// to whole panels.
uint64_t stored_bytes(const NamedTensor &tensor, uint32_t panel);

} // namespace mome
