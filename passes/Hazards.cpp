// See Hazards.h.
#include "passes/Hazards.h"

#include <map>
#include <set>

using namespace mlir;
using namespace mome;

namespace {
/// Disjoint ranges of an arena's bytes: who wrote each, and who has read some of it since.
class Accesses {
public:
  void read(rt::SliceAttr slice, unsigned reader, std::set<unsigned> &conflicts) {
    int64_t end = slice.getOffset() + slice.getSize();
    for (auto it = split(slice.getOffset(), end); it != ranges.end() && it->first < end; ++it) {
      if (slice.touches(it->first, it->second.end)) {
        add(it->second.writer, reader, conflicts);
        it->second.readers.push_back({slice, reader});
      }
    }
  }
  void write(rt::SliceAttr slice, unsigned writer, std::set<unsigned> &conflicts) {
    int64_t end = slice.getOffset() + slice.getSize();
    for (auto it = split(slice.getOffset(), end); it != ranges.end() && it->first < end; ++it) {
      add(it->second.writer, writer, conflicts);
      for (auto [part, reader] : it->second.readers) {
        if (part.touches(it->first, it->second.end)) { // the range may have been cut since
          add(reader, writer, conflicts);
        }
      }
      it->second = {it->second.end, writer, {}};
    }
  }

private:
  struct Range {
    int64_t end = 0;
    std::optional<unsigned> writer;
    SmallVector<std::pair<rt::SliceAttr, unsigned>, 2> readers;
  };
  std::map<int64_t, Range> ranges; // by begin

  static void add(std::optional<unsigned> earlier, unsigned later, std::set<unsigned> &conflicts) {
    if (earlier && *earlier != later) {
      conflicts.insert(*earlier);
    }
  }
  /// Makes ranges begin and end where [begin, end) does, and fill it; returns the first of them.
  std::map<int64_t, Range>::iterator split(int64_t begin, int64_t end) {
    cut(begin);
    cut(end);
    for (int64_t at = begin; at < end;) {
      auto next = ranges.lower_bound(at);
      if (next == ranges.end() || next->first > at) {
        int64_t until = next == ranges.end() ? end : std::min(end, next->first);
        next = ranges.insert({at, Range{until, std::nullopt, {}}}).first;
      }
      at = next->second.end;
    }
    return ranges.lower_bound(begin);
  }
  void cut(int64_t at) {
    auto it = ranges.lower_bound(at);
    if (it == ranges.begin() || std::prev(it)->second.end <= at) {
      return;
    }
    Range &range = std::prev(it)->second;
    ranges[at] = range;
    range.end = at;
  }
};
} // namespace

Hazards mome::findHazards(rt::ProgramOp program) {
  Hazards hazards;
  llvm::StringMap<Accesses> arenas;
  for (auto [number, op] : llvm::enumerate(program.getBody().getOps<rt::DispatchOp>())) {
    std::set<unsigned> conflicts;
    for (auto slice : op.getReads().getAsRange<rt::SliceAttr>()) {
      arenas[slice.getArena().getValue()].read(slice, number, conflicts);
    }
    for (auto slice : op.getWrites().getAsRange<rt::SliceAttr>()) {
      arenas[slice.getArena().getValue()].write(slice, number, conflicts);
    }
    hazards.emplace_back(conflicts.begin(), conflicts.end());
  }
  return hazards;
}

std::vector<LaunchUnit> mome::findUnits(rt::ProgramOp program) {
  std::vector<LaunchUnit> units;
  SmallVector<unsigned> unitOf; // by dispatch
  int64_t left = 0;             // of the last unit
  auto dispatches = program.getBody().getOps<rt::DispatchOp>();
  for (auto [number, op, conflicts] : llvm::enumerate(dispatches, findHazards(program))) {
    if (left == 0) {
      units.emplace_back();
      left = op.getGroup();
    }
    --left;
    LaunchUnit &unit = units.back();
    unit.dispatches.push_back(op);
    unit.last = number;
    unitOf.push_back(units.size() - 1);
    for (unsigned conflict : conflicts) {
      unit.conflicts.push_back(unitOf[conflict]);
    }
  }
  for (LaunchUnit &unit : units) {
    llvm::sort(unit.conflicts);
    unit.conflicts.erase(llvm::unique(unit.conflicts), unit.conflicts.end());
  }
  return units;
}

unsigned mome::countNeighbours(unsigned number, ArrayRef<unsigned> conflicts) {
  return conflicts.empty() ? number : number - conflicts.back() - 1;
}

//===-- StreamOrder -------------------------------------------------------------------------===//

unsigned StreamOrder::append(unsigned stream) {
  unsigned number = nodes.size();
  tails.resize(std::max<size_t>(tails.size(), stream + 1));
  Node node{stream, {}};
  if (std::optional<unsigned> tail = tails[stream]) {
    node.known = nodes[*tail].known;
    node.known.resize(tails.size());
    node.known[stream] = *tail + 1;
  }
  node.known.resize(tails.size());
  tails[stream] = number;
  nodes.push_back(std::move(node));
  return number;
}

void StreamOrder::wait(unsigned earlier) {
  Node &node = nodes.back();
  const Node &other = nodes[earlier];
  for (auto [mine, known] : llvm::zip_first(other.known, node.known)) {
    known = std::max(known, mine);
  }
  node.known[other.stream] = std::max(node.known[other.stream], earlier + 1);
}

bool StreamOrder::isOrdered(unsigned earlier, unsigned later) const {
  unsigned stream = nodes[earlier].stream;
  return stream < nodes[later].known.size() && nodes[later].known[stream] > earlier;
}
