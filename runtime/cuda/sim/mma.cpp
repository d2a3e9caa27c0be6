// mma.sync: D = A B + C on fragments that are spread over the lanes.
//
// One rule places every fragment of the m16n8kK shapes. With p elements in a register (2 halves,
// 4 bytes, 1 tf32 or f64), g = lane / 4, t = lane % 4:
//   A, register r, element j:  row g + 8 (r mod 2), column 4p (r / 2) + p t + j
//   B, register r, element j:  row 4p r + p t + j, column g
//   C and D, element e:        row g + 8 (e / 2), column 2 t + e mod 2
// m8n8k4 of f64 is the same without the second rows.
//
// Products are exact and summed in f64, then rounded once. The perturbed mode sums in another order
// and truncates each sum to f32, as tensor cores are known to do.
#include "runtime/cuda/sim/mma.h"
#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/float_ops.h"

namespace mome::ptxsim {
namespace {

constexpr int max_k = 32;

struct Shape {
  int m, n, k;
};

constexpr int type_bytes(Type t) {
  return t == Type::f64 ? 8 : t == Type::tf32 ? 4 : t == Type::f16 || t == Type::bf16 ? 2 : 1;
}
constexpr int per_register(Type t) {
  return t == Type::f64 ? 1 : 4 / type_bytes(t);
}

struct Operation { // in Inst: more = registers of D, A, B, C; imm = index into the table below
  Shape shape;
  Type d, a, b, c;
  int a_registers() const { return shape.m * shape.k / 32 / per_register(a); }
  int b_registers() const { return shape.n * shape.k / 32 / per_register(a); }
  int c_registers(Type t) const {
    const int values = shape.m * shape.n / 32;
    return t == Type::f16 ? values / 2 : values;
  }
};

Operation unpack(const Inst &i) {
  const auto type = [&](int shift) { return Type(i.imm >> shift & 255); };
  return {{int(i.sub), 8, int(i.count)}, type(0), type(8), type(16), type(24)};
}

template <Type t> double element(const std::byte *frame, uint32_t offset, int lane, int j) {
  const std::byte *at = frame + offset + lane * (t == Type::f64 ? 8 : 4) + j * type_bytes(t);
  const auto load = [&]<class T>(T value) {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  if constexpr (t == Type::f64) {
    return load(double{});
  } else if constexpr (t == Type::tf32) { // the unit ignores the low 13 bits
    return std::bit_cast<float>(load(uint32_t{}) & 0xffffe000);
  } else if constexpr (t == Type::f16) {
    return from_f16(load(uint16_t{}));
  } else if constexpr (t == Type::bf16) {
    return from_bf16(load(uint16_t{}));
  } else if constexpr (t == Type::s8) {
    return load(int8_t{});
  } else if constexpr (t == Type::u8) {
    return load(uint8_t{});
  } else {
    return decode(load(uint8_t{}), t == Type::e4m3 ? e4m3_format : e5m2_format);
  }
}

/// Calls f with the type as a constant.
template <class F> void with_type(Type t, F f) {
  switch (t) {
  case Type::f64:
    return f.template operator()<Type::f64>();
  case Type::tf32:
    return f.template operator()<Type::tf32>();
  case Type::f16:
    return f.template operator()<Type::f16>();
  case Type::bf16:
    return f.template operator()<Type::bf16>();
  case Type::s8:
    return f.template operator()<Type::s8>();
  case Type::u8:
    return f.template operator()<Type::u8>();
  case Type::e4m3:
    return f.template operator()<Type::e4m3>();
  default:
    return f.template operator()<Type::e5m2>();
  }
}

struct Tiles {
  double a[16][max_k], b[max_k][8], c[16][8];
};

void load_tiles(const Warp &w, const Inst &i, const Operation &o, Tiles &tiles) {
  const int rows = o.shape.m / 8, na = o.a_registers(), nb = o.b_registers();
  const uint32_t *a = i.more.data() + o.c_registers(o.d);
  const uint32_t *b = a + na, *c = b + nb;
  with_type(o.a, [&]<Type t>() {
    constexpr int p = per_register(t);
    for (int r = 0; r < na; ++r) {
      for (int l = 0; l < lanes; ++l) {
        for (int j = 0; j < p; ++j) {
          tiles.a[l / 4 + 8 * (r % rows)][4 * p * (r / rows) + p * (l % 4) + j] =
              element<t>(w.frame, a[r], l, j);
        }
      }
    }
  });
  with_type(o.b, [&]<Type t>() {
    constexpr int p = per_register(t);
    for (int r = 0; r < nb; ++r) {
      for (int l = 0; l < lanes; ++l) {
        for (int j = 0; j < p; ++j) {
          tiles.b[4 * p * r + p * (l % 4) + j][l / 4] = element<t>(w.frame, b[r], l, j);
        }
      }
    }
  });
  for (int l = 0; l < lanes; ++l) {
    const int g = l / 4, t = l % 4;
    for (int e = 0; e < o.shape.m / 4; ++e) {
      double &to = tiles.c[g + 8 * (e / 2)][2 * t + e % 2];
      if (o.c == Type::f16) {
        to = from_f16(w.reg<uint16_t>(c[e / 2])[2 * l + e % 2]);
      } else if (o.c == Type::f64) {
        to = w.reg<double>(c[e])[l];
      } else if (o.c == Type::s32) {
        to = w.reg<int32_t>(c[e])[l];
      } else {
        to = w.reg<float>(c[e])[l];
      }
    }
  }
}

void store_tiles(const Warp &w, const Inst &i, const Operation &o, const Tiles &tiles) {
  const uint32_t *d = i.more.data();
  for (int l = 0; l < lanes; ++l) {
    const int g = l / 4, t = l % 4;
    for (int e = 0; e < o.shape.m / 4; ++e) {
      const double x = tiles.c[g + 8 * (e / 2)][2 * t + e % 2];
      if (o.d == Type::f16) {
        w.reg<uint16_t>(d[e / 2])[2 * l + e % 2] = to_f16(float(x));
      } else if (o.d == Type::f64) {
        w.reg<double>(d[e])[l] = x;
      } else if (o.d == Type::s32) { // sums of 32 products of bytes and an int are exact in f64
        w.reg<uint32_t>(d[e])[l] =
            i.flags & 1 ? uint32_t(int32_t(std::min(std::max(x, -0x1p31), 0x1p31 - 1)))
                        : uint32_t(int64_t(x));
      } else {
        w.reg<float>(d[e])[l] = canonical(float(x));
      }
    }
  }
}

void run_mma(Warp &w, const Inst &i, uint32_t) {
  const Operation o = unpack(i);
  Tiles tiles;
  load_tiles(w, i, o, tiles);
  const bool exact = o.d == Type::f64 || o.d == Type::s32;
  const bool perturb = w.block->launch.perturb && !exact;
  const uint64_t seed = w.block->launch.rounding_seed;
  for (int m = 0; m < o.shape.m; ++m) {
    if (perturb) {
      for (int n = 0; n < 8; ++n) {
        tiles.c[m][n] =
            perturbed_dot(tiles.c[m][n], tiles.a[m], &tiles.b[0][n], 8, o.shape.k, seed);
      }
      continue;
    }
    double sum[8];
    for (int n = 0; n < 8; ++n) {
      sum[n] = tiles.c[m][n];
    }
    for (int k = 0; k < o.shape.k; ++k) {
      for (int n = 0; n < 8; ++n) {
        sum[n] = std::fma(tiles.a[m][k], tiles.b[k][n], sum[n]);
      }
    }
    for (int n = 0; n < 8; ++n) {
      tiles.c[m][n] = sum[n];
    }
  }
  store_tiles(w, i, o, tiles);
}

bool known_shape(const Operation &o) {
  const auto [m, n, k] = o.shape;
  if (n != 8) {
    return false;
  }
  switch (o.a) {
  case Type::f16:
    return o.b == o.a && m == 16 && (k == 8 || k == 16) && (o.d == Type::f16 || o.d == Type::f32) &&
           (o.c == Type::f16 || o.c == Type::f32);
  case Type::bf16:
    return o.b == o.a && m == 16 && (k == 8 || k == 16) && o.d == Type::f32 && o.c == Type::f32;
  case Type::tf32:
    return o.b == o.a && m == 16 && (k == 4 || k == 8) && o.d == Type::f32 && o.c == Type::f32;
  case Type::f64:
    return o.b == o.a && o.d == o.a && o.c == o.a &&
           ((m == 8 && k == 4) || (m == 16 && (k == 4 || k == 8 || k == 16)));
  case Type::s8:
  case Type::u8:
    return (o.b == Type::s8 || o.b == Type::u8) && m == 16 && (k == 16 || k == 32) &&
           o.d == Type::s32 && o.c == Type::s32;
  case Type::e4m3:
  case Type::e5m2:
    return (o.b == Type::e4m3 || o.b == Type::e5m2) && m == 16 && (k == 16 || k == 32) &&
           (o.d == Type::f32 || o.d == Type::f16) && o.c == o.d;
  default:
    return false;
  }
}

void fragment(Decode &d, size_t operand, int registers, Type t) {
  const Operand &o = d.operand(operand);
  std::vector<const Operand *> parts;
  if (o.kind == Operand::Kind::vector) {
    for (const Operand &p : o.parts) {
      parts.push_back(&p);
    }
  } else {
    parts.push_back(&o);
  }
  if (int(parts.size()) != registers) {
    d.fail("operand " + std::to_string(operand + 1) + " has " + std::to_string(parts.size()) +
           " registers, not " + std::to_string(registers));
  }
  for (const Operand *p : parts) {
    d.inst.more.push_back(operand == 0 ? d.dst(*p, t) : d.src(*p, t));
  }
}

Type register_type(Type t) {
  return t == Type::f64 ? Type::f64 : t == Type::f32 ? Type::f32 : Type::b32;
}

} // namespace

double perturbed_dot(double c, const double *a, const double *b, int stride, int k, uint64_t seed) {
  const int start = int(seed % uint64_t(k));
  double sum = 0;
  const auto add = [&](double x) {
    sum += x;
    float f = float(sum);
    if (std::fabs(double(f)) > std::fabs(sum)) { // toward zero
      f = std::nextafter(f, 0.0f);
    }
    sum = f;
  };
  for (int n = 0; n < k; ++n) {
    const int at = (start + n) % k;
    add(a[at] * b[at * stride]);
  }
  add(c);
  return sum;
}

void decode_mma(Decode &d) {
  if (!d.flag("sync")) {
    d.fail("only mma.sync is simulated");
  }
  d.flag("aligned");
  constexpr std::string_view shapes[] = {"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32", "m8n8k4"};
  constexpr Shape sizes[] = {{16, 8, 4}, {16, 8, 8}, {16, 8, 16}, {16, 8, 32}, {8, 8, 4}};
  const int shape = d.choice({shapes[0], shapes[1], shapes[2], shapes[3], shapes[4]});
  d.flag("kind::f8f6f4");
  if (shape < 0 || !d.flag("row") || !d.flag("col")) {
    d.fail("an unknown shape or layout",
           "row.col in shapes m16n8k4 to m16n8k32, and m8n8k4 of f64");
  }
  d.inst.flags = d.flag("satfinite");
  Operation o{sizes[shape], d.type(), d.type(), d.type(), d.type()};
  if (!known_shape(o)) {
    d.fail("no such combination of shape and types");
  }
  d.want(4, 4);
  fragment(d, 0, o.c_registers(o.d), register_type(o.d));
  fragment(d, 1, o.a_registers(), register_type(o.a));
  fragment(d, 2, o.b_registers(), register_type(o.b));
  fragment(d, 3, o.c_registers(o.c), register_type(o.c));
  d.inst.sub = uint8_t(o.shape.m);
  d.inst.count = uint8_t(o.shape.k);
  d.inst.width = uint8_t(type_bytes(o.a));
  d.inst.imm = int64_t(o.d) | int64_t(o.a) << 8 | int64_t(o.b) << 16 | int64_t(o.c) << 24;
  d.inst.flops = uint32_t(2 * o.shape.m * o.shape.n * o.shape.k / lanes);
  d.inst.flow = Flow::converged;
  d.emit(run_mma, Kind::tensor);
}

} // namespace mome::ptxsim
