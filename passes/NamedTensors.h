// The table of named tensors and scalars that all entries share, and their slots in the arenas
// `state` and `io`.
#ifndef MOME_PASSES_NAMEDTENSORS_H
#define MOME_PASSES_NAMEDTENSORS_H

#include "dialects/NN/NN.h"
#include "dialects/RT/RT.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

namespace mome {

class NamedTensors {
public:
  /// Starts with the scalars that the module's `rt.package` lists.
  explicit NamedTensors(mlir::ModuleOp module);

  /// The symbol of a binding, added at first sight. Emits an error on the entry if there is no
  /// binding, or if it has another type than before and is state.
  mlir::FailureOr<mlir::StringAttr> add(mlir::func::FuncOp entry, nn::BindAttr bind,
                                        mlir::Type type);
  /// The symbol of a binding that was added.
  mlir::StringAttr lookup(nn::BindAttr bind, mlir::Type type) const;
  /// Arena and offset of a symbol.
  std::pair<mlir::FlatSymbolRefAttr, int64_t> slotOf(mlir::StringAttr symbol) const;

  /// Emits the arenas, tensors and scalars.
  void emit(mlir::OpBuilder &builder);

private:
  struct Slot {
    mlir::RankedTensorType type;
    nn::BindKind kind;
    int64_t offset;
  };
  struct ScalarInfo {
    double value = 0;
    bool host = false;
  };
  mlir::StringAttr insert(nn::BindAttr bind, mlir::RankedTensorType type, mlir::StringAttr symbol);

  mlir::ModuleOp module;
  llvm::MapVector<mlir::StringAttr, Slot> slots; // by symbol, in order of appearance
  llvm::DenseMap<std::pair<nn::BindAttr, mlir::Type>, mlir::StringAttr> symbols;
  llvm::DenseMap<nn::BindAttr, mlir::StringAttr> first; // the symbol without a shape
  llvm::DenseMap<mlir::StringAttr, ScalarInfo> scalars;
  int64_t stateBytes = 0, ioBytes = 0;
};

} // namespace mome
#endif
