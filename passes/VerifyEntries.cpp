// nn-verify-entries: the border checks between `place` and `fuse`.
//
//   E1  a module holds one func.func with a body per entry, and nothing else
//   E2  an entry is one block of `nn` ops that ends in func.return
//   E3  every argument and result has an nn.bind
//   E4  the type fits the kind of binding (docs/levels.md)
//   E5  no two arguments, and no two results, of an entry have one binding
//   E6  a binding has one type everywhere; grad and moment have their parameter's
//   E7  the host fills inputs, labels, masks and scalars; it reads losses, metrics, outputs and taps
//   E8  by stage: no nn.gradient from `autodiff` on, no nn.stop_gradient from `simplify` on
//   E9  no nn.dispatch, nn.kernel or nn.call yet
//   E10 with `provenance`: every op but constants says which DSL path it computes for
#include "dialects/Mome/Scope.h"
#include "passes/Passes.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_VERIFYENTRIESPASS
#include "passes/Passes.h.inc"

using nn::BindKind;

namespace {
class VerifyEntries : public impl::VerifyEntriesPassBase<VerifyEntries> {
public:
  using Base::Base;

  void runOnOperation() override {
    types.clear();
    for (Operation &op : *getOperation().getBody()) {
      auto entry = dyn_cast<func::FuncOp>(op);
      if (!entry || entry.isExternal()) {
        op.emitOpError("E1: is no entry");
        return signalPassFailure();
      }
      if (failed(verifyBody(entry)) || failed(verifyBindings(entry))) {
        return signalPassFailure();
      }
    }
    if (failed(verifyParameterTypes())) {
      return signalPassFailure();
    }
    markAllAnalysesPreserved();
  }

private:
  LogicalResult verifyBody(func::FuncOp entry);
  LogicalResult verifyOp(Operation &op);
  LogicalResult verifyBindings(func::FuncOp entry);
  LogicalResult verifyBinding(func::FuncOp entry, nn::BindAttr bind, Type type, bool isResult);
  LogicalResult verifyParameterTypes();

  /// By binding, the type and the entry where it was seen first.
  llvm::MapVector<nn::BindAttr, std::pair<Type, func::FuncOp>> types;
};
} // namespace

//===-- Ops -----------------------------------------------------------------------------------===//

LogicalResult VerifyEntries::verifyBody(func::FuncOp entry) {
  if (!entry.getBody().hasOneBlock()) {
    return entry.emitOpError("E2: has more than one block");
  }
  for (Operation &op : entry.getBody().front().without_terminator()) {
    if (failed(verifyOp(op))) {
      return failure();
    }
  }
  return success();
}

LogicalResult VerifyEntries::verifyOp(Operation &op) {
  if (!isa_and_present<nn::NNDialect>(op.getDialect())) {
    return op.emitOpError("E2: cannot stand in an entry");
  }
  bool isAutodiffDone = stage != "place", isSimplified = stage == "simplify";
  if ((isAutodiffDone && isa<nn::GradientOp>(op)) ||
      (isSimplified && isa<nn::StopGradientOp>(op))) {
    return op.emitOpError("E8: must be gone after stage '") << stage << "'";
  }
  if (isa<nn::DispatchOp, nn::KernelOp, nn::CallOp>(op)) {
    return op.emitOpError("E9: comes with stage 'fuse' only");
  }
  if (provenance && !isa<nn::ConstantOp>(op) && model::getScopes(op.getLoc()).empty()) {
    return op.emitOpError("E10: does not say which path it computes for");
  }
  return success();
}

//===-- Bindings ------------------------------------------------------------------------------===//

/// What E4 wants instead of `type`; empty if it fits.
static StringRef getExpectedType(BindKind kind, RankedTensorType type) {
  Type element = type.getElementType();
  switch (kind) {
  case BindKind::input:
    return type.getRank() >= 1 && isa<FloatType>(element) ? "" : "a float tensor with a batch axis";
  case BindKind::label:
    return type.getRank() == 1 && element.isInteger(32) ? "" : "tensor<Bxi32>";
  case BindKind::presence:
    return type.getRank() == 2 && isa<FloatType>(element) ? "" : "tensor<BxNxf32>";
  case BindKind::valid:
    return type.getRank() == 1 && isa<FloatType>(element) ? "" : "tensor<Bxf32>";
  case BindKind::scalar:
    return type.getRank() == 0 && (isa<FloatType>(element) || element.isInteger(64))
               ? ""
               : "tensor<f32> or tensor<i64>";
  case BindKind::loss:
  case BindKind::metric:
    return type.getRank() == 0 && isa<FloatType>(element) ? "" : "a float scalar";
  case BindKind::param:
  case BindKind::state:
  case BindKind::moment:
  case BindKind::grad:
  case BindKind::sum:
    return isa<FloatType>(element) ? "" : "a float tensor";
  case BindKind::output:
  case BindKind::tap:
    return "";
  }
  llvm_unreachable("unknown binding");
}

static bool isFilledByHost(BindKind kind) {
  return kind == BindKind::input || kind == BindKind::label || kind == BindKind::presence ||
         kind == BindKind::valid || kind == BindKind::scalar;
}
static bool isReadByHost(BindKind kind) {
  return kind == BindKind::loss || kind == BindKind::metric || kind == BindKind::output ||
         kind == BindKind::tap;
}

LogicalResult VerifyEntries::verifyBinding(func::FuncOp entry, nn::BindAttr bind, Type type,
                                           bool isResult) {
  BindKind kind = bind.getKind();
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape()) {
    return entry.emitOpError("E4: ") << bind << " is no static tensor but " << type;
  }
  if (StringRef expected = getExpectedType(kind, tensor); !expected.empty()) {
    return entry.emitOpError("E4: ") << bind << " must be " << expected << ", not " << type;
  }
  if (isResult ? isFilledByHost(kind) : isReadByHost(kind)) {
    return entry.emitOpError("E7: ")
           << bind << " cannot be " << (isResult ? "a result" : "an argument");
  }
  auto [it, isNew] = types.insert({bind, {type, entry}});
  // Entries for training and for evaluation may differ in batch size: what has a batch axis is
  // another tensor there.
  bool hasBatch = kind == BindKind::input || kind == BindKind::label ||
                  kind == BindKind::presence || kind == BindKind::valid ||
                  kind == BindKind::output || kind == BindKind::tap;
  if (!isNew && !hasBatch && it->second.first != type) {
    InFlightDiagnostic error = entry.emitOpError("E6: ")
                               << bind << " is " << type << ", but " << it->second.first << " in @"
                               << it->second.second.getSymName();
    return error;
  }
  return success();
}

LogicalResult VerifyEntries::verifyBindings(func::FuncOp entry) {
  auto verifySide = [&](TypeRange sideTypes, auto getAttr, bool isResult) -> LogicalResult {
    llvm::DenseSet<Attribute> seen;
    for (auto [number, type] : llvm::enumerate(sideTypes)) {
      auto bind = dyn_cast_if_present<nn::BindAttr>(getAttr(number));
      if (!bind) {
        return entry.emitOpError("E3: ")
               << (isResult ? "result " : "argument ") << number << " has no nn.bind";
      }
      if (!seen.insert(bind).second) {
        return entry.emitOpError("E5: ")
               << bind << " is bound to two " << (isResult ? "results" : "arguments");
      }
      if (failed(verifyBinding(entry, bind, type, isResult))) {
        return failure();
      }
    }
    return success();
  };
  StringRef name = nn::NNDialect::bindAttrName;
  auto getArgument = [&](unsigned number) { return entry.getArgAttr(number, name); };
  auto getResult = [&](unsigned number) { return entry.getResultAttr(number, name); };
  return failure(failed(verifySide(entry.getArgumentTypes(), getArgument, false)) ||
                 failed(verifySide(entry.getResultTypes(), getResult, true)));
}

/// E6 for gradients and moments.
LogicalResult VerifyEntries::verifyParameterTypes() {
  for (auto &[bind, seen] : types) {
    StringRef path = bind.getName();
    if (bind.getKind() == BindKind::moment) {
      path = path.split('/').second;
    } else if (bind.getKind() != BindKind::grad) {
      continue;
    }
    auto param = types.find(nn::BindAttr::get(&getContext(), BindKind::param, path));
    if (param == types.end()) {
      return seen.second.emitOpError("E6: ") << bind << " has no parameter";
    }
    if (param->second.first != seen.first) {
      return seen.second.emitOpError("E6: ")
             << bind << " is " << seen.first << ", but its parameter " << param->second.first;
    }
  }
  return success();
}

} // namespace mome
