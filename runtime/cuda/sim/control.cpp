// Branches, ends of threads, calls, barriers of the block.
#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/builder.h"

namespace mome::ptxsim {

void run_assert_fail(Warp &w, const Inst &i, uint32_t mask) {
  w.fault(int(FaultKind::trap),
          "a device assertion failed in " + w.thread_name(std::countr_zero(mask)),
          std::countr_zero(mask));
}

namespace {

void run_trap(Warp &w, const Inst &i, uint32_t mask) {
  w.fault(int(FaultKind::trap), w.thread_name(std::countr_zero(mask)) + " executes trap",
          std::countr_zero(mask));
}

void run_nothing(Warp &, const Inst &, uint32_t) {}

void decode_branch(Decode &d) {
  d.flag("uni");
  if (d.operand(0).kind != Operand::Kind::label) {
    d.fail("a branch to no label");
  }
  d.inst.flow = Flow::branch;
  d.builder.instance->branches.push_back(
      {uint32_t(d.builder.program.code.size()), d.operand(0).index});
  d.emit(nullptr, Kind::control);
}

void decode_table(Decode &d) {
  if (!d.flag("idx")) {
    d.fail("an unknown form of brx");
  }
  d.flag("uni");
  d.inst.r[0] = d.src(0, Type::u32);
  for (const Label &table : d.function.branch_tables) {
    if (table.name != d.operand(1).name) {
      continue;
    }
    for (const Operand &o : d.function.instructions[size_t(table.target)].operands) {
      d.inst.more.push_back(uint32_t(o.index));
    }
  }
  if (d.inst.more.empty()) {
    d.fail("no such list of branch targets");
  }
  d.inst.flow = Flow::table;
  d.inst.imm = d.call_depth + 1; // its labels become pcs when the function is complete
  d.emit(nullptr, Kind::control);
}

} // namespace

void decode_control(Decode &d) {
  const std::string_view op = d.ast.opcode;
  if (op == "bra") {
    decode_branch(d);
  } else if (op == "brx") {
    decode_table(d);
  } else if (op == "call") {
    d.builder.call(d);
  } else if (op == "trap" || op == "brkpt") {
    d.inst.flow = Flow::exit;
    d.emit(run_trap, Kind::control);
  } else {
    d.flag("uni");
    const bool from_call = op == "ret" && d.call_depth > 0;
    if (from_call) {
      d.builder.instance->returns.push_back(uint32_t(d.builder.program.code.size()));
    }
    d.inst.flow = from_call ? Flow::branch : Flow::exit;
    d.emit(nullptr, Kind::control);
  }
}

void decode_nothing(Decode &d) {
  // Timing and register hints: no effect on what a program computes.
  for (const std::string_view m : d.ast.modifiers) {
    d.flag(m);
  }
  d.emit(run_nothing, Kind::control);
}

/// bar.{cta.}sync a{, b};  bar.arrive a, b;  bar.red.op d, a{, b}, p;  bar.warp.sync m;
void decode_barrier(Decode &d) {
  const bool bar = d.ast.opcode == "bar";
  if (d.flag("cluster")) { // a cluster is one block: its barrier is the block's own, number 0
    const bool arrive = d.flag("arrive"), wait = d.flag("wait");
    d.choice({"release", "relaxed", "acquire"});
    const bool aligned = d.flag("aligned");
    if (!arrive && !wait) {
      d.fail("an unknown cluster barrier");
    }
    if (arrive) { // meets at the wait
      d.emit(run_nothing, Kind::barrier);
      return;
    }
    d.inst.flow = Flow::barrier;
    d.inst.flags = aligned ? barrier_aligned : 0;
    d.inst.r[0] = d.constant(4, 15);
    d.emit(nullptr, Kind::barrier);
    return;
  }
  if (d.flag("warp")) {
    if (!d.flag("sync")) {
      d.fail("an unknown warp barrier");
    }
    d.inst.flow = Flow::member;
    d.inst.sub = warp_barrier;
    d.inst.r[4] = d.src(0, Type::b32);
    d.emit([](Warp &w, const Inst &, uint32_t) { w.block->synchronise(w); }, Kind::warp);
    return;
  }
  d.flag("cta");
  const bool aligned = d.flag("aligned") || bar;
  const int what = d.choice({"sync", "arrive", "red"});
  if (what < 0) {
    d.fail("an unknown barrier");
  }
  d.inst.flow = Flow::barrier;
  d.inst.flags = aligned ? barrier_aligned : 0;
  size_t at = 0;
  if (what == 1) {
    d.inst.flags |= barrier_arrive_only;
  }
  if (what == 2) {
    d.inst.sub = uint8_t(d.choice({"popc", "and", "or"}));
    const Type type = d.type();
    if ((d.inst.sub == 0) != (type == Type::u32) || d.inst.sub > 2) {
      d.fail("an unknown barrier reduction");
    }
    d.inst.r[2] = d.dst(at++, type);
  }
  d.inst.r[0] = d.src(at++, Type::u32);
  const size_t rest = d.operands() - at;
  if (rest > (what == 2 ? 1u : 0u)) {
    d.inst.r[1] = d.src(at++, Type::u32);
    d.inst.flags |= barrier_counted;
  }
  if (what == 2) {
    d.inst.r[3] = d.pred_src(d.operand(at++));
  }
  d.want(at, at);
  d.emit(nullptr, Kind::barrier);
}

} // namespace mome::ptxsim
