// Builds one entry: a function whose arguments appear on demand and whose results are named by bindings.
#ifndef MOME_PASSES_ENTRYBUILDER_H
#define MOME_PASSES_ENTRYBUILDER_H

#include "dialects/Mome/Mome.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

namespace mome {

/// What a graph computes, brought into an entry.
struct Forward {
  struct Loss {
    mlir::StringRef name;
    mlir::Value value, weight; ///< weight: null means 1
    mlir::Location loc;
  };
  llvm::SmallVector<Loss> losses;
  llvm::SmallVector<std::pair<mlir::StringRef, mlir::Value>> outputs, taps, updates;
  struct Metric {
    model::MetricOp op;
    llvm::SmallVector<mlir::Value> sums;
  };
  llvm::SmallVector<Metric> metrics;
};

class EntryBuilder {
public:
  /// Starts the entry `name` at the end of `module`.
  EntryBuilder(mlir::ModuleOp module, llvm::StringRef name);

  mlir::OpBuilder builder;

  /// The argument with that binding, made when first asked for.
  mlir::Value argument(nn::BindKind kind, llvm::StringRef name, mlir::Type type, mlir::Location loc);
  /// A named scalar input, f32 unless said otherwise.
  mlir::Value scalar(llvm::StringRef name);
  mlir::Value seed();
  void result(nn::BindKind kind, llvm::StringRef name, mlir::Value value);
  /// Inlines a graph: markers become entries of `Forward`, parts are dissolved, reads become arguments.
  Forward inlineGraph(model::GraphOp graph);
  /// Returns the results, drops what they do not need, and sets the function's type. False and no entry if it has no result.
  bool finish();

private:
  void inlineBlock(mlir::Block &block, mlir::IRMapping &mapping, Forward &forward);
  mlir::Value read(model::ReadOp op);

  mlir::func::FuncOp function;
  std::map<std::pair<nn::BindKind, std::string>, unsigned> arguments;
  llvm::SmallVector<nn::BindAttr> argumentBinds, resultBinds;
  llvm::SmallVector<mlir::Value> results;
};

/// Builds nn at one location.
struct Arithmetic {
  mlir::OpBuilder &b;
  mlir::Location loc;

  mlir::Value splat(mlir::Type type, double value) { return nn::buildSplat(b, loc, type, value); }
  mlir::Value add(mlir::Value x, mlir::Value y) { return nn::AddOp::create(b, loc, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return nn::MulOp::create(b, loc, x, y); }
  mlir::Value spread(mlir::Value scalar, mlir::Type type) {
    return nn::BroadcastOp::create(b, loc, type, scalar, llvm::ArrayRef<int64_t>{});
  }
};

/// The objective: the weighted sum of the losses; null if there are none.
mlir::Value buildObjective(EntryBuilder &entry, const Forward &forward);

} // namespace mome
#endif
