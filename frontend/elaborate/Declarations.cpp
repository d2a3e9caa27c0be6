// What outlives a call: parameters, states, scalars and random streams, each named by the path of the
// call that makes it. The first use declares it, every use reads it.
//
//   fc: linear(x, 64)     mome.param "fc.weight", "fc.bias"; in the graph mome.read of both
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

static model::InitAttr initAttr(mlir::MLIRContext &context, const Initializer &init) {
  mlir::ArrayAttr args =
      init.args.empty() ? nullptr : mlir::Builder(&context).getF64ArrayAttr(init.args);
  return model::InitAttr::get(&context, init.kind, args);
}

Tensor Elaborator::parameter(llvm::StringRef leaf, llvm::ArrayRef<int64_t> shape,
                             const Initializer &init) {
  std::string path = joinPath(callPath, leaf);
  auto type = mlir::RankedTensorType::get(shape, builder.getF32Type());
  auto [made, fresh] = graphParameters.emplace(path, callRange());
  if (!fresh && !sharing) {
    report(callRange(), "E0210",
           "two calls in one scope make a parameter '" + path +
               "': give one of them a label, or write `same` to share it");
    note("the first one is here", made->second);
  }
  if (fresh && sharing) {
    report(callRange(), "E0221",
           "`same` shares the parameter '" + path +
               "', but no earlier call of this scope makes it");
  }
  mlir::Operation *&declaration = declared[path];
  mlir::Location where = loc(made->second);
  if (!declaration) {
    declaration = model::ParamOp::create(declarations, where, path, type, initAttr(context, init));
  }
  auto param = llvm::dyn_cast<model::ParamOp>(declaration);
  if (!param || param.getType() != type) {
    report(callRange(), "E0211", "'" + path + "' has another shape where it was first made");
    return ops({}).splat(shape, 0.0);
  }
  return {model::ReadOp::create(builder, where, type, path)};
}

Tensor Elaborator::state(llvm::StringRef leaf, llvm::ArrayRef<int64_t> shape,
                         const Initializer &init) {
  std::string path = joinPath(callPath, leaf);
  auto type = mlir::RankedTensorType::get(shape, builder.getF32Type());
  mlir::Operation *&declaration = declared[path];
  if (!declaration) {
    declaration =
        model::StateOp::create(declarations, loc(callRange()), path, type, initAttr(context, init));
  }
  auto latest = stateValues.find(path);
  if (latest == stateValues.end()) {
    Tensor read{model::ReadOp::create(builder, loc(callRange()), type, path)};
    latest = stateValues.emplace(path, read).first;
  }
  return latest->second;
}

void Elaborator::update(llvm::StringRef leaf, Tensor value) {
  if (training()) {
    stateValues[joinPath(callPath, leaf)] = value;
  }
}

Tensor Elaborator::scalarInput(llvm::StringRef name) {
  mlir::Type type = builder.getIntegerType(64);
  declareScalar(name, model::ScalarKind::host, 0, type, loc({}));
  return {model::ReadOp::create(builder, loc({}), mlir::RankedTensorType::get({}, type), name)};
}

void Elaborator::declareScalar(llvm::StringRef name, model::ScalarKind kind, double value,
                               mlir::Type type, mlir::Location where) {
  mlir::Operation *&declaration = declared[name.str()];
  if (!declaration) {
    declaration =
        model::ScalarOp::create(declarations, where, name, kind, llvm::APFloat(value), type);
  }
}

/// FNV-1a over the path and the number of random calls there so far: equal in every graph,
/// placement and order.
uint32_t Elaborator::rngId() {
  std::string key = callPath + "#" + std::to_string(rngCalls[callPath]++);
  uint32_t hash = 2166136261u;
  for (unsigned char c : key) {
    hash = (hash ^ c) * 16777619u;
  }
  return hash;
}

} // namespace mome::elaborate
