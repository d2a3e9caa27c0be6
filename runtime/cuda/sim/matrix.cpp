// ldmatrix, stmatrix, movmatrix: 8x8 matrices of 16-bit elements between shared memory and
// fragments. Lane 8 i + r has the address of row r of matrix i; lane l holds of each matrix the
// elements (l / 4, 2 (l % 4)) and the next, or with .trans their mirror images.
#include "runtime/cuda/sim/addresses.h"
#include "runtime/cuda/sim/decode.h"

namespace mome::ptxsim {
namespace {

using Matrix = uint16_t[8][8];

void take(Matrix &m, const uint32_t *d, bool transposed) {
  for (int l = 0; l < lanes; ++l) {
    const int row = l / 4, column = 2 * (l % 4);
    for (int j = 0; j < 2; ++j) {
      (transposed ? m[column + j][row] : m[row][column + j]) = uint16_t(d[l] >> (16 * j));
    }
  }
}
void give(const Matrix &m, uint32_t *d, bool transposed) {
  for (int l = 0; l < lanes; ++l) {
    const int row = l / 4, column = 2 * (l % 4);
    d[l] = transposed ? m[column][row] | uint32_t(m[column + 1][row]) << 16
                      : m[row][column] | uint32_t(m[row][column + 1]) << 16;
  }
}

void rows(Warp &w, const Inst &i, Access &a) {
  set_addresses(w, i, i.count == 4 ? ~0u : (1u << (8 * i.count)) - 1, a);
  a.bytes = 16;
}

/// flags: 1 transposed; count: matrices.
void run_ldmatrix(Warp &w, const Inst &i, uint32_t) {
  Access a;
  rows(w, i, a);
  w.resolve(a);
  for (int n = 0; n < i.count; ++n) {
    Matrix m;
    for (int r = 0; r < 8; ++r) {
      std::memcpy(m[r], a.host[8 * n + r], 16);
    }
    give(m, w.reg<uint32_t>(i.more[size_t(n)]), i.flags & 1);
  }
}

void run_stmatrix(Warp &w, const Inst &i, uint32_t) {
  Access a;
  rows(w, i, a);
  a.write = true;
  a.read = false;
  w.resolve(a);
  for (int n = 0; n < i.count; ++n) {
    Matrix m;
    take(m, w.reg<uint32_t>(i.more[size_t(n)]), i.flags & 1);
    for (int r = 0; r < 8; ++r) {
      std::memcpy(a.host[8 * n + r], m[r], 16);
    }
  }
}

void run_movmatrix(Warp &w, const Inst &i, uint32_t) {
  Matrix m;
  take(m, w.reg<uint32_t>(i.r[1]), false);
  give(m, w.reg<uint32_t>(i.r[0]), true);
}

void decode_matrices(Decode &d, size_t address, size_t registers) {
  if (!d.flag("sync")) {
    d.fail("no .sync");
  }
  d.flag("aligned");
  const int count = d.choice({"x1", "x2", "x4"});
  if (!d.flag("m8n8") || count < 0) {
    d.fail("an unknown shape");
  }
  d.inst.flags = d.flag("trans");
  Space space = d.space().value_or(Space::generic);
  if (d.type() != Type::b16) {
    d.fail("only 16-bit elements are simulated");
  }
  d.want(2, 2);
  d.inst.count = uint8_t(1 << count);
  d.inst.r[0] = d.address(address, space);
  d.inst.sub = uint8_t(space == Space::generic ? Space::generic : Space::shared);
  const Operand &o = d.operand(registers);
  const auto add = [&](const Operand &p) {
    d.inst.more.push_back(registers == 0 ? d.dst(p, Type::b32) : d.src(p, Type::b32));
  };
  if (o.kind == Operand::Kind::vector) {
    for (const Operand &p : o.parts) {
      add(p);
    }
  } else {
    add(o);
  }
  if (d.inst.more.size() != d.inst.count) {
    d.fail("a vector of the wrong length");
  }
  d.inst.flow = Flow::converged;
}

} // namespace

void decode_ldmatrix(Decode &d) {
  decode_matrices(d, 1, 0);
  d.emit(run_ldmatrix, Kind::matrix_move);
}
void decode_stmatrix(Decode &d) {
  decode_matrices(d, 0, 1);
  d.emit(run_stmatrix, Kind::matrix_move);
}
void decode_movmatrix(Decode &d) {
  if (!d.flag("sync") || !d.flag("aligned") || !d.flag("m8n8") || !d.flag("trans")) {
    d.fail("an unknown form");
  }
  d.type();
  d.inst.r[0] = d.dst(0, Type::b32);
  d.inst.r[1] = d.src(1, Type::b32);
  d.inst.flow = Flow::converged;
  d.emit(run_movmatrix, Kind::warp);
}

} // namespace mome::ptxsim
