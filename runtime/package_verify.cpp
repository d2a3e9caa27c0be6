// Checks on the unpacked tables of a package; the list is in package.h. Each failure says which
// table and which name, so that a bug of the compiler is found from the message.
#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "runtime/cuda/libraries/call.h"
#include "runtime/error.h"
#include "runtime/package_reader.h"

namespace mome {
namespace {

constexpr uint64_t max_bytes = uint64_t{1} << 46; // of one tensor or arena
constexpr int64_t max_chunks = int64_t{1} << 31;  // what the thread pool counts
constexpr uint64_t max_scratch = uint64_t{1} << 32;
constexpr uint32_t max_panel = 1024;
constexpr uint32_t max_group =
    512; // a pointer each, in the 4 KiB that a launch has for its parameters

class Verifier {
public:
  explicit Verifier(const Package &package) : package(package) {}

  void verify() {
    verify_tensors();
    verify_scalars();
    unique(package.variants, "variant", [](const Variant &v) { return v.name; });
    unique(package.train, "train section", [](const Section &s) { return s.name; });
    unique(package.data, "data section", [](const Section &s) { return s.name; });
    unique(package.metrics, "metric", [](const Metric &m) { return m.name; });
    if (package.batch < 0 || package.eval_batch < 0) {
      fail("a negative batch size");
    }
    for (const Variant &variant : package.variants) {
      verify_variant(variant);
    }
  }

private:
  const Package &package;

  [[noreturn]] void fail(const std::string &what) const {
    throw package_error(package.where, what,
                        "the package contradicts itself: compile it again; if that does not "
                        "help, it is a bug in momec");
  }

  template <typename T, typename Name>
  void unique(const std::vector<T> &items, const std::string &what, Name name) const {
    std::set<std::string> seen;
    for (const T &item : items) {
      if (name(item).empty()) {
        fail("nameless " + what);
      }
      if (!seen.insert(name(item)).second) {
        fail("two of " + what + " '" + name(item) + "'");
      }
    }
  }

  void verify_tensors() const {
    std::set<std::tuple<BindKind, std::string, std::vector<int64_t>>> seen;
    for (const NamedTensor &tensor : package.tensors) {
      if (tensor.name.empty()) {
        fail("nameless tensor");
      }
      uint64_t bytes = dtype_size(tensor.dtype);
      for (int64_t extent : tensor.shape) {
        if (extent <= 0 || bytes > max_bytes / uint64_t(extent)) {
          fail("the size of " + tensor.describe() + " is not possible");
        }
        bytes *= uint64_t(extent);
      }
      if (!seen.emplace(tensor.kind, tensor.name, tensor.shape).second) {
        fail("two of " + tensor.describe());
      }
    }
  }

  void verify_scalars() const {
    unique(package.scalars, "scalar", [](const ScalarInput &s) { return s.name; });
    for (const ScalarInput &scalar : package.scalars) {
      if (scalar.dtype != DType::f32 && scalar.dtype != DType::i64) {
        fail("scalar '" + scalar.name + "' is neither f32 nor i64");
      }
    }
  }

  void verify_variant(const Variant &variant) const {
    const std::string where = "variant '" + variant.name + "': ";
    unique(variant.arenas, "arena", [](const Arena &a) { return a.name; });
    for (const Arena &arena : variant.arenas) {
      if (arena.size > max_bytes) {
        fail(where + "arena '" + arena.name + "' has " + std::to_string(arena.size) + " bytes");
      }
    }
    verify_places(variant, where);
    unique(variant.kernels, "kernel", [](const Kernel &k) { return k.symbol; });
    for (const Kernel &kernel : variant.kernels) {
      if (kernel.chunks < 1 || kernel.chunks >= max_chunks || kernel.scratch > max_scratch ||
          kernel.packs < 0 || kernel.packs >= max_chunks || kernel.shared > max_scratch ||
          (kernel.packs == 0) != (kernel.shared == 0) || kernel.results > kernel.types.size()) {
        fail(where + "kernel '" + kernel.symbol + "' has impossible numbers");
      }
      const bool on_device = variant.name.starts_with("cuda:");
      const bool fits = std::all_of(kernel.launches.begin(), kernel.launches.end(), [](auto &l) {
        return l.blocks >= 1 && l.blocks <= INT32_MAX && l.threads >= 1 && l.threads <= 1024 &&
               l.shared <= 256 << 10;
      });
      const bool has_library = !kernel.library.empty();
      const bool tabled =
          kernel.group == 1 || (on_device && !has_library && kernel.group <= max_group);
      if (!fits || kernel.group < 1 || !tabled ||
          kernel.launches.empty() != (has_library || !on_device) || (has_library && !on_device)) {
        fail(where + "kernel '" + kernel.symbol + "' has impossible launches");
      }
    }
    unique(variant.programs, "entry", [](const Program &p) { return p.entry; });
    for (const Program &program : variant.programs) {
      verify_program(variant, program, where + "entry '" + program.entry + "': ");
    }
    if (!variant.kernels.empty() && variant.code.empty()) {
      fail(where + "kernels without machine code");
    }
  }

  void verify_slice(const Variant &variant, const Slice &slice, const std::string &what) const {
    if (slice.arena >= variant.arenas.size()) {
      fail(what + " is in arena number " + std::to_string(slice.arena) + ", which does not exist");
    }
    const uint64_t size = variant.arenas[slice.arena].size;
    if (slice.offset > size || slice.size > size - slice.offset) {
      fail(what + " reaches beyond arena '" + variant.arenas[slice.arena].name + "'");
    }
    if (slice.offset % arena_alignment != 0) {
      fail(what + " is not aligned");
    }
  }

  void verify_places(const Variant &variant, const std::string &where) const {
    struct Place {
      Slice slice;
      std::string name;
    };
    std::vector<Place> places;
    for (size_t i = 0; i < package.tensors.size(); ++i) {
      const NamedTensor &tensor = package.tensors[i];
      const uint32_t panel = variant.panels[i];
      if (panel > max_panel || (panel > 0 && tensor.shape.empty())) {
        fail(where + tensor.describe() + " cannot have panels of " + std::to_string(panel));
      }
      if (variant.slots[i].size != stored_bytes(tensor, panel)) {
        fail(where + "the slot of " + tensor.describe() + " has " +
             std::to_string(variant.slots[i].size) + " bytes");
      }
      places.push_back({variant.slots[i], tensor.describe()});
    }
    for (size_t i = 0; i < package.scalars.size(); ++i) {
      places.push_back({variant.scalars[i], "scalar '" + package.scalars[i].name + "'"});
    }
    for (const Place &place : places) {
      verify_slice(variant, place.slice, where + place.name);
      if (variant.arenas[place.slice.arena].kind == ArenaKind::work) {
        fail(where + place.name + " is in a work arena, which does not keep it");
      }
    }
    std::sort(places.begin(), places.end(), [](const Place &a, const Place &b) {
      return std::pair(a.slice.arena, a.slice.offset) < std::pair(b.slice.arena, b.slice.offset);
    });
    for (size_t i = 1; i < places.size(); ++i) {
      const Slice &a = places[i - 1].slice, &b = places[i].slice;
      if (a.arena == b.arena && a.offset + a.size > b.offset) {
        fail(where + places[i - 1].name + " and " + places[i].name + " overlap");
      }
    }
  }

  /// Those behind the first are of the same kernel and stream, and wait for nothing.
  void verify_group(const Variant &variant, const Program &program, size_t first,
                    const std::string &which) const {
    const Dispatch &dispatch = program.dispatches[first];
    const bool on_device = variant.name.starts_with("cuda:");
    const Kernel &kernel = variant.kernels[dispatch.kernel];
    bool fits = dispatch.group >= 1 && dispatch.group <= program.dispatches.size() - first &&
                (!on_device || !kernel.library.empty() || dispatch.group <= kernel.group);
    for (size_t i = first + 1; fits && i < first + dispatch.group; ++i) {
      const Dispatch &other = program.dispatches[i];
      fits = other.kernel == dispatch.kernel && other.stream == dispatch.stream &&
             other.after.empty() && other.group == 1;
    }
    if (!fits) {
      fail(which + " begins an impossible group");
    }
  }

  void verify_program(const Variant &variant, const Program &program,
                      const std::string &where) const {
    for (const std::vector<uint32_t> *list : {&program.inputs, &program.outputs}) {
      for (uint32_t tensor : *list) {
        if (tensor >= package.tensors.size()) {
          fail(where + "tensor number " + std::to_string(tensor) + " does not exist");
        }
      }
    }
    for (size_t i = 0; i < program.dispatches.size(); ++i) {
      const Dispatch &dispatch = program.dispatches[i];
      const std::string which = where + "dispatch " + std::to_string(i);
      if (dispatch.kernel >= variant.kernels.size()) {
        fail(which + " runs kernel number " + std::to_string(dispatch.kernel) +
             ", which does not exist");
      }
      if (dispatch.stream >= max_streams ||
          std::any_of(dispatch.after.begin(), dispatch.after.end(),
                      [&](uint32_t other) { return other >= i; })) {
        fail(which + " is on stream " + std::to_string(dispatch.stream) +
             " of 64, or waits for what does not come before it");
      }
      if (dispatch.beside > i) {
        fail(which + " runs beside more dispatches than come before it");
      }
      const Kernel &kernel = variant.kernels[dispatch.kernel];
      verify_group(variant, program, i, which);
      if (dispatch.args.size() != kernel.types.size()) {
        fail(which + " gives kernel '" + kernel.symbol + "' " +
             std::to_string(dispatch.args.size()) + " arguments, it takes " +
             std::to_string(kernel.types.size()));
      }
      for (size_t a = 0; a < dispatch.args.size(); ++a) {
        verify_slice(variant, dispatch.args[a], which + ", argument " + std::to_string(a));
        if (dispatch.args[a].size % dtype_size(kernel.types[a]) != 0) {
          fail(which + ", argument " + std::to_string(a) + " does not hold whole elements");
        }
      }
      verify_library(kernel, dispatch, which);
    }
  }

  /// What a library reads and writes lies in the dispatch's arguments.
  void verify_library(const Kernel &kernel, const Dispatch &dispatch,
                      const std::string &which) const {
    if (kernel.library.empty()) {
      return;
    }
    const auto call = cuda::LibraryCall::parse(kernel.library, package.where, kernel.types.size());
    for (const cuda::LibraryView &view : call.views) {
      if (view.dtype != kernel.types[view.argument] ||
          view.bytes() > dispatch.args[view.argument].size) {
        fail(which + ": the library's view of argument " + std::to_string(view.argument) +
             " does not fit it");
      }
    }
    if (int64_t(call.written().argument) < int64_t(kernel.types.size()) - kernel.results) {
      fail(which + ": the library writes argument " + std::to_string(call.written().argument) +
           ", which is no result");
    }
  }
};

} // namespace

void verify_package(const Package &package) {
  Verifier(package).verify();
}

} // namespace mome
