// Tables are copied field by field: the result does not depend on FlatBuffers, and what is not
// copied here cannot be used unchecked. Missing optional vectors and strings read as empty.
#include "runtime/package_reader.h"

#include "runtime/error.h"
#include "runtime/hash.h"
#include "runtime/package_hash.h"

namespace mome {
namespace {

static_assert(int(fb::DType::i1) == int(DType::i1) &&
              int(fb::BindKind::tap) == int(BindKind::tap) &&
              int(fb::ArenaKind::work) == int(ArenaKind::work) &&
              int(fb::Phase::other) == int(Phase::other));

class Reader {
public:
  Reader(Package &package, std::span<const std::byte> bytes) : package(package), bytes(bytes) {}

  void read() {
    const fb::Package &p = check_file();
    package.compiler = text(p.compiler());
    package.model = text(p.model());
    package.precision = text(p.precision());
    package.hash = text(p.hash());
    package.classes = texts(p.classes());
    package.modalities = texts(p.modalities());
    package.optional = texts(p.optional());
    package.losses = texts(p.losses());
    package.batch = p.batch();
    package.eval_batch = p.eval_batch();
    each(p.tensors(), [&](const fb::Tensor &t) { package.tensors.push_back(tensor(t)); });
    each(p.scalars(), [&](const fb::Scalar &s) {
      package.scalars.push_back({text(s.name()), dtype(s.dtype()), s.value(), s.host()});
    });
    each(p.metrics(), [&](const fb::Metric &m) {
      package.metrics.push_back({text(m.name()), texts(m.sums())});
    });
    each(p.train(),
         [&](const fb::Section &s) { package.train.push_back({text(s.name()), text(s.json())}); });
    each(p.data(),
         [&](const fb::Section &s) { package.data.push_back({text(s.name()), text(s.json())}); });
    each(p.sources(), [&](const fb::Source &s) {
      package.sources.push_back({text(s.path()), text(s.text()), text(s.hash())});
    });
    each(p.costs(),
         [&](const fb::Cost &c) { package.costs.push_back({text(c.path()), c.multiply_adds()}); });
    each(p.variants(), [&](const fb::Variant &v) { package.variants.push_back(variant(v)); });
  }

private:
  Package &package;
  std::span<const std::byte> bytes;

  [[noreturn]] void fail(std::string what) const {
    throw package_error(package.where, std::move(what),
                        "the package is damaged or not one: compile it again with momec");
  }

  const fb::Package &check_file() const {
    const auto *data = reinterpret_cast<const uint8_t *>(bytes.data());
    if (bytes.size() < 16 || bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE ||
        !fb::PackageBufferHasIdentifier(data)) {
      if (package.where.ends_with(".mome")) {
        throw package_error(package.where, "the text of a model, not a package",
                            "compile it: momec " + package.where + " -o MODEL.mpk");
      }
      fail("not a mome package");
    }
    constexpr flatbuffers::uoffset_t depth = 16, tables = 16'000'000;
    flatbuffers::Verifier verifier(data, bytes.size(), depth, tables);
    if (!fb::VerifyPackageBuffer(verifier)) {
      fail("its tables are damaged or cut off");
    }
    const fb::Package &p = *fb::GetPackage(data);
    if (p.format() != package_format) {
      throw package_error(package.where,
                          "format version " + std::to_string(p.format()) + ", this is mome for " +
                              std::to_string(package_format),
                          "compile it with the momec of this version");
    }
    const flatbuffers::String &hash = *p.hash();
    if (hash.size() != hash_digits ||
        hash_package({data, bytes.size()}, size_t(hash.Data() - data)) != hash.str()) {
      fail("its contents do not match its hash");
    }
    return p;
  }

  static std::string text(const flatbuffers::String *s) {
    return s == nullptr ? std::string() : s->str();
  }

  template <typename T, typename Visit>
  static void each(const flatbuffers::Vector<flatbuffers::Offset<T>> *list, Visit visit) {
    for (flatbuffers::uoffset_t i = 0; list != nullptr && i < list->size(); ++i) {
      visit(*list->Get(i));
    }
  }

  static std::vector<std::string>
  texts(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>> *list) {
    std::vector<std::string> result;
    each(list, [&](const flatbuffers::String &s) { result.push_back(s.str()); });
    return result;
  }

  /// Numbers and structs lie in the file as they are, at their alignment when there are any;
  /// FlatBuffers' verifier does not look at it.
  template <typename T> void check_alignment(const flatbuffers::Vector<T> *list) const {
    if (list != nullptr && list->size() != 0 &&
        uintptr_t(list->Data()) % alignof(std::remove_pointer_t<T>) != 0) {
      fail("its tables are damaged");
    }
  }

  template <typename T> std::vector<T> numbers(const flatbuffers::Vector<T> *list) const {
    check_alignment(list);
    return list == nullptr ? std::vector<T>() : std::vector<T>(list->begin(), list->end());
  }

  template <typename To, typename From>
  To enumerator(From value, From last, const char *what) const {
    if (value > last) {
      fail(std::string("unknown ") + what + " " + std::to_string(int(value)));
    }
    return To(value);
  }
  DType dtype(fb::DType type) const {
    return enumerator<DType>(type, fb::DType::i1, "element type");
  }

  NamedTensor tensor(const fb::Tensor &t) const {
    return {text(t.name()), enumerator<BindKind>(t.kind(), fb::BindKind::tap, "kind of tensor"),
            dtype(t.dtype()), numbers(t.shape())};
  }

  Kernel kernel(const fb::Kernel &k) const {
    Kernel result{text(k.symbol()), k.chunks(), k.scratch(),       {},       k.results(), {},
                  k.packs(),        k.shared(), text(k.library()), k.group()};
    each(k.launches(), [&](const fb::Launch &l) {
      result.launches.push_back({text(l.symbol()), l.blocks(), l.threads(), l.shared()});
    });
    for (flatbuffers::uoffset_t i = 0; k.types() != nullptr && i < k.types()->size(); ++i) {
      result.types.push_back(dtype(fb::DType(k.types()->Get(i))));
    }
    return result;
  }

  Dispatch dispatch(const fb::Dispatch &d) const {
    Dispatch result;
    result.kernel = d.kernel();
    check_alignment(d.args());
    for (flatbuffers::uoffset_t i = 0; d.args() != nullptr && i < d.args()->size(); ++i) {
      const fb::Slice &slice = *d.args()->Get(i);
      result.args.push_back({slice.arena(), slice.offset(), slice.size()});
    }
    result.phase = enumerator<Phase>(d.phase(), fb::Phase::other, "phase");
    result.expert = text(d.expert());
    result.op = text(d.op());
    result.scope = texts(d.scope());
    result.lines = texts(d.lines());
    result.flops = d.flops();
    result.bytes = d.bytes();
    result.stream = d.stream();
    result.after = numbers(d.after());
    result.beside = d.beside();
    result.group = d.group();
    return result;
  }

  Program program(const fb::Program &p) const {
    Program result;
    result.entry = text(p.entry());
    each(p.dispatches(), [&](const fb::Dispatch &d) { result.dispatches.push_back(dispatch(d)); });
    result.inputs = numbers(p.inputs());
    result.outputs = numbers(p.outputs());
    result.work_peak = p.work_peak();
    return result;
  }

  /// Slots arrive as lists of (index, place) and leave as tables by index, each filled exactly
  /// once.
  template <typename T, typename Index, typename Size>
  std::vector<Slice> places(const flatbuffers::Vector<flatbuffers::Offset<T>> *list, size_t count,
                            const std::string &what, Index index, Size size) const {
    std::vector<Slice> result(count);
    std::vector<bool> filled(count);
    each(list, [&](const T &slot) {
      const size_t i = index(slot);
      if (i >= count || filled[i]) {
        fail("variant table of " + what + " places number " + std::to_string(i) +
             (i < count ? " twice" : ", which does not exist"));
      }
      filled[i] = true;
      result[i] = {slot.arena(), slot.offset(), size(slot)};
    });
    for (size_t i = 0; i < count; ++i) {
      if (!filled[i]) {
        fail("variant table of " + what + " does not place number " + std::to_string(i));
      }
    }
    return result;
  }

  Variant variant(const fb::Variant &v) const {
    Variant result;
    result.name = text(v.name());
    each(v.arenas(), [&](const fb::Arena &a) {
      result.arenas.push_back({text(a.name()),
                               enumerator<ArenaKind>(a.kind(), fb::ArenaKind::work, "arena kind"),
                               a.size()});
    });
    result.slots = places(
        v.slots(), package.tensors.size(), "tensors", [](const fb::Slot &s) { return s.tensor(); },
        [](const fb::Slot &s) { return s.size(); });
    result.scalars = places(
        v.scalars(), package.scalars.size(), "scalars",
        [](const fb::ScalarSlot &s) { return s.scalar(); },
        [&](const fb::ScalarSlot &s) { return dtype_size(package.scalars[s.scalar()].dtype); });
    result.panels.resize(package.tensors.size());
    each(v.layouts(), [&](const fb::Layout &l) {
      if (l.tensor() >= result.panels.size()) {
        fail("a layout is of tensor number " + std::to_string(l.tensor()) +
             ", which does not exist");
      }
      result.panels[l.tensor()] = l.panel();
    });
    each(v.kernels(), [&](const fb::Kernel &k) { result.kernels.push_back(kernel(k)); });
    each(v.programs(), [&](const fb::Program &p) { result.programs.push_back(program(p)); });
    each(v.assembled(), [&](const fb::Assembled &a) {
      result.assembled.push_back({text(a.symbol()), text(a.architecture()), a.registers(),
                                  a.shared(), a.stack(), a.spilled()});
    });
    if (v.code() != nullptr) {
      result.code = {reinterpret_cast<const std::byte *>(v.code()->data()), v.code()->size()};
    }
    if (xxh3_hex(result.code) != text(v.code_hash())) {
      fail("the machine code of variant '" + result.name + "' does not match its hash");
    }
    return result;
  }
};

} // namespace

void read_package(Package &package, std::span<const std::byte> bytes, const std::string &where) {
  package.where = where;
  Reader(package, bytes).read();
  verify_package(package);
}

} // namespace mome
