// What convolutions need on every machine: geometry, and the elementwise epilogue on sums.
//
// The derivative for x is a convolution of the cotangent, whose elements stand a stride apart; the
// derivative for w sums over what nn.conv joins.
#ifndef MOME_PASSES_CONVOLUTIONEMITTER_H
#define MOME_PASSES_CONVOLUTIONEMITTER_H

#include "dialects/NN/Window.h"
#include "passes/BodyEmitter.h"

namespace mome {

/// result[b, g, o, p] = sum over c, k of W(g, o, c, k) S[b, g, c, p stride + k dilation], where S
/// holds source element j at position `j spread + shift` of each axis and 0 elsewhere.
struct ConvGeometry {
  int64_t batch, groups, outs, ins; // outs, ins: channels per group
  llvm::SmallVector<int64_t> source, result, kernel, stride, dilation, spread, shift;

  unsigned rank() const { return result.size(); }
  unsigned last() const { return result.size() - 1; }
  int64_t kernelSize() const;
  int64_t sourceSize() const;
  int64_t resultSize() const;
};

/// A convolution or one of its derivatives.
struct Convolution {
  enum class Kind { forward, forInput, forWeight };
  Kind kind;
  /// forInput: `source` is the cotangent, W(g, o, c, k) = weight[g, c, o, the last k - k].
  /// forWeight: that of nn.conv.
  ConvGeometry geometry;
  mlir::Value source;
  mlir::Value factor; // the weight; forWeight: the cotangent, [batch, groups, outs, result]
};

/// None if `root` is another op.
std::optional<Convolution> describeConvolution(mlir::Operation *root);
/// Why `kernel`, whose root is a convolution, is more than one of f32 or bf16 operands with an
/// elementwise epilogue; else empty. `space`: over the root's result.
std::string refuseConvolution(nn::KernelOp kernel, const IterationSpace &space);

/// Runs a kernel's epilogue at `at` (an index per axis of the root's result; lanes along the last
/// axis if `value` is a vector) and stores the results.
class ConvEpilogue {
public:
  ConvEpilogue(FunctionBuilder &b, const IterationSpace &space, mlir::Value root)
      : b(b), space(space), emitter(b, space), root(root) {}
  void emit(mlir::Value value, llvm::ArrayRef<mlir::Value> at, mlir::Value mask) {
    prepare(value, at, mask)();
  }
  /// The same, but storing is left to what it returns (BodyEmitter::prepareResults).
  std::function<void()> prepare(mlir::Value value, llvm::ArrayRef<mlir::Value> at,
                                mlir::Value mask);

private:
  FunctionBuilder &b;
  const IterationSpace &space;
  BodyEmitter emitter;
  mlir::Value root;
};

} // namespace mome
#endif
