// What an expression of the language means while a model is elaborated: numbers and structure are computed now, tensors
// become SSA values.
#ifndef MOME_FRONTEND_ELABORATE_VALUE_H
#define MOME_FRONTEND_ELABORATE_VALUE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace mome::syntax {
struct Block;
}

namespace mome::elaborate {

/// A tensor of the graph. `batched`: axis 0 is the batch, alone or as the slowest part of a merged axis (B, or B*k).
struct Tensor {
  mlir::Value value;
  bool batched = false;

  mlir::RankedTensorType type() const { return mlir::cast<mlir::RankedTensorType>(value.getType()); }
  llvm::ArrayRef<int64_t> shape() const { return type().getShape(); }
  int64_t rank() const { return type().getRank(); }
};

/// How a parameter starts: `trunc_normal(0.02)`, `zeros`, ... Arguments are numbers known now.
struct Initializer {
  std::string kind;
  std::vector<double> args;
};

struct Value;
using List = std::vector<Value>;

/// A user-defined or built-in block, callable by name.
struct BlockRef {
  const syntax::Block *block = nullptr;
  const struct Module *module = nullptr; ///< where its names resolve
};

struct Modality {
  std::string name;
  int64_t index = 0;
  bool optional = false;
  Tensor tensor;
};

/// The result of an expert: what it yielded, entry by entry, and what it returned.
struct Expert {
  std::string name;
  int64_t index = 0;
  std::map<std::string, List> yields;
};
using ExpertRef = std::shared_ptr<const Expert>;

/// `E`: the experts of the model, in order.
struct Experts {
  std::vector<ExpertRef> experts;
};
using ExpertsRef = std::shared_ptr<const Experts>;

/// A gate: `[B, N]`, indexable only by an expert.
struct Weights {
  Tensor tensor;
  ExpertsRef over;
};

struct Range {
  int64_t begin, end;
};

/// The result of an expression that was already reported as wrong; swallows every operation without another message.
struct Poison {};
/// A call that returns nothing.
struct None {};

struct Value {
  std::variant<Poison, None, bool, int64_t, double, std::string, Tensor, std::shared_ptr<List>, BlockRef, Modality, ExpertRef,
               ExpertsRef, Weights, Range, Initializer>
      data = Poison{};

  Value() = default;
  template <typename T> Value(T value) : data(std::move(value)) {}
  Value(int value) : data(int64_t(value)) {}
  Value(List list) : data(std::make_shared<List>(std::move(list))) {}

  template <typename T> const T *get() const { return std::get_if<T>(&data); }
  bool poisoned() const { return get<Poison>(); }
  const List *list() const {
    auto *shared = get<std::shared_ptr<List>>();
    return shared ? shared->get() : nullptr;
  }
  /// int or float, as float.
  std::optional<double> number() const {
    if (auto *i = get<int64_t>()) {
      return double(*i);
    }
    if (auto *d = get<double>()) {
      return *d;
    }
    return std::nullopt;
  }
  /// "int", "f32[B, 768]", "expert 'rgb'", ...: for messages.
  std::string describe(int64_t batch = 0) const;
};

/// "f32[B, 768]"; axis 0 prints as B or B*k when the tensor is batched.
std::string describe(Tensor tensor, int64_t batch);

} // namespace mome::elaborate
#endif
