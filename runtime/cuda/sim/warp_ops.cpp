// Instructions in which lanes of a warp talk to each other.
#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/float_ops.h"

namespace mome::ptxsim {
namespace {

enum Shuffle : uint8_t { up, down, bfly, idx };

/// r: d, a, b (distance or lane), c (clamp and segment), member mask; more[0]: predicate or 0.
void run_shuffle(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  const uint32_t *c = w.reg<uint32_t>(i.r[3]);
  uint32_t value[lanes], valid = 0, bad = 0;
  for (int l = 0; l < lanes; ++l) {
    const int by = int(b[l] & 31), clamp = int(c[l] & 31), segment = int(c[l] >> 8 & 31);
    const int last = (l & segment) | (clamp & ~segment), first = l & segment;
    int from = l;
    bool ok = false;
    switch (i.sub) {
    case up:
      from = l - by;
      ok = from >= last;
      break;
    case down:
      from = l + by;
      ok = from <= last;
      break;
    case bfly:
      from = l ^ by;
      ok = from <= last;
      break;
    default:
      from = first | (by & ~segment);
      ok = from <= last;
    }
    from = ok ? from : l;
    valid |= uint32_t(ok) << l;
    value[l] = a[from];
    bad |= uint32_t((mask >> l & 1) && !(mask >> from & 1)) << l;
  }
  if (bad) {
    w.fault(int(FaultKind::inactive_lane),
            "lanes " + lanes_text(bad) + " read from lanes that take no part (those are " +
                lanes_text(mask) + ")",
            std::countr_zero(bad));
  }
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) { return value[l]; });
  if (i.more[0]) {
    uint32_t &p = w.pred(i.more[0]);
    p = (p & ~mask) | (valid & mask);
  }
}

/// sub: 0 all, 1 any, 2 uni, 3 ballot.
void run_vote(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t p = w.pred(i.r[1]) & mask;
  if (i.sub == 3) {
    return write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int) { return p; });
  }
  const bool result = i.sub == 0 ? p == mask : i.sub == 1 ? p != 0 : p == 0 || p == mask;
  uint32_t &d = w.pred(i.r[0]);
  d = (d & ~mask) | (result ? mask : 0);
}

template <class T> void run_match(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]);
  uint32_t same[lanes] = {};
  for_lanes(mask, [&](int l) {
    for_lanes(mask, [&](int k) { same[l] |= uint32_t(a[l] == a[k]) << k; });
  });
  const bool all = same[std::countr_zero(mask)] == mask;
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    return i.sub == 0 ? same[l] : all ? mask : 0;
  });
  if (i.more[0]) {
    uint32_t &p = w.pred(i.more[0]);
    p = (p & ~mask) | (all ? mask : 0);
  }
}

/// sub: add min max and or xor; count: the Type.
void run_redux(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]);
  uint32_t r = a[std::countr_zero(mask)];
  for_lanes(mask & (mask - 1), [&](int l) {
    const uint32_t v = a[l];
    const bool less = Type(i.count) == Type::s32 ? int32_t(v) < int32_t(r) : v < r;
    switch (i.sub) {
    case 0:
      r += v;
      break;
    case 1:
      r = less ? v : r;
      break;
    case 2:
      r = less ? r : v;
      break;
    case 3:
      r &= v;
      break;
    case 4:
      r |= v;
      break;
    default:
      r ^= v;
    }
  });
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int) { return r; });
}
void run_redux_float(Warp &w, const Inst &i, uint32_t mask) {
  const float *a = w.reg<float>(i.r[1]);
  const auto load = [&](int l) { return i.flags & 2 ? std::fabs(a[l]) : a[l]; };
  float r = load(std::countr_zero(mask));
  for_lanes(mask & (mask - 1), [&](int l) {
    const float v = load(l);
    r = (i.flags & 1) && (v != v || r != r) ? NAN
        : i.sub == 1                        ? min_number(r, v)
                                            : max_number(r, v);
  });
  write_lanes(w.reg<float>(i.r[0]), mask, [&](int) { return canonical(r); });
}

void run_elect(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t leader = uint32_t(std::countr_zero(mask));
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int) { return leader; });
  uint32_t &p = w.pred(i.r[1]);
  p = (p & ~mask) | 1u << leader;
}

void run_activemask(Warp &w, const Inst &i, uint32_t mask) {
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int) { return mask; });
}

void take_sync(Decode &d) {
  if (!d.flag("sync")) {
    d.fail("the form without .sync", "sm_70 and later have only .sync");
  }
  d.inst.flow = Flow::member;
}

} // namespace

/// shfl.sync.mode.b32 d{|p}, a, b, c, membermask;
void decode_shuffle(Decode &d) {
  take_sync(d);
  const int mode = d.choice({"up", "down", "bfly", "idx"});
  if (mode < 0) {
    d.fail("no mode");
  }
  d.inst.sub = uint8_t(mode);
  d.type();
  d.want(5, 5);
  const Operand &result = d.operand(0);
  const bool pair = result.kind == Operand::Kind::pair;
  d.inst.r[0] = d.dst(pair ? result.parts[0] : result, Type::b32);
  d.inst.more.push_back(pair ? d.dst(result.parts[1], Type::pred) : 0);
  for (size_t k = 1; k < 5; ++k) {
    d.inst.r[k] = d.src(k, Type::b32);
  }
  d.emit(run_shuffle, Kind::warp);
}

void decode_vote(Decode &d) {
  take_sync(d);
  const int mode = d.choice({"all", "any", "uni", "ballot"});
  if (mode < 0) {
    d.fail("no mode");
  }
  d.inst.sub = uint8_t(mode);
  const Type t = d.type();
  d.inst.r[0] = d.dst(0, mode == 3 ? Type::b32 : t);
  d.inst.r[1] = d.pred_src(d.operand(1));
  d.inst.r[4] = d.src(2, Type::b32);
  d.want(3, 3);
  d.emit(run_vote, Kind::warp);
}

void decode_match(Decode &d) {
  const int mode = d.choice({"any", "all"});
  if (mode < 0) {
    d.fail("no mode");
  }
  take_sync(d);
  d.inst.sub = uint8_t(mode);
  const Type t = d.type();
  const Operand &result = d.operand(0);
  const bool pair = result.kind == Operand::Kind::pair;
  d.inst.r[0] = d.dst(pair ? result.parts[0] : result, Type::b32);
  d.inst.more.push_back(pair ? d.dst(result.parts[1], Type::pred) : 0);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[4] = d.src(2, Type::b32);
  d.emit(type_size(t) == 8 ? run_match<uint64_t> : run_match<uint32_t>, Kind::warp);
}

void decode_redux(Decode &d) {
  take_sync(d);
  const int op = d.choice({"add", "min", "max", "and", "or", "xor"});
  if (op < 0) {
    d.fail("no operation");
  }
  d.inst.sub = uint8_t(op);
  d.inst.flags |= d.flag("abs") ? 2 : 0;
  d.inst.flags |= d.flag("NaN") ? 1 : 0;
  const Type t = d.type();
  d.inst.count = uint8_t(t);
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[4] = d.src(2, Type::b32);
  if (t == Type::f32 && op != 1 && op != 2) {
    d.fail("no such reduction of floats");
  }
  d.emit(t == Type::f32 ? run_redux_float : run_redux, Kind::warp);
}

void decode_elect(Decode &d) {
  take_sync(d);
  const Operand &result = d.operand(0);
  if (result.kind != Operand::Kind::pair) {
    d.fail("no predicate");
  }
  d.inst.r[0] = d.dst(result.parts[0], Type::b32);
  d.inst.r[1] = d.dst(result.parts[1], Type::pred);
  d.inst.r[4] = d.src(1, Type::b32);
  d.emit(run_elect, Kind::warp);
}

void decode_activemask(Decode &d) {
  d.type();
  d.inst.r[0] = d.dst(0, Type::b32);
  d.emit(run_activemask, Kind::warp);
}

} // namespace mome::ptxsim
