// The primitive operations of the language: one table, name -> signature -> builder of `nn` ops.
#ifndef MOME_FRONTEND_ELABORATE_BUILTINS_H
#define MOME_FRONTEND_ELABORATE_BUILTINS_H

#include "frontend/elaborate/TensorOps.h"
#include "frontend/elaborate/Value.h"

#include <functional>
#include <optional>

namespace mome::elaborate {

/// What a builtin asks of the elaborator. Narrow on purpose: builtins know nothing of syntax or scopes.
class BuiltinHost {
public:
  virtual ~BuiltinHost() = default;
  /// Declares (or finds again) the parameter `leaf` below the call's path and reads it.
  virtual Tensor parameter(llvm::StringRef leaf, llvm::ArrayRef<int64_t> shape, const Initializer &init) = 0;
  virtual Tensor state(llvm::StringRef leaf, llvm::ArrayRef<int64_t> shape, const Initializer &init) = 0;
  virtual void update(llvm::StringRef leaf, Tensor value) = 0;
  /// A named scalar input: `seed`, `step`, `sample` (i64).
  virtual Tensor scalarInput(llvm::StringRef name) = 0;
  /// A number the builtin generates randomness by: the hash of the call's path.
  virtual uint32_t rngId() = 0;
  virtual bool training() const = 0;
  /// How many classes the model's label `y` has; nullopt if `y` is no label as it was declared.
  virtual std::optional<int64_t> classesOf(Tensor y) = 0;
  /// Reports an error on the call; `argument` >= 0 underlines that argument. Returns a poisoned value.
  virtual Value error(llvm::StringRef code, const std::string &message, int argument = -1) = 0;
};

enum class Kind : uint8_t { any, tensor, integer, number, boolean, string, shape, list, initializer };

struct Parameter {
  llvm::StringRef name;
  Kind kind = Kind::any;
  std::optional<Value> fallback; ///< absent: the argument is required
};

/// One call, its arguments bound to the signature.
struct BuiltinCall {
  BuiltinHost &host;
  TensorOps t;
  std::vector<Value> slots;  ///< one per parameter of the signature
  std::vector<bool> given;
  std::vector<Value> rest;   ///< further positional arguments, if the builtin is variadic
  std::map<std::string, Value> named; ///< further named arguments, if the builtin takes any name

  Tensor tensor(int i) const { return *slots[i].get<Tensor>(); }
  int64_t integer(int i) const { return *slots[i].get<int64_t>(); }
  double number(int i) const { return *slots[i].number(); }
  bool boolean(int i) const { return *slots[i].get<bool>(); }
  const std::string &string(int i) const { return *slots[i].get<std::string>(); }
  /// A list of integers.
  llvm::SmallVector<int64_t> shape(int i) const;
  /// A number or a rank-0 tensor (a hyper), as a tensor.
  Tensor scalar(int i);
  Value error(llvm::StringRef code, const std::string &message, int argument = -1) const {
    return host.error(code, message, argument);
  }
  /// The axis argument, counted from the end when negative; nullopt after reporting.
  std::optional<int64_t> axis(int i, int64_t rank) const;
};

struct Builtin {
  llvm::StringRef name;
  std::vector<Parameter> parameters;
  std::function<Value(BuiltinCall &)> build;
  bool variadic = false; ///< takes further positional arguments
  llvm::StringRef summary;
  bool anyName = false;  ///< takes further named arguments
};

/// The builtin of that name, or null.
const Builtin *findBuiltin(llvm::StringRef name);
/// All names, for suggestions and docs.
std::vector<llvm::StringRef> builtinNames();
/// `x + y` and friends between two values at least one of which is a tensor; also `max(x, y)`.
Value buildArithmetic(BuiltinHost &host, TensorOps t, llvm::StringRef op, Value x, Value y);

// One function per room; each appends its builtins to the table.
void addElementwiseBuiltins(std::vector<Builtin> &table);
void addShapeBuiltins(std::vector<Builtin> &table);
void addReduceBuiltins(std::vector<Builtin> &table);
void addLayerBuiltins(std::vector<Builtin> &table);
void addLossBuiltins(std::vector<Builtin> &table);

} // namespace mome::elaborate
#endif
