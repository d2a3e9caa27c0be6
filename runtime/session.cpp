#include "runtime/session.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "runtime/error.h"
#include "runtime/layout.h"
#include "runtime/numerics.h"
#include "runtime/text.h"

namespace mome {

Session::Session(std::shared_ptr<const Package> package, const SessionOptions &options)
    : pkg(std::move(package)),
      var(choose_variant(*pkg, options.variant, parse_place(options.device))),
      dev(make_device(var.name,
                      {parse_place(options.device).ordinal, options.threads, options.pin})),
      check_numerics(options.check_numerics) {
  dev->load(var.code, var.kernels, pkg->where + ", variant '" + var.name + "'");
  dev->allocate(var.arenas);
  for (const Program &program : var.programs) {
    dev->prepare(program); // numbered as in the variant
  }
  scalar_values.resize(pkg->scalars.size());
  for (size_t i = 0; i < pkg->scalars.size(); ++i) {
    set_scalar(i, pkg->scalars[i].value);
  }
}

Session::~Session() = default;

void Session::check_size(size_t tensor, size_t bytes) const {
  const NamedTensor &t = pkg->tensors[tensor];
  if (bytes != t.bytes()) {
    throw internal_error(t.describe(), std::to_string(bytes) + " bytes given, it has " +
                                           std::to_string(t.bytes()));
  }
}

void Session::write(size_t tensor, std::span<const std::byte> bytes) {
  check_size(tensor, bytes.size());
  const uint32_t panel = var.panels[tensor];
  if (panel == 0) {
    dev->upload(var.slots[tensor], bytes);
    return;
  }
  staging.resize(var.slots[tensor].size);
  pack_panels(pkg->tensors[tensor], panel, bytes, staging);
  dev->upload(var.slots[tensor], staging);
}

void Session::read(size_t tensor, std::span<std::byte> bytes) const {
  check_size(tensor, bytes.size());
  const uint32_t panel = var.panels[tensor];
  if (panel == 0) {
    dev->download(var.slots[tensor], bytes);
    return;
  }
  staging.resize(var.slots[tensor].size);
  dev->download(var.slots[tensor], staging);
  unpack_panels(pkg->tensors[tensor], panel, staging, bytes);
}

std::vector<std::byte> Session::read(size_t tensor) const {
  std::vector<std::byte> bytes(pkg->tensors[tensor].bytes());
  read(tensor, bytes);
  return bytes;
}

void Session::zero(size_t tensor) {
  constexpr uint64_t most = 1 << 20; // at a time: a larger buffer would stay in the process's heap
  Slice rest = var.slots[tensor];
  const std::vector<std::byte> zeros(std::min(rest.size, most));
  while (rest.size > 0) {
    Slice piece = rest;
    piece.size = std::min(rest.size, most);
    dev->upload(piece, std::span(zeros).first(piece.size));
    rest.offset += piece.size;
    rest.size -= piece.size;
  }
}

void Session::copy_from(Session &other) {
  if (other.var.name != var.name) {
    throw internal_error("copy_from", "of another variant");
  }
  std::vector<Slice> slices;
  for (size_t i = 0; i < pkg->tensors.size(); ++i) {
    const BindKind kind = pkg->tensors[i].kind;
    if (kind == BindKind::param || kind == BindKind::state) {
      slices.push_back(var.slots[i]);
    }
  }
  dev->copy(slices, *other.dev);
  for (size_t i = 0; i < scalar_values.size(); ++i) {
    set_scalar(i, other.scalar_values[i]);
  }
}

void Session::set_scalar(size_t scalar, double value) {
  scalar_values[scalar] = value;
  if (pkg->scalars[scalar].dtype == DType::i64) {
    const int64_t integer = std::llround(value);
    dev->upload(var.scalars[scalar], std::as_bytes(std::span(&integer, 1)));
  } else {
    const float number = float(value);
    dev->upload(var.scalars[scalar], std::as_bytes(std::span(&number, 1)));
  }
}

const Program &Session::program(std::string_view entry) const {
  if (const Program *found = var.find(entry)) {
    return *found;
  }
  std::vector<std::string> names;
  for (const Program &p : var.programs) {
    names.push_back(p.entry);
  }
  throw package_error(pkg->where, "no entry '" + std::string(entry) + "'",
                      suggestion(entry, names, "it has: "));
}

void Session::run(const Program &program) {
  if (check_numerics) {
    run_checked(index_of(program), program);
  } else {
    dev->run(index_of(program), 0, program.dispatches.size());
  }
}

void Session::start(std::string_view entry) {
  const Program &chosen = program(entry);
  if (check_numerics) {
    run(chosen);
  } else {
    dev->start(index_of(chosen), chosen.dispatches.size());
  }
}

bool Session::stage(size_t tensor, std::span<const std::byte> bytes) {
  check_size(tensor, bytes.size());
  return var.panels[tensor] == 0 && dev->stage(var.slots[tensor], bytes);
}

void Session::run_timed(const Program &program, std::span<double> seconds) {
  using Clock = std::chrono::steady_clock;
  auto last = Clock::now(); // one clock reading between dispatches: the times sum to the whole
  for (size_t i = 0; i < program.dispatches.size(); ++i) {
    dev->run(index_of(program), i, i + 1);
    const auto now = Clock::now();
    seconds[i] = std::chrono::duration<double>(now - last).count();
    last = now;
  }
}

size_t Session::pieces(const Program &program) const {
  size_t count = 0;
  for (size_t i = 0; i < program.dispatches.size(); ++i) {
    count += size_t(dev->pieces(index_of(program), i));
  }
  return count;
}

void Session::run_pieces(const Program &program, std::span<double> seconds) {
  dev->run_pieces(index_of(program), seconds);
}

std::vector<double> Session::deal(const Program &program, std::span<const double> seconds) const {
  return dev->deal(index_of(program), seconds);
}

//===-- The numerics guard ------------------------------------------------------------------===//

void Session::run_checked(size_t index, const Program &program) {
  check_inputs(program);
  for (size_t i = 0; i < program.dispatches.size(); ++i) {
    dev->run(index, i, i + 1);
    check_results(program, i);
  }
}

std::vector<std::byte> Session::download(const Slice &slice) const {
  std::vector<std::byte> bytes(slice.size);
  dev->download(slice, bytes);
  return bytes;
}

void Session::check_inputs(const Program &program) {
  for (uint32_t tensor : program.inputs) {
    const NamedTensor &t = pkg->tensors[tensor];
    if (const auto bad = find_bad_number(t.dtype, read(tensor))) {
      throw numerics_error("entry '" + program.entry + "'",
                           t.describe() + " holds " + std::to_string(bad->value) + " at element " +
                               std::to_string(bad->index) + " before the run",
                           "the value comes from the data, a checkpoint or an earlier step");
    }
  }
}

void Session::check_results(const Program &program, size_t index) {
  const Dispatch &dispatch = program.dispatches[index];
  const Kernel &kernel = var.kernels[dispatch.kernel];
  const size_t operands = kernel.types.size() - kernel.results;
  for (size_t a = operands; a < kernel.types.size(); ++a) {
    const auto bad = find_bad_number(kernel.types[a], download(dispatch.args[a]));
    if (!bad) {
      continue;
    }
    throw numerics_error("entry '" + program.entry + "', dispatch " + std::to_string(index),
                         describe_dispatch(dispatch) + " gave " + std::to_string(bad->value) +
                             " at element " + std::to_string(bad->index) + " of result " +
                             std::to_string(a - operands),
                         "its operands were finite: look for a division by zero, a logarithm or "
                         "exponential out of range, or a learning rate that is too large");
  }
}

} // namespace mome
