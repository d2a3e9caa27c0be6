// What the backward part keeps of the forward part, and what it computes again.
//
// A result of a forward dispatch that a later phase reads lies in memory from one part to the
// other, unless its dispatch runs again right before the reader. What runs again reads results of
// other forward dispatches, for which the same holds: kept, or computed again in turn. So a plan is
// one choice for each forward dispatch, and everything else follows.
//
//   %n = dispatch(%x) norm          kept: %x %h %g      %h: everything of fc1, %n: everything of norm
//   %h, %g = dispatch(%n) fc1, gelu                     kept: %x
//   ...                                            ->   %n' = norm(%x)             phase remat
//   %dw = dispatch(%dy, %g) bwd                         %h', %g' = fc1(%n')        phase remat
//   %dn = dispatch(%dy, %h) bwd                         %dw = (%dy, %g'), %dn = (%dy, %h')
//
// Between all and nothing there is a third choice, `derived`: where elementwise code of the body
// computes one result from another (%g from %h), that code alone runs again, on the kept result.
//
// Where only other forward dispatches read a result (a projection that is then cut into heads), it
// runs again together with them, or not at all.
//
// `plan` starts with nothing recomputed and adds, one by one, the choice that costs the fewest
// operations for a byte less kept: norms, activations, masks first, then attention, products of
// short rows, products of long rows. The prefixes of this list are the plans.
//
// Never recomputed: dispatches of other phases, updates of state, what the entry returns. A
// dispatch runs again once at most. A clone has the same body, so the same random draws and the
// same kernel, and computes the same bits. Code for `derived` results reads a value that the kernel
// of the whole body stores: such a value is rounded before it is read on (`approximate-math`), so
// that both compute the same bits.
#ifndef MOME_PASSES_RECOMPUTATION_H
#define MOME_PASSES_RECOMPUTATION_H

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/MapVector.h"

namespace mome {

class Recomputation {
public:
  /// How much of a dispatch runs again.
  enum class Share { nothing, derived, everything };
  struct Step {
    llvm::SmallVector<unsigned> dispatches; // numbers in program order
    Share share;
    int64_t kept = 0; // bytes from the forward part to later ones, from this step on
    double flops = 0; // of all that runs again, from this step on
  };

  /// Reads the entry, of the level of dispatches; the entry must outlive this.
  explicit Recomputation(mlir::func::FuncOp entry);

  /// All choices that leave fewer bytes, the cheapest for each byte first. Both the bytes and the
  /// operations change in one direction only.
  std::vector<Step> plan();
  /// Takes a step. What was chosen before stays where it is more.
  void take(const Step &step);
  int64_t getKept() const { return kept; }
  double getFlops() const { return flops; }
  /// What runs again, in operations: each slice costs its own, or the bytes that it reads and writes
  /// at `flopsPerByte`, whichever is more.
  double getCost(double flopsPerByte) const;
  /// Inserts what runs again. Returns the number of clones. Afterwards this is out of date.
  int64_t apply();

private:
  using Numbers = llvm::SmallVector<unsigned>;
  /// The part of a body that runs again.
  struct Slice {
    llvm::SmallVector<mlir::Operation *> ops; // in program order
    Numbers operands;                         // of the dispatch, those that are read
    Numbers results;                          // of the dispatch: what it gives
    Numbers siblings;                         // of the dispatch: kept results that are read
    double flops = 0;
  };
  struct Node {
    nn::DispatchOp op;
    bool forward = false;     // may run again
    unsigned firstResult = 0; // number of its first value
    Numbers reads;            // values, by operand; `none` for what is nobody's result
    llvm::BitVector derived;  // results
    Share share = Share::nothing;
    Slice slice;
    int64_t kept = 0; // bytes of its results
    double flops = 0;
  };
  struct StoredValue {
    unsigned node = 0;
    int64_t bytes = 0;   // 0 for what the entry returns: it has a slot of its own
    unsigned wanted = 0; // readers of later phases, and clones
    Numbers readers;     // forward nodes
  };
  struct Gain {
    int64_t bytes = 0;
    double flops = 0;
  };
  static constexpr unsigned none = ~0u;

  void addNode(nn::DispatchOp op);
  void findReturned();
  static void findDerived(Node &node);
  bool isRecomputed(unsigned value) const;
  Slice sliceOf(const Node &node) const;
  Numbers readsOf(const Node &node) const;
  void refresh(unsigned node);
  void want(unsigned value);
  void unwant(unsigned value);
  void choose(unsigned node, Share share);
  std::vector<Step> findChoices() const;
  Numbers groupOf(unsigned node) const;
  Gain gainOf(const Step &choice);
  void markNeighbours(llvm::BitVector &stale) const;

  mlir::Value current(mlir::Value value, mlir::OpBuilder &builder);
  void clone(const Node &node, mlir::OpBuilder &builder);

  mlir::func::FuncOp entry;
  llvm::DenseSet<mlir::Value> returned;
  llvm::DenseSet<mlir::Operation *> updates; // of state
  std::vector<Node> nodes;
  std::vector<StoredValue> values;
  llvm::DenseMap<mlir::Value, unsigned> valueOf;
  llvm::SetVector<unsigned> touched; // nodes that the last step changed
  llvm::DenseMap<unsigned, mlir::Value> clones;
  int64_t kept = 0, cloned = 0;
  double flops = 0;
};

} // namespace mome
#endif
