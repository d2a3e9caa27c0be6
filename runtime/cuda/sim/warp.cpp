#include "runtime/cuda/sim/warp.h"

#include <algorithm>

#include "runtime/cuda/sim/block.h"

namespace mome::ptxsim {

std::string lanes_text(uint32_t mask) {
  std::string out;
  for (int l = 0; l < lanes;) {
    if (!(mask >> l & 1)) {
      ++l;
      continue;
    }
    int end = l;
    while (end < lanes && (mask >> end & 1)) {
      ++end;
    }
    out += (out.empty() ? "" : ",") + std::to_string(l);
    out += end - l > 1 ? "-" + std::to_string(end - 1) : "";
    l = end;
  }
  return out.empty() ? "none" : out;
}

void Warp::start(uint32_t lanes_present) {
  present = alive = lanes_present;
  carry = 0;
  copies.clear();
  products.clear();
  product_groups = 0;
  std::fill(std::begin(committed), std::end(committed), 0);
  splits.clear();
  joins.clear();
  splits.push_back({0, lanes_present, -1});
}

uint64_t Warp::run(uint64_t slice) {
  uint64_t ran = 0;
  for (Split &s : splits) {
    if (s.state == State::spinning) {
      s.state = State::ready;
    }
  }
  while (ran < slice) {
    const auto ready = std::find_if(splits.begin(), splits.end(),
                                    [](const Split &s) { return s.state == State::ready; });
    if (ready == splits.end()) {
      if (complete_parked()) {
        continue;
      }
      report_stuck();
      break;
    }
    ran += execute(size_t(ready - splits.begin()), slice - ran);
  }
  // A lane that spins on what another lane of the warp will do must let it run.
  if (ran >= slice && splits.size() > 1) {
    std::rotate(splits.begin(), splits.begin() + 1, splits.end());
  }
  return ran;
}

/// Runs one split until it stops being ready, divides, or the slice is over.
uint64_t Warp::execute(size_t index, uint64_t slice) {
  const Inst *const code = block->program.code.data();
  InstCount *const counts = block->counts.data();
  Split &s = splits[index];
  uint32_t pc = s.pc;
  const uint32_t mask = s.mask;
  const uint32_t meet = s.join < 0 ? no_pc : joins[size_t(s.join)].pc;
  uint64_t ran = 0;
  for (; ran < slice; ++ran) {
    if (pc == meet) {
      s.pc = pc;
      arrive(index);
      return ran;
    }
    const Inst &i = code[pc];
    const uint32_t active = mask & (pred(i.guard) ^ i.guard_invert);
    counts[pc].warps += 1;
    counts[pc].lanes += uint32_t(std::popcount(active));
    if (i.flow == Flow::next) {
      if (active) {
        current = &i;
        i.run(*this, i, active);
      }
      ++pc;
      continue;
    }
    current = &i;
    s.pc = pc;
    if (!active) {
      ++pc;
      continue;
    }
    switch (i.flow) {
    case Flow::branch:
      if (active != mask) {
        divide(index, active, i.target, pc + 1, i.reconverge);
        return ran + 1;
      }
      pc = i.target;
      continue;
    case Flow::table:
      if (!branch(index, i, active)) {
        return ran + 1;
      }
      pc = splits[index].pc;
      continue;
    case Flow::exit:
      i.run ? i.run(*this, i, active) : void();
      if (active != mask) {
        divide(index, active, pc, pc + 1, no_pc);
        exit_lanes(index, active);
      } else {
        exit_lanes(index, active);
      }
      return ran + 1;
    case Flow::wait:
      stay = false;
      i.run(*this, i, active);
      if (stay) {
        counts[pc].warps -= 1;
        counts[pc].lanes -= uint32_t(std::popcount(active));
        s.state = State::spinning;
        return ran;
      }
      ++pc;
      continue;
    default:
      if (!collective(index, i, active)) {
        return ran + 1;
      }
      pc = splits[index].pc;
      continue;
    }
  }
  splits[index].pc = pc;
  return ran;
}

/// Lanes `taken` of a split go to pc_taken, the others to pc_other; both meet at `reconverge`.
void Warp::divide(size_t index, uint32_t taken, uint32_t pc_taken, uint32_t pc_other,
                  uint32_t reconverge) {
  ++block->counters.divergent_branches;
  Split &s = splits[index];
  const uint32_t mask = s.mask;
  if (reconverge != no_pc && (s.join < 0 || joins[size_t(s.join)].pc != reconverge)) {
    const auto unused =
        std::find_if(joins.begin(), joins.end(), [](const Join &j) { return !j.live; });
    const Join join{reconverge, mask, 0, s.join, true};
    s.join = int(unused - joins.begin());
    unused == joins.end() ? joins.push_back(join) : void(*unused = join);
  }
  s.pc = pc_taken;
  s.mask = taken;
  Split other = s;
  other.pc = pc_other;
  other.mask = mask & ~taken;
  // Which side runs first is the seed's choice.
  const bool swap = block->next_random() & 1;
  splits.push_back(other);
  if (swap && pc_taken != splits.back().pc && current->flow != Flow::exit) {
    std::swap(splits[index], splits.back());
  }
}

/// brx.idx; true when the lanes agree and the split goes on.
bool Warp::branch(size_t index, const Inst &i, uint32_t active) {
  const uint32_t *choice = reg<uint32_t>(i.r[0]);
  const uint32_t first = choice[std::countr_zero(active)];
  for_lanes(active, [&](int l) {
    if (choice[l] >= i.more.size()) {
      fault(int(FaultKind::bad_operand),
            "branch index " + std::to_string(choice[l]) + " of " + std::to_string(i.more.size()),
            l);
    }
  });
  uint32_t same = 0;
  for_lanes(active, [&](int l) { same |= uint32_t(choice[l] == first) << l; });
  Split &s = splits[index];
  const uint32_t pc = s.pc;
  if (same == s.mask) {
    s.pc = i.more[first];
    return true;
  }
  // The rest executes the same instruction again.
  divide(index, same, i.more[first], active == s.mask || same != active ? pc : pc + 1,
         i.reconverge);
  return false;
}

void Warp::remove_split(size_t index) {
  splits.erase(splits.begin() + long(index));
}

void Warp::arrive(size_t index) {
  const Split s = splits[index];
  Join &join = joins[size_t(s.join)];
  join.arrived |= s.mask;
  remove_split(index);
  if (join.arrived == join.expected) {
    join.live = false;
    splits.push_back({join.pc, join.arrived, join.parent});
  }
}

void Warp::exit_lanes(size_t index, uint32_t mask) {
  land_copies(mask, 0, true);
  remove_split(index);
  alive &= ~mask;
  for (Join &join : joins) {
    join.expected &= ~mask;
  }
  settle_joins();
}

/// Joins that lost their last missing lanes are complete now.
void Warp::settle_joins() {
  for (Join &join : joins) {
    if (join.live && join.expected == join.arrived) {
      join.live = false;
      if (join.arrived) {
        splits.push_back({join.pc, join.arrived, join.parent});
      }
    }
  }
}

/// The lanes that must be at the instruction together.
uint32_t Warp::needed(const Inst &i, uint32_t mask) {
  if (i.flow != Flow::member) {
    return i.flow == Flow::barrier && !(i.flags & barrier_aligned) ? mask : alive;
  }
  const uint32_t *members = reg<uint32_t>(i.r[4]);
  const uint32_t member = members[std::countr_zero(mask)];
  for_lanes(mask, [&](int l) {
    if (!(members[l] >> l & 1)) {
      fault(int(FaultKind::bad_member_mask),
            "lane " + std::to_string(l) + " is not in its own member mask", l);
    }
    if (members[l] != member && (member >> l & 1)) {
      fault(int(FaultKind::bad_member_mask), "lanes with different member masks", l);
    }
  });
  return member & alive;
}

/// True when the split may go on at its pc.
bool Warp::collective(size_t index, const Inst &i, uint32_t mask) {
  const uint32_t need = needed(i, mask);
  if (i.flow == Flow::converged && alive != present) {
    fault(int(FaultKind::missing_thread),
          "needs all lanes of the warp, but lanes " + lanes_text(present & ~alive) + " have ended");
  }
  if (splits[index].mask != mask) {
    // Lanes that the guard left out go on.
    divide(index, mask, splits[index].pc, splits[index].pc + 1, no_pc);
    for (size_t s = 0; s < splits.size(); ++s) {
      if (splits[s].mask == mask) {
        index = s;
      }
    }
    splits[index].state = State::parked;
    splits[index].barrier = need;
    run_together(splits[index].pc, need, index);
    return false;
  }
  if ((need & ~mask) == 0) {
    std::vector<size_t> who{index};
    perform(i, mask, who);
    return splits[index].state == State::ready;
  }
  splits[index].state = State::parked;
  splits[index].barrier = need; // until then: the lanes that it waits for
  run_together(splits[index].pc, need, index);
  return false;
}

/// Runs the instruction for all splits parked at it, when they are the lanes it needs.
bool Warp::run_together(uint32_t pc, uint32_t need, size_t with) {
  const Inst &i = block->program.code[pc];
  uint32_t here = 0;
  std::vector<size_t> who;
  for (size_t s = 0; s < splits.size(); ++s) {
    const Inst &other = block->program.code[splits[s].pc];
    const bool same = splits[s].pc == pc || (i.sub == warp_barrier && other.sub == warp_barrier &&
                                             other.flow == Flow::member && i.flow == Flow::member);
    if (splits[s].state == State::parked && same && (splits[s].mask & need)) {
      here |= splits[s].mask;
      who.push_back(s);
    }
  }
  if (need & ~here) {
    return false;
  }
  for (const size_t s : who) {
    splits[s].state = State::ready;
  }
  current = &i;
  perform(i, here, who);
  // Splits that are now one again need not run twice.
  for (size_t a = who.size(); a-- > 1;) {
    Split &from = splits[who[a]], &to = splits[who[0]];
    if (from.join == to.join && from.pc == to.pc && from.state == to.state) {
      to.mask |= from.mask;
      remove_split(who[a]);
    }
  }
  return true;
}

void Warp::perform(const Inst &i, uint32_t mask, std::vector<size_t> &who) {
  if (i.flow == Flow::barrier) {
    for (const size_t s : who) {
      splits[s].state = State::barrier;
      splits[s].barrier = 0;
    }
    if (block->arrive(*this, i, mask, who)) {
      return; // the barrier let everybody go
    }
    return;
  }
  i.run(*this, i, mask);
  for (const size_t s : who) {
    ++splits[s].pc;
  }
}

bool Warp::complete_parked() {
  for (size_t s = 0; s < splits.size(); ++s) {
    if (splits[s].state != State::parked) {
      continue;
    }
    const Inst &i = block->program.code[splits[s].pc];
    current = &i;
    const uint32_t need = needed(i, splits[s].mask), lost = splits[s].barrier & ~alive;
    if (lost && i.flow != Flow::barrier) { // a barrier says so itself
      fault(int(FaultKind::missing_thread), "lanes " + lanes_text(splits[s].mask) +
                                                " wait for lanes " + lanes_text(lost) +
                                                ", which have ended without coming here");
    }
    if (run_together(splits[s].pc, need, s)) {
      return true;
    }
  }
  return false;
}

void Warp::release_barrier(uint32_t barrier) {
  for (Split &s : splits) {
    if (s.state == State::barrier && s.barrier == barrier) {
      s.state = State::ready;
      ++s.pc;
    }
  }
}

std::string Warp::whereabouts() const {
  std::string out;
  const auto add = [&](uint32_t mask, uint32_t pc, const char *what) {
    const Inst &i = block->program.code[pc];
    out += (out.empty() ? "lanes " : ", lanes ") + lanes_text(mask) + " " + what + " line " +
           std::to_string(i.line) + " (" + std::string(i.text) + ")";
  };
  for (const Split &s : splits) {
    add(s.mask, s.pc, s.state == State::ready ? "run at" : "wait at");
  }
  for (const Join &j : joins) {
    if (j.live && j.arrived) {
      add(j.arrived, j.pc, "wait to reconverge at");
    }
  }
  if (alive != present) {
    out += (out.empty() ? "lanes " : ", lanes ") + lanes_text(present & ~alive) + " have ended";
  }
  return out;
}

/// Nothing can go on; if nobody outside the warp can change that, it is a fault.
void Warp::report_stuck() {
  bool parked = false;
  for (const Split &s : splits) {
    if (s.state != State::parked) {
      return; // a barrier or an mbarrier may still free it
    }
    parked = true;
  }
  if (!parked) {
    return;
  }
  const auto at_barrier = std::find_if(splits.begin(), splits.end(), [&](const Split &s) {
    return block->program.code[s.pc].kind == Kind::barrier;
  });
  const bool divergent = at_barrier != splits.end();
  current = &block->program.code[divergent ? at_barrier->pc : splits[0].pc];
  fault(int(divergent ? FaultKind::divergent_barrier : FaultKind::deadlock),
        "lanes of one warp wait for each other at different places: " + whereabouts());
  throw FatalFault();
}

} // namespace mome::ptxsim
