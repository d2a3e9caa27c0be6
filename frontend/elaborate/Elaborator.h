// From syntax tree to the `mome` level: evaluates everything that is known now (numbers, shapes,
// loops, names) and builds `nn` for the rest. The rooms, each a file: what expressions mean
// (Expressions, Operators, Subscripts, Attributes, Comprehensions), calls (Calls, BlockCalls,
// BuiltinCalls, Declarations), Statements, the model (ModelElaboration, ModelStatements, Metrics),
// Sections.
#ifndef MOME_FRONTEND_ELABORATE_ELABORATOR_H
#define MOME_FRONTEND_ELABORATE_ELABORATOR_H

#include "dialects/Mome/Mome.h"
#include "frontend/elaborate/Builtins.h"
#include "frontend/elaborate/Frame.h"
#include "frontend/elaborate/Modules.h"

#include "mlir/IR/BuiltinOps.h"

#include <deque>
#include <set>

namespace mome::elaborate {

struct Options {
  std::map<std::string, std::string> defines; ///< -D name=value: model parameters
  std::string preset;
  std::optional<int64_t> batch, eval_batch; ///< override the train section's
  std::string precision;                    ///< overrides the section's
};

class Elaborator : public BuiltinHost {
public:
  Elaborator(mlir::MLIRContext &context, syntax::SourceManager &sources,
             syntax::Diagnostics &diagnostics, Options options)
      : context(context), builder(&context), declarations(&context), sources(sources),
        diagnostics(diagnostics), options(std::move(options)) {}

  /// Builds the module of the file's only model; null after reporting.
  mlir::OwningOpRef<mlir::ModuleOp> run(const Module &module);

  // === BuiltinHost
  Tensor parameter(llvm::StringRef leaf, llvm::ArrayRef<int64_t> shape,
                   const Initializer &init) override;
  Tensor state(llvm::StringRef leaf, llvm::ArrayRef<int64_t> shape,
               const Initializer &init) override;
  void update(llvm::StringRef leaf, Tensor value) override;
  Tensor scalarInput(llvm::StringRef name) override;
  uint32_t rngId() override;
  bool training() const override { return mode == model::Mode::train; }
  std::optional<int64_t> classesOf(Tensor y) override;
  Value error(llvm::StringRef code, const std::string &message, int argument = -1) override;

private:
  // === Places and messages
  mlir::Location loc(syntax::Range range) const;
  /// Reports and returns poison; every use of poison is silent.
  Value report(syntax::Range range, llvm::StringRef code, const std::string &message,
               const std::string &label = "");
  void note(const std::string &message, syntax::Range range = {});
  TensorOps ops(syntax::Range range);
  std::string describe(const Value &value) const { return value.describe(batch); }

  // === Expressions
  Value evaluate(const syntax::Expr &expr);
  Value evaluateName(const syntax::Expr &expr);
  Value evaluateUnary(const syntax::Expr &expr);
  Value evaluateBinary(const syntax::Expr &expr);
  Value evaluateIndex(const syntax::Expr &expr);
  Value indexWeights(const Weights &weights, const syntax::Expr &expr);
  Value indexTensor(Tensor tensor, const syntax::Expr &expr);
  Value indexList(const List &list, const syntax::Expr &expr);
  /// A bound of a subscript, counted from the end of `extent` if it is negative; `absent` if it is not written.
  std::optional<int64_t> bound(const syntax::ExprPtr &expr, int64_t absent, int64_t extent,
                               llvm::StringRef what);
  struct Cut;
  std::optional<Cut> cutAxis(Tensor x, int64_t axis, const syntax::Subscript &subscript);
  Value evaluateAttribute(const syntax::Expr &expr);
  /// `presence` [B, N]; of one modality, by name, [B, 1].
  Tensor presence(syntax::Range range);
  Value presenceOf(const std::string &modality, const syntax::Expr &expr);
  Value evaluateComprehension(const syntax::Expr &expr);
  /// Runs `body` for every combination of the clauses that satisfies the condition; false after an
  /// error.
  bool forEach(const syntax::Expr &comprehension, size_t clause, const std::function<bool()> &body);
  std::optional<List> elements(const Value &value, syntax::Range range);
  std::optional<int64_t> integer(const syntax::Expr &expr, llvm::StringRef what);
  std::optional<bool> condition(const syntax::Expr &expr);
  std::optional<Tensor> tensor(const Value &value) const;

  // === Calls
  Value evaluateCall(const syntax::Expr &call, const std::string &label, bool same);
  Value evaluateLabel(const syntax::Expr &expr);
  std::optional<std::string> labelPath(const std::vector<syntax::LabelPart> &parts);
  Value callBlock(BlockRef block, const syntax::Expr &call, const std::string &path, bool same);
  /// Before a list is reduced: reports if it combines tensors of experts whose shapes differ; false
  /// then.
  bool checkExpertShapes(const syntax::Expr &comprehension, const Value &list);
  Value callBuiltin(const Builtin &builtin, const syntax::Expr &call, const std::string &path,
                    bool same = false);
  std::optional<Value> callSpecial(const syntax::Expr &call);
  bool bindParameters(Frame &frame, const syntax::Block &block, const syntax::Expr &call);
  bool checkType(Frame &frame, const syntax::Parameter &parameter, Value &value,
                 syntax::Range where);
  bool bindShape(Frame &frame, const syntax::TypeRef &type, Tensor tensor, syntax::Range where,
                 bool implicitBatch);
  bool bindArguments(BuiltinCall &bound, std::vector<const syntax::Expr *> &slots,
                     const Builtin &builtin, const syntax::Expr &call);
  std::optional<Value> coerce(Kind kind, const Value &value);
  syntax::Range callRange() const { return currentCall ? currentCall->range : syntax::Range(); }
  /// Runs `body` with `frame` as the innermost one.
  template <typename Body> auto inFrame(Frame &frame, Body body) {
    frames.push_back(std::move(frame));
    auto result = body();
    frame = std::move(frames.back());
    frames.pop_back();
    return result;
  }

  // === Statements
  void run(const syntax::Body &body);
  void run(const syntax::Statement &statement);
  void runAssign(const syntax::Statement &statement);
  void runFor(const syntax::Statement &statement);
  void runYield(const syntax::Statement &statement);
  void runTap(const syntax::Statement &statement);
  void runDeclareTensor(const syntax::Statement &statement);
  std::optional<llvm::SmallVector<int64_t>> shapeOf(const syntax::TypeRef &type);

  // === Model
  void runModel(const syntax::Statement &statement);
  void runHyper(const syntax::Statement &statement);
  void runModality(const syntax::Statement &statement);
  /// lambda x + (1 - lambda) x of the sample before.
  Tensor mixNeighbours(Tensor x, syntax::Range range);
  void runExperts(const syntax::Statement &statement);
  void runGate(const syntax::Statement &statement);
  void runHead(const syntax::Statement &statement);
  void runLoss(const syntax::Statement &statement);
  void runMetric(const syntax::Statement &statement);
  struct MetricSums;
  std::optional<MetricSums> namedSums(const syntax::Statement &statement);
  std::optional<MetricSums> classMeanSums(const syntax::Statement &statement);
  std::optional<MetricSums> meanSums(const syntax::Statement &statement);
  void runOutput(const syntax::Statement &statement);
  bool bindModelParameters(const syntax::Block &block);
  void checkGraphName(const syntax::Section &section);
  void elaborateGraph(const syntax::Block &block, llvm::StringRef name, model::Mode mode,
                      int64_t batch);
  /// Evaluates `body` with its ops in a region of a new PartOp called `name`; the tensors of the
  /// result become its results.
  template <typename PartOp>
  Value inPart(llvm::StringRef name, const std::string &path, syntax::Range range,
               const std::function<Value()> &body);
  void declareScalar(llvm::StringRef name, model::ScalarKind kind, double value, mlir::Type type,
                     mlir::Location loc);

  // === Sections (Sections.cpp)
  void elaborateSection(const syntax::Section &section);
  friend class SectionElaborator;

  mlir::MLIRContext &context;
  mlir::OpBuilder builder, declarations;
  syntax::SourceManager &sources;
  syntax::Diagnostics &diagnostics;
  Options options;

  model::ModelOp modelOp;
  const syntax::Block *modelSyntax = nullptr;
  std::map<std::string, Value> modelParameters; ///< after defaults, preset and -D

  // Per graph:
  std::string mixup; ///< the scalar by which a train section mixes samples; empty: none
  model::Mode mode = model::Mode::train;
  int64_t batch = 1;
  std::deque<Frame> frames; ///< a deque: references to a frame outlive the calls it makes
  std::vector<Modality> modalities;
  std::map<std::string, syntax::Range>
      graphParameters;                       ///< path to the call that made it, in this graph
  std::map<std::string, Tensor> stateValues; ///< latest value of each state in this graph
  std::map<std::string, int> rngCalls;

  // Per call:
  std::string callPath;
  const syntax::Expr *currentCall = nullptr;
  std::vector<const syntax::Expr *>
      currentSlots;     ///< what was given for each parameter of a builtin
  bool sharing = false; ///< inside a call marked `same`, its arguments excepted

  // Over all graphs:
  std::map<std::string, mlir::Operation *> declared;
};

} // namespace mome::elaborate
#endif
