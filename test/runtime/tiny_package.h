// A whole package, small enough to read: tiny_kernels.c says what it computes. Tests take it, break
// something, seal it again and see the runtime refuse it.
#pragma once

#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "runtime/hash.h"
#include "runtime/package_hash.h"

namespace mome::test {

/// The image built from tiny_kernels.c; MOME_TINY_KERNELS is its path.
inline std::vector<uint8_t> tiny_code() {
  std::ifstream in(MOME_TINY_KERNELS, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::unique_ptr<fb::TensorT> tensor(std::string name, fb::BindKind kind,
                                           std::vector<int64_t> shape) {
  auto t = std::make_unique<fb::TensorT>();
  t->name = std::move(name);
  t->kind = kind;
  t->shape = std::move(shape);
  return t;
}

inline std::unique_ptr<fb::ScalarT> scalar(std::string name, fb::DType type, double value,
                                           bool host) {
  auto s = std::make_unique<fb::ScalarT>();
  s->name = std::move(name);
  s->dtype = type;
  s->value = value;
  s->host = host;
  return s;
}

inline std::unique_ptr<fb::KernelT> kernel(std::string symbol, int64_t chunks,
                                           std::vector<fb::DType> types) {
  auto k = std::make_unique<fb::KernelT>();
  k->symbol = std::move(symbol);
  k->chunks = chunks;
  k->scratch = 64;
  k->types = std::move(types);
  k->results = 1;
  return k;
}

inline std::unique_ptr<fb::DispatchT> dispatch(uint32_t kernel, std::vector<fb::Slice> args,
                                               std::string op) {
  auto d = std::make_unique<fb::DispatchT>();
  d->kernel = kernel;
  d->args = std::move(args);
  d->op = std::move(op);
  d->scope = {"head"};
  d->lines = {"tiny.mome:3:5"};
  d->flops = 48;
  return d;
}

struct Tiny {
  enum Tensors : uint32_t { x, w, logits, loss, grad };
  enum Scalars : uint32_t { seed, lr, lr_now };
  // Arena 0 "state": w 64, grad at 64.  1 "io": x, logits at 64, loss at 128, scalars from 192.
  // 2 "work": y.
  static fb::Slice at(uint32_t tensor) {
    static const fb::Slice slots[] = {
        {1, 0, 32}, {0, 0, 32}, {1, 64, 48}, {1, 128, 4}, {0, 64, 24}};
    return slots[tensor];
  }
  static fb::Slice scalar_at(uint32_t i, uint64_t size) { return {1, 192 + i * 64, size}; }

  static std::unique_ptr<fb::ProgramT>
  program(std::string entry, std::vector<uint32_t> inputs, std::vector<uint32_t> outputs,
          std::vector<std::unique_ptr<fb::DispatchT>> dispatches) {
    auto p = std::make_unique<fb::ProgramT>();
    p->entry = std::move(entry);
    p->inputs = std::move(inputs);
    p->outputs = std::move(outputs);
    p->dispatches = std::move(dispatches);
    return p;
  }

  static void add_programs(fb::VariantT &v) {
    const fb::Slice y = {2, 0, 48};
    const auto list = [](auto... items) {
      std::vector<std::unique_ptr<fb::DispatchT>> result;
      (result.push_back(std::move(items)), ...);
      return result;
    };
    const auto forward = [&](fb::Slice to) { return dispatch(0, {at(x), at(w), to}, "nn.linear"); };
    v.programs.push_back(program("predict", {x, w}, {logits}, list(forward(at(logits)))));
    v.programs.push_back(program(
        "init", {}, {w}, list(dispatch(4, {scalar_at(seed, 8), at(w)}, "nn.random_normal"))));
    v.programs.push_back(program("fit.grad", {x, w}, {loss, grad},
                                 list(forward(y), dispatch(1, {y, at(loss)}, "nn.reduce_sum"),
                                      dispatch(2, {y, at(x), at(grad)}, "nn.matmul"))));
    v.programs.push_back(
        program("fit.step", {x, w}, {loss, w},
                list(forward(y), dispatch(1, {y, at(loss)}, "nn.reduce_sum"),
                     dispatch(2, {y, at(x), at(grad)}, "nn.matmul"),
                     dispatch(3, {at(w), at(grad), scalar_at(lr_now, 4), at(w)}, "nn.sgd"))));
  }

  static std::unique_ptr<fb::VariantT> variant() {
    auto v = std::make_unique<fb::VariantT>();
    v->name = "x86-64";
    const auto arena = [&](const char *name, fb::ArenaKind kind, uint64_t size) {
      v->arenas.push_back(std::make_unique<fb::ArenaT>());
      v->arenas.back()->name = name;
      v->arenas.back()->kind = kind;
      v->arenas.back()->size = size;
    };
    arena("state", fb::ArenaKind::state, 128);
    arena("io", fb::ArenaKind::io, 384);
    arena("work", fb::ArenaKind::work, 64);
    for (uint32_t i = 0; i < 5; ++i) {
      v->slots.push_back(std::make_unique<fb::SlotT>());
      v->slots.back()->tensor = i;
      v->slots.back()->arena = at(i).arena();
      v->slots.back()->offset = at(i).offset();
      v->slots.back()->size = at(i).size();
    }
    for (uint32_t i = 0; i < 3; ++i) {
      v->scalars.push_back(std::make_unique<fb::ScalarSlotT>());
      v->scalars.back()->scalar = i;
      v->scalars.back()->arena = 1;
      v->scalars.back()->offset = scalar_at(i, 4).offset();
    }
    v->layouts.push_back(std::make_unique<fb::LayoutT>());
    v->layouts[0]->tensor = w;
    v->layouts[0]->panel = 2;
    constexpr auto f = fb::DType::f32;
    v->kernels.push_back(kernel("k_linear", 4, {f, f, f}));
    v->kernels.push_back(kernel("k_loss", 1, {f, f}));
    v->kernels.push_back(kernel("k_grad", 3, {f, f, f}));
    v->kernels.push_back(kernel("k_update", 3, {f, f, f, f}));
    v->kernels.push_back(kernel("k_init", 3, {fb::DType::i64, f}));
    add_programs(*v);
    v->code = tiny_code();
    return v;
  }

  static std::unique_ptr<fb::PackageT> package() {
    auto p = std::make_unique<fb::PackageT>();
    p->format = 1;
    p->compiler = "test";
    p->model = "Tiny";
    p->batch = p->eval_batch = 4;
    p->precision = "f32";
    p->modalities = {"x"};
    p->classes = {"0", "1", "2"};
    p->tensors.push_back(tensor("x", fb::BindKind::input, {4, 2}));
    p->tensors.push_back(tensor("head.w", fb::BindKind::param, {3, 2}));
    p->tensors.push_back(tensor("logits", fb::BindKind::output, {4, 3}));
    p->tensors.push_back(tensor("fit", fb::BindKind::loss, {}));
    p->tensors.push_back(tensor("head.w", fb::BindKind::grad, {3, 2}));
    p->scalars.push_back(scalar("seed", fb::DType::i64, 0, true));
    p->scalars.push_back(scalar("fit.lr", fb::DType::f32, 0.5, false));
    p->scalars.push_back(scalar("fit.lr_now", fb::DType::f32, 0, true));
    p->train.push_back(std::make_unique<fb::SectionT>());
    p->train[0]->name = "fit";
    p->train[0]->json = R"({"batch": 4, "optimizer": {"kind": "sgd"}})";
    p->variants.push_back(variant());
    return p;
  }
};

/// Writes the tables as a sealed file's bytes.
inline std::vector<uint8_t> pack(fb::PackageT &package) {
  for (auto &variant : package.variants) {
    variant->code_hash = xxh3_hex(std::as_bytes(std::span(variant->code)));
  }
  package.hash = unsealed_hash;
  flatbuffers::FlatBufferBuilder builder;
  fb::FinishPackageBuffer(builder, fb::Package::Pack(builder, &package));
  std::vector<uint8_t> bytes(builder.GetBufferPointer(),
                             builder.GetBufferPointer() + builder.GetSize());
  seal_package(bytes);
  return bytes;
}

inline std::vector<uint8_t> tiny_package(const std::function<void(fb::PackageT &)> &change = {}) {
  auto package = Tiny::package();
  if (change) {
    change(*package);
  }
  return pack(*package);
}

} // namespace mome::test
