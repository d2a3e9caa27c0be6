// See order.h.
#include "runtime/cuda/sim/driver/order.h"

#include <algorithm>

#include "runtime/cuda/sim/driver/driver.h"

namespace mome::fakecuda {
namespace {

std::string describe(const Use &now, const Use &earlier, bool writes, bool wrote,
                     uint64_t address) {
  return "stream-race: " + *now.what + (writes ? " writes" : " reads") + " address " +
         hex(address) + ", which " + *earlier.what + (wrote ? " writes" : " reads") +
         "; no stream, event or wait of the host puts one before the other";
}

} // namespace

void join(Clock &clock, const Clock &other) {
  for (const auto &[stream, count] : other) {
    uint64_t &mine = clock[stream];
    mine = std::max(mine, count);
  }
}

namespace {
using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

Ranges merged(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges result;
  for (const auto &[begin, end] : ranges) {
    if (!result.empty() && begin <= result.back().second) {
      result.back().second = std::max(result.back().second, end);
    } else {
      result.emplace_back(begin, end);
    }
  }
  return result;
}
} // namespace

Accesses merged(const std::vector<Accesses> &parts) {
  Accesses all;
  for (const Accesses &part : parts) {
    all.reads.insert(all.reads.end(), part.reads.begin(), part.reads.end());
    all.writes.insert(all.writes.end(), part.writes.begin(), part.writes.end());
  }
  return {merged(std::move(all.reads)), merged(std::move(all.writes))};
}

//===-- LastUses ----------------------------------------------------------------------------===//

void LastUses::cut(uint64_t at) {
  const auto it = ranges.lower_bound(at);
  if (it == ranges.begin() || std::prev(it)->second.end <= at) {
    return;
  }
  Range &range = std::prev(it)->second;
  Range rest = range;
  range.end = at;
  ranges.emplace_hint(it, at, std::move(rest));
}

/// Makes ranges begin and end where [begin, end) does, and fill it; returns the first of them.
std::map<uint64_t, LastUses::Range>::iterator LastUses::split(uint64_t begin, uint64_t end) {
  cut(begin);
  cut(end);
  const auto first = ranges.lower_bound(begin);
  for (uint64_t at = begin; at < end;) {
    auto next = ranges.lower_bound(at);
    if (next == ranges.end() || next->first > at) {
      const uint64_t until = next == ranges.end() ? end : std::min(end, next->first);
      next = ranges.emplace_hint(next, at, Range{until, std::nullopt, {}});
    }
    at = next->second.end;
  }
  return first != ranges.end() && first->first == begin ? first : ranges.lower_bound(begin);
}

void LastUses::add(const Use &now, const Accesses &accesses, const Report &report) {
  const auto tell = [&](const Use &earlier, bool wrote, uint64_t address) {
    if (earlier.stream != now.stream || earlier.number != now.number) {
      report(earlier, wrote, address);
    }
  };
  for (const auto &[begin, end] : accesses.reads) {
    for (auto it = split(begin, end); it != ranges.end() && it->first < end; ++it) {
      Range &range = it->second;
      if (range.writer) {
        tell(*range.writer, true, it->first);
      }
      std::erase_if(range.readers, [&](const Use &other) { return other.stream == now.stream; });
      range.readers.push_back(now);
    }
  }
  for (const auto &[begin, end] : accesses.writes) {
    auto it = split(begin, end);
    for (; it != ranges.end() && it->first < end; ++it) {
      if (it->second.writer) {
        tell(*it->second.writer, true, it->first);
      }
      for (const Use &reader : it->second.readers) {
        tell(reader, false, it->first);
      }
    }
    ranges.erase(ranges.lower_bound(begin), it);
    ranges.emplace(begin, Range{end, now, {}});
  }
}

void LastUses::forget(uint64_t begin, uint64_t end) {
  split(begin, end);
  ranges.erase(ranges.lower_bound(begin), ranges.lower_bound(end));
}

//===-- Streams -----------------------------------------------------------------------------===//

std::string StreamChecker::check(const Use &now, const Clock &known, const Accesses &accesses) {
  std::string problem;
  const auto judge = [&](const Accesses &part, bool writes) {
    uses.add(now, part, [&](const Use &earlier, bool wrote, uint64_t address) {
      const auto it = known.find(earlier.stream);
      const bool ordered = it != known.end() && it->second >= earlier.number;
      if (!ordered && problem.empty()) {
        problem = describe(now, earlier, writes, wrote, address);
      }
    });
  };
  judge({accesses.reads, {}}, false);
  judge({{}, accesses.writes}, true);
  return problem;
}

//===-- Graphs ------------------------------------------------------------------------------===//

namespace {

struct Conflict {
  size_t earlier, later;
  bool wrote, writes;
  uint64_t address;
};

Use use_of(const Graph &graph, size_t node) {
  return {node, node, std::make_shared<const std::string>(graph.nodes[node].operation.what)};
}

/// Direct conflicts of nodes, which stand in an order that the graph's edges allow.
std::vector<Conflict> find_conflicts(const Graph &graph, const std::vector<Accesses> &accesses) {
  std::map<std::pair<size_t, size_t>, Conflict> conflicts;
  LastUses uses;
  for (size_t n = 0; n < accesses.size(); ++n) {
    const Use now = use_of(graph, n);
    for (const bool writes : {false, true}) {
      const Accesses part =
          writes ? Accesses{{}, accesses[n].writes} : Accesses{accesses[n].reads, {}};
      uses.add(now, part, [&](const Use &earlier, bool wrote, uint64_t address) {
        conflicts.try_emplace({earlier.number, n},
                              Conflict{earlier.number, n, wrote, writes, address});
      });
    }
  }
  std::vector<Conflict> list;
  for (const auto &[nodes, conflict] : conflicts) {
    list.push_back(conflict);
  }
  return list;
}

/// The first conflict of nodes that no path orders when `wait` is left out; 0: none is.
const Conflict *find_race(const Graph &graph, const std::vector<Conflict> &conflicts, size_t wait) {
  const size_t words = (graph.nodes.size() + 63) / 64;
  std::vector<uint64_t> before(graph.nodes.size() * words); // of each node the set of its ancestors
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const Graph::Edge &edge : graph.nodes[n].after) {
      if (wait != 0 && edge.wait == wait) {
        continue;
      }
      for (size_t w = 0; w < words; ++w) {
        before[n * words + w] |= before[edge.node * words + w];
      }
      before[n * words + edge.node / 64] |= uint64_t{1} << edge.node % 64;
    }
  }
  for (const Conflict &c : conflicts) {
    if (!(before[c.later * words + c.earlier / 64] >> c.earlier % 64 & 1)) {
      return &c;
    }
  }
  return nullptr;
}

} // namespace

std::string check_graph(Graph &graph, const std::vector<Accesses> &accesses) {
  const std::vector<Conflict> conflicts = find_conflicts(graph, accesses);
  if (const Conflict *c = find_race(graph, conflicts, 0)) {
    return describe(use_of(graph, c->later), use_of(graph, c->earlier), c->writes, c->wrote,
                    c->address);
  }
  for (size_t wait = 1; wait < graph.needed.size(); ++wait) {
    graph.needed[wait] = graph.needed[wait] || find_race(graph, conflicts, wait) != nullptr;
  }
  return "";
}

} // namespace mome::fakecuda
