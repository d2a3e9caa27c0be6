#include "runtime/package.h"

#include <algorithm>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/package_generated.h"
#include "runtime/package_reader.h"
#include "runtime/text.h"

namespace mome {

uint64_t NamedTensor::elements() const {
  uint64_t n = 1;
  for (int64_t extent : shape) {
    n *= uint64_t(extent);
  }
  return n;
}

std::string NamedTensor::describe() const {
  return std::string(kind_name(kind)) + " '" + name + "' " + std::string(dtype_name(dtype)) + " " +
         shape_text(shape);
}

std::string_view arena_kind_name(ArenaKind kind) {
  constexpr std::string_view names[] = {"state", "io", "work"};
  return names[size_t(kind)];
}

std::string_view phase_name(Phase phase) {
  constexpr std::string_view names[] = {"forward", "backward", "optimizer", "remat", "other"};
  return names[size_t(phase)];
}

uint64_t stored_bytes(const NamedTensor &tensor, uint32_t panel) {
  if (panel == 0 || tensor.shape.empty()) {
    return tensor.bytes();
  }
  const uint64_t rows = uint64_t(tensor.shape[0]), padded = (rows + panel - 1) / panel * panel;
  return tensor.bytes() / rows * padded;
}

const Program *Variant::find(std::string_view entry) const {
  const auto it = std::find_if(programs.begin(), programs.end(),
                               [&](const Program &p) { return p.entry == entry; });
  return it == programs.end() ? nullptr : &*it;
}

uint64_t Variant::arena_bytes() const {
  uint64_t total = 0;
  for (const Arena &arena : arenas) {
    total += arena.size;
  }
  return total;
}

std::optional<size_t> Package::find_scalar(std::string_view name) const {
  const auto it = std::find_if(scalars.begin(), scalars.end(),
                               [&](const ScalarInput &s) { return s.name == name; });
  return it == scalars.end() ? std::nullopt : std::optional<size_t>(it - scalars.begin());
}

std::vector<std::string> Package::tensor_names() const {
  std::vector<std::string> names;
  for (const NamedTensor &tensor : tensors) {
    names.push_back(tensor.name);
  }
  return names;
}

size_t Package::tensor_index(std::string_view name) const {
  std::optional<BindKind> kind;
  std::string_view bare = name;
  if (const size_t colon = name.find(':'); colon != name.npos) {
    kind = parse_kind(name.substr(0, colon));
    bare = kind ? name.substr(colon + 1) : name;
  }
  std::vector<size_t> found;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name == bare && (!kind || tensors[i].kind == *kind)) {
      found.push_back(i);
    }
  }
  if (found.size() == 1) {
    return found[0];
  }
  if (found.empty()) {
    throw package_error(where, "no tensor '" + std::string(name) + "'",
                        suggestion(bare, tensor_names(), "it has: "));
  }
  std::vector<std::string> candidates;
  for (size_t i : found) {
    candidates.push_back(tensors[i].describe());
  }
  throw package_error(where, "'" + std::string(name) + "' names several tensors",
                      "they are: " + join_names(candidates));
}

std::shared_ptr<const Package> Package::load(const std::filesystem::path &path) {
  if (!std::filesystem::exists(path)) {
    throw Error(Exit::failed, path.string(), "no such file",
                "compile one: momec MODEL.mome -o MODEL.mpk");
  }
  auto file = std::make_shared<const MappedFile>(path);
  auto package = std::make_shared<Package>();
  read_package(*package, file->bytes(), path.string());
  package->file = std::move(file);
  return package;
}

std::shared_ptr<const Package> Package::parse(std::span<const std::byte> bytes,
                                              const std::string &where) {
  auto package = std::make_shared<Package>();
  read_package(*package, bytes, where);
  return package;
}

} // namespace mome
