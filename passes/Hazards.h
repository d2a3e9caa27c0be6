// Which dispatches of a program must not change places or run together, and whether streams keep
// them in order.
//
// Two dispatches conflict if one writes bytes that the other reads or writes, whether the bytes hold
// the same value (a true dependency) or were reused for another (a write after a read). Only direct
// conflicts are listed: the last writer of some bytes, and the readers since; earlier ones conflict
// with those.
#pragma once

#include "dialects/RT/RT.h"

namespace mome {

using Hazards = llvm::SmallVector<llvm::SmallVector<unsigned>>;

/// For each dispatch the numbers of earlier ones that it conflicts with, in ascending order.
Hazards findHazards(rt::ProgramOp program);

/// Dispatches that run as one: a group, or one alone.
struct LaunchUnit {
  llvm::SmallVector<rt::DispatchOp> dispatches;
  unsigned last;                         // the number of the last of them
  llvm::SmallVector<unsigned> conflicts; // numbers of earlier units, in ascending order
};
/// All of a program, in order.
std::vector<LaunchUnit> findUnits(rt::ProgramOp program);

/// How many dispatches right before a dispatch have no conflict with it.
unsigned countNeighbours(unsigned number, llvm::ArrayRef<unsigned> conflicts);

/// What is known to be done when a unit starts. Units are appended in program order; each
/// runs behind those of its stream, and behind what it waits for.
class StreamOrder {
public:
  /// Appends a unit to a stream, which may be a new one; returns its number.
  unsigned append(unsigned stream);
  /// The latest unit waits for an earlier one.
  void wait(unsigned earlier);
  /// True if `earlier` is done before `later` starts; both were appended, in this order.
  bool isOrdered(unsigned earlier, unsigned later) const;
  /// The latest unit of each stream.
  llvm::ArrayRef<std::optional<unsigned>> getTails() const { return tails; }

private:
  struct Node {
    unsigned stream;
    llvm::SmallVector<unsigned> known; // of each stream: one more than the last number that is done
  };
  std::vector<Node> nodes;
  llvm::SmallVector<std::optional<unsigned>> tails;
};

} // namespace mome
