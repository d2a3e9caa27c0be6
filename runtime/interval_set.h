// A set of numbers kept as disjoint intervals [begin, end).
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

namespace mome {

class IntervalSet {
public:
  bool meets(uint64_t begin, uint64_t end) const {
    const auto next = intervals.lower_bound(end);
    return begin < end && next != intervals.begin() && std::prev(next)->second > begin;
  }
  void add(uint64_t begin, uint64_t end) {
    if (begin >= end) {
      return;
    }
    auto next = intervals.upper_bound(end);
    while (next != intervals.begin() && std::prev(next)->second >= begin) {
      const auto before = std::prev(next);
      begin = std::min(begin, before->first);
      end = std::max(end, before->second);
      next = intervals.erase(before);
    }
    intervals.emplace(begin, end);
  }
  void clear() { intervals.clear(); }
  size_t size() const { return intervals.size(); }

private:
  std::map<uint64_t, uint64_t> intervals; // end by begin
};

} // namespace mome
