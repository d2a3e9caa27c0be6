// Whether streams, events and the host order the operations that touch the same bytes of a device.
//
// Every operation has a clock: how many operations of each stream are known to be done when it
// starts, by the calls that the program made, however it happened to run. Two that touch the same
// bytes, one of them writing, must know of each other. Nodes of a graph are judged among themselves
// by the graph's edges, and count as one operation outside.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cuda/sim/memory.h"

namespace mome::fakecuda {

using ptxsim::Accesses;
struct Graph;

/// By serial number of the stream.
using Clock = std::map<uint64_t, uint64_t>;
void join(Clock &clock, const Clock &other);

/// An operation that touched memory: operation `number` of stream `stream`, or node of a graph.
struct Use {
  uint64_t stream = 0, number = 0;
  std::shared_ptr<const std::string> what;
};

/// The accesses of several operations as those of one.
Accesses merged(const std::vector<Accesses> &parts);

/// Who wrote each byte last, and who has read it since.
class LastUses {
public:
  /// What is told of a conflict: the earlier use, whether it wrote, and an address of both.
  using Report = std::function<void(const Use &earlier, bool wrote, uint64_t address)>;
  /// Adds what an operation touched, telling each earlier use that it conflicts with.
  void add(const Use &now, const Accesses &accesses, const Report &report);

  /// Whoever used these bytes does not matter any more.
  void forget(uint64_t begin, uint64_t end);

private:
  struct Range {
    uint64_t end = 0;
    std::optional<Use> writer;
    std::vector<Use> readers; // the latest of each stream
  };
  std::map<uint64_t, Range> ranges; // by begin
  std::map<uint64_t, Range>::iterator split(uint64_t begin, uint64_t end);
  void cut(uint64_t at);
};

/// Judges the operations of all streams as they run.
class StreamChecker {
public:
  /// What races with the operation, in words; empty: nothing.
  std::string check(const Use &now, const Clock &known, const Accesses &accesses);

  void forget(uint64_t address, uint64_t size) { uses.forget(address, address + size); }

private:
  LastUses uses;
};

/// Judges the nodes of a graph that ran and touched `accesses`; empty: all are in order. Marks the
/// waits of `graph` that the order of two conflicting nodes hangs on.
std::string check_graph(Graph &graph, const std::vector<Accesses> &accesses);

} // namespace mome::fakecuda
