// Where lanes that part at a branch meet again: the immediate post-dominator of the branch.
//
// The layout of blocks in the text does not matter. What does: a block that may end a thread
// (`@p ret`) would have the end of the kernel as a successor, and every branch before it would then
// meet nowhere; since lanes that end need no meeting, such an edge is left out. Blocks that no path
// leads from to the end (endless loops) are tied to it one at a time.
//
//       bra A ──► B: ... ──► D: bar.sync      ipdom(branch) = D, though C lies after D in the text
//          └────► C: ... ──► D
#include <algorithm>

#include "runtime/cuda/sim/builder.h"

namespace mome::ptxsim {
namespace {

class Graph {
public:
  explicit Graph(std::vector<Inst> &code) : code(code) {
    find_leaders();
    connect();
  }

  void run() {
    order();
    solve();
    for (size_t b = 0; b < first.size(); ++b) {
      Inst &last = code[end_of(b) - 1];
      if (last.flow == Flow::branch || last.flow == Flow::table) {
        last.reconverge = dominator[b] == exit() ? no_pc : first[size_t(dominator[b])];
      }
    }
  }

private:
  std::vector<Inst> &code;
  std::vector<uint32_t> first; // of each block
  std::vector<int> block_of;   // by pc, for leaders
  std::vector<std::vector<int>> successors, predecessors;
  std::vector<int> postorder, number, dominator;

  int exit() const { return int(first.size()); }
  uint32_t end_of(size_t b) const {
    return b + 1 < first.size() ? first[b + 1] : uint32_t(code.size());
  }
  bool guarded(const Inst &i) const { return i.guard != code.back().guard || i.guard_invert; }

  void find_leaders() {
    std::vector<bool> leader(code.size() + 1);
    leader[0] = true;
    for (size_t pc = 0; pc < code.size(); ++pc) {
      const Inst &i = code[pc];
      if (i.flow == Flow::branch) {
        leader[i.target] = leader[pc + 1] = true;
      }
      if (i.flow == Flow::exit) {
        leader[pc + 1] = true;
      }
      if (i.flow == Flow::table) {
        leader[pc + 1] = true;
        for (const uint32_t t : i.more) {
          leader[t] = true;
        }
      }
    }
    block_of.assign(code.size(), 0);
    for (size_t pc = 0; pc < code.size(); ++pc) {
      if (leader[pc]) {
        first.push_back(uint32_t(pc));
      }
      block_of[pc] = int(first.size()) - 1;
    }
  }

  void link(size_t from, int to) {
    successors[from].push_back(to);
    predecessors[size_t(to)].push_back(int(from));
  }

  void connect() {
    successors.resize(first.size() + 1);
    predecessors.resize(first.size() + 1);
    for (size_t b = 0; b < first.size(); ++b) {
      const Inst &last = code[end_of(b) - 1];
      const bool falls =
          last.flow == Flow::next || guarded(last) ||
          (last.flow != Flow::branch && last.flow != Flow::exit && last.flow != Flow::table);
      if (last.flow == Flow::branch) {
        link(b, block_of[last.target]);
      }
      if (last.flow == Flow::table) {
        for (const uint32_t t : last.more) {
          link(b, block_of[t]);
        }
      }
      if (falls && end_of(b) < code.size()) {
        link(b, int(b) + 1);
      }
      if (successors[b].empty()) {
        link(b, exit());
      }
    }
  }

  /// Postorder of the reversed graph from the exit.
  void order() {
    number.assign(first.size() + 1, -1);
    visit(exit());
    for (size_t b = first.size(); b-- > 0;) {
      if (number[b] < 0) { // no way to the exit: an endless loop
        link(b, exit());
        visit(int(b));
      }
    }
    // The exit must come last; blocks tied to it were visited after it.
    postorder.erase(std::find(postorder.begin(), postorder.end(), exit()));
    postorder.push_back(exit());
    for (size_t i = 0; i < postorder.size(); ++i) {
      number[size_t(postorder[i])] = int(i);
    }
  }

  void visit(int start) {
    std::vector<std::pair<int, size_t>> stack{{start, 0}};
    number[size_t(start)] = 0;
    while (!stack.empty()) {
      auto &[b, next] = stack.back();
      const auto &from = predecessors[size_t(b)];
      if (next < from.size()) {
        const int p = from[next++];
        if (number[size_t(p)] < 0) {
          number[size_t(p)] = 0;
          stack.push_back({p, 0});
        }
      } else {
        postorder.push_back(b);
        stack.pop_back();
      }
    }
  }

  int meet(int a, int b) const {
    while (a != b) {
      while (number[size_t(a)] < number[size_t(b)]) {
        a = dominator[size_t(a)];
      }
      while (number[size_t(b)] < number[size_t(a)]) {
        b = dominator[size_t(b)];
      }
    }
    return a;
  }

  void solve() {
    dominator.assign(first.size() + 1, -1);
    dominator[size_t(exit())] = exit();
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = postorder.size() - 1; i-- > 0;) {
        const int b = postorder[i];
        int best = -1;
        for (const int s : successors[size_t(b)]) {
          if (dominator[size_t(s)] >= 0) {
            best = best < 0 ? s : meet(s, best);
          }
        }
        if (best >= 0 && dominator[size_t(b)] != best) {
          dominator[size_t(b)] = best;
          changed = true;
        }
      }
    }
    for (int &d : dominator) {
      d = d < 0 ? exit() : d;
    }
  }
};

} // namespace

void set_reconvergence(std::vector<Inst> &code) {
  Graph(code).run();
}

} // namespace mome::ptxsim
