// wgmma: D = A B + D by four warps, A and B in shared memory behind descriptors, or A in registers.
//
// The fragment of warp w holds rows 16 w to 16 w + 15 of the 64, laid out as mma.sync's for each 8
// columns; so each warp computes its own rows and no warp needs another. A descriptor is
//   start / 16 in bits 0-13, leading offset / 16 in 16-29, stride offset / 16 in 32-45, swizzle in
//   62-63 (0 none, 1 128 bytes, 2 64, 3 32)
// With S the swizzle's bytes (16 for none), element (r, k), r along M or N, of e bytes lies at
//   K-major:   (r / 8) stride + (r % 8) S + k e           (none: + (k e / 16) leading + k e % 16)
//   MN-major:  (r e / S) leading + r e % S + (k / 8) stride + (k % 8) S
//              (none: leading and stride change places)
// from the start, and then the address is swizzled.
//
// A product is computed when it is waited for, and no sooner: until then registers hold what they held. Its tiles
// are read twice, when it is issued and then: both times must be in order with all writes.
#include <algorithm>

#include "runtime/cuda/sim/addresses.h"
#include "runtime/cuda/sim/bulk.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/float_ops.h"
#include "runtime/cuda/sim/mma.h"
#include "runtime/cuda/sim/tensor_map.h"

namespace mome::ptxsim {
namespace {

constexpr uint32_t flag_a_registers = 1, flag_transpose_a = 2, flag_transpose_b = 4,
                   flag_negate_a = 8, flag_negate_b = 16;

struct Layout {
  uint64_t start, leading, stride;
  Swizzle swizzle;
  uint64_t span; // S

  explicit Layout(uint64_t descriptor)
      : start((descriptor & 0x3fff) << 4), leading((descriptor >> 16 & 0x3fff) << 4),
        stride((descriptor >> 32 & 0x3fff) << 4) {
    constexpr Swizzle modes[] = {Swizzle::none, Swizzle::bytes_128, Swizzle::bytes_64,
                                 Swizzle::bytes_32};
    constexpr uint64_t spans[] = {16, 128, 64, 32};
    swizzle = modes[descriptor >> 62];
    span = spans[descriptor >> 62];
  }
  uint64_t at(uint64_t r, uint64_t k, uint64_t e, bool mn_major) const {
    const bool plain = swizzle == Swizzle::none;
    uint64_t offset = 0;
    if (mn_major) {
      offset = r * e / span * (plain ? stride : leading) + r * e % span +
               k / 8 * (plain ? leading : stride) + k % 8 * span;
    } else if (plain) {
      offset = r / 8 * stride + r % 8 * 16 + k * e / 16 * leading + k * e % 16;
    } else {
      offset = r / 8 * stride + r % 8 * span + k * e;
    }
    return swizzled(start + offset, swizzle);
  }
};

double value(const std::byte *p, Type t) {
  uint32_t bits = 0;
  std::memcpy(&bits, p, size_t(type_size(t)));
  switch (t) {
  case Type::f16:
    return from_f16(uint16_t(bits));
  case Type::bf16:
    return from_bf16(uint16_t(bits));
  case Type::tf32:
    return std::bit_cast<float>(bits & 0xffffe000);
  case Type::e4m3:
    return decode(bits, e4m3_format);
  default:
    return decode(bits, e5m2_format);
  }
}

/// Reads rows x k elements through a descriptor, 16 bytes by a lane, which lie together, so that every check
/// applies. `out` may be null.
void read_tile(Warp &w, const Layout &layout, Type t, int first_row, int rows, int k, bool mn_major,
               double *out) {
  const int e = type_size(t), unit = 16 / e, deep = mn_major ? k : k / unit;
  const int total = rows * k / unit;
  for (int begin = 0; begin < total; begin += lanes) {
    Access a;
    a.space = Space::shared;
    a.bytes = 16;
    a.counted = false;
    a.async = true;
    const int n = std::min(lanes, total - begin);
    a.mask = n == lanes ? ~0u : (1u << n) - 1;
    const auto row_of = [&](int l) { return (begin + l) / deep * (mn_major ? unit : 1); };
    const auto k_of = [&](int l) { return (begin + l) % deep * (mn_major ? 1 : unit); };
    for (int l = 0; l < n; ++l) {
      a.address[l] =
          layout.at(uint64_t(first_row + row_of(l)), uint64_t(k_of(l)), uint64_t(e), mn_major);
    }
    w.resolve(a);
    for (int l = 0; out && l < n; ++l) {
      double *to = out + row_of(l) * k + k_of(l);
      for (int j = 0; j < unit; ++j) {
        to[j * (mn_major ? k : 1)] = value(a.host[l] + j * e, t);
      }
    }
  }
}

/// The tiles of a product: 16 of A's rows if they are in shared memory, all of B.
void read_tiles(Warp &w, const Inst &i, uint64_t descriptor_a, uint64_t descriptor_b, double *a,
                double *b) {
  if (!(i.flags & flag_a_registers)) {
    read_tile(w, Layout(descriptor_a), Type(i.sub), 16 * (w.index % 4), 16, i.width,
              i.flags & flag_transpose_a, a);
  }
  read_tile(w, Layout(descriptor_b), Type(i.count), 0, int(i.imm), i.width,
            i.flags & flag_transpose_b, b);
}

/// What the tensor cores read: each warp its rows of A, all four together B once.
void count(Warp &w, const Inst &i) {
  Counters &c = w.block->counters;
  c.wgmma_flops += uint64_t{i.flops} * lanes;
  const int rows = (i.flags & flag_a_registers ? 0 : 16) + (w.index % 4 == 0 ? int(i.imm) : 0);
  const auto bytes = uint64_t(rows * i.width * type_size(Type(i.count)));
  c.shared_wavefronts += bytes / 128;
  c.shared_ideal += bytes / 128;
  c.shared_bytes += bytes;
}

/// more: D's registers, then A's when in registers; r[0]: A's descriptor, r[1]: B's, r[2]: scale-d.
/// width: k, imm: n, sub: A's type, count: B's type, r[4]: 1 when D is f16.
void run_issue(Warp &w, const Inst &i, uint32_t) {
  const uint64_t a = i.flags & flag_a_registers ? 0 : w.reg<uint64_t>(i.r[0])[0];
  const uint64_t b = w.reg<uint64_t>(i.r[1])[0];
  read_tiles(w, i, a, b, nullptr, nullptr);
  if (w.block->launch.count) {
    count(w, i);
  }
  w.products.push_back({&i, a, b, bool(w.pred(i.r[2]) & 1), w.product_groups});
}

void compute(Warp &w, const AsyncProduct &product) {
  const Inst &i = *product.inst;
  const int k = i.width, n = int(i.imm);
  const Type ta = Type(i.sub);
  const bool half = i.r[4];
  std::vector<double> a(size_t(16 * k)), b(size_t(n * k));
  if (i.flags & flag_a_registers) {
    const int p = 4 / type_size(ta);
    const uint32_t *registers = i.more.data() + n / (half ? 4 : 2);
    for (int l = 0; l < lanes; ++l) {
      for (int r = 0; r < 4; ++r) {
        for (int j = 0; j < p; ++j) {
          a[size_t((l / 4 + 8 * (r % 2)) * k + 4 * p * (r / 2) + p * (l % 4) + j)] =
              value(w.frame + registers[r] + l * 4 + j * type_size(ta), ta);
        }
      }
    }
  }
  read_tiles(w, i, product.a, product.b, a.data(), b.data());
  const double sign =
      (i.flags & flag_negate_a ? -1.0 : 1.0) * (i.flags & flag_negate_b ? -1.0 : 1.0);
  const bool perturb = w.block->launch.perturb;
  for (int l = 0; l < lanes; ++l) {
    for (int c = 0; c < n / 2; ++c) {
      const int row = l / 4 + 8 * (c / 2 % 2), column = c / 4 * 8 + 2 * (l % 4) + c % 2;
      const uint32_t offset = i.more[size_t(half ? c / 2 : c)];
      double sum = 0;
      if (product.keep) {
        sum = half ? from_f16(w.reg<uint16_t>(offset)[2 * l + c % 2]) : w.reg<float>(offset)[l];
      }
      const double *x = a.data() + row * k, *y = b.data() + column * k;
      if (perturb) {
        sum = sign * perturbed_dot(sign * sum, x, y, 1, k, w.block->launch.rounding_seed);
      } else {
        for (int q = 0; q < k; ++q) {
          sum += sign * x[q] * y[q];
        }
      }
      if (half) {
        w.reg<uint16_t>(offset)[2 * l + c % 2] = to_f16(float(sum));
      } else {
        w.reg<float>(offset)[l] = canonical(float(sum));
      }
    }
  }
}

void run_nothing(Warp &, const Inst &, uint32_t) {}

void run_commit(Warp &w, const Inst &, uint32_t) {
  ++w.product_groups;
}

/// imm: groups that may stay under way.
void run_wait(Warp &w, const Inst &i, uint32_t) {
  const auto end = std::find_if(w.products.begin(), w.products.end(), [&](const AsyncProduct &p) {
    return int64_t{p.group} + i.imm >= int64_t{w.product_groups};
  });
  std::for_each(w.products.begin(), end, [&](const AsyncProduct &p) { compute(w, p); });
  w.products.erase(w.products.begin(), end);
}

int k_of(Type t) {
  return 32 / type_size(t);
}

/// "m64n128k16": the n; 0 when it is no shape.
int columns_of(std::string_view shape, int k) {
  const std::string wanted_end = "k" + std::to_string(k);
  if (!shape.ends_with(wanted_end)) {
    return 0;
  }
  int n = 0;
  for (const char c : shape.substr(0, shape.size() - wanted_end.size())) {
    if (c < '0' || c > '9' || n > 256) {
      return 0;
    }
    n = n * 10 + (c - '0');
  }
  return n >= 8 && n <= 256 && n % 8 == 0 ? n : 0;
}

void decode_multiply(Decode &d) {
  const std::string_view shape = d.prefixed("m64n");
  const Type td = d.type(), ta = d.type(), tb = d.type();
  const int n = columns_of(shape, k_of(ta));
  const bool halves = ta == Type::f16 || ta == Type::bf16;
  const bool known =
      (halves && tb == ta) || (ta == Type::tf32 && tb == ta) ||
      ((ta == Type::e4m3 || ta == Type::e5m2) && (tb == Type::e4m3 || tb == Type::e5m2));
  if (n == 0 || !known || (td != Type::f32 && td != Type::f16)) {
    d.fail("no such combination of shape and types");
  }
  const auto registers = [&](const Operand &o, int count, bool result) {
    if (o.kind != Operand::Kind::vector || int(o.parts.size()) != count) {
      d.fail("a fragment of the wrong length");
    }
    for (const Operand &p : o.parts) {
      d.inst.more.push_back(result ? d.dst(p, Type::b32) : d.src(p, Type::b32));
    }
  };
  registers(d.operand(0), n / (td == Type::f16 ? 4 : 2), true);
  if (d.operand(1).kind == Operand::Kind::vector) {
    registers(d.operand(1), 4, false);
    d.inst.flags |= flag_a_registers;
  } else {
    d.inst.r[0] = d.src(1, Type::b64);
  }
  d.inst.r[1] = d.src(2, Type::b64);
  d.inst.r[2] = d.pred_src(d.operand(3));
  d.inst.flags |= d.immediate(4) < 0 ? flag_negate_a : 0;
  d.inst.flags |= d.immediate(5) < 0 ? flag_negate_b : 0;
  size_t at = 6;
  if (halves && !(d.inst.flags & flag_a_registers)) {
    d.inst.flags |= d.immediate(at++) ? flag_transpose_a : 0;
  }
  if (halves) {
    d.inst.flags |= d.immediate(at++) ? flag_transpose_b : 0;
  }
  d.want(at, at);
  d.inst.width = uint8_t(k_of(ta));
  d.inst.imm = n;
  d.inst.sub = uint8_t(ta);
  d.inst.count = uint8_t(tb);
  d.inst.r[4] = td == Type::f16;
  d.inst.flops = uint32_t(2 * 16 * n * k_of(ta) / lanes);
  d.inst.flow = Flow::converged;
  d.emit(run_issue, Kind::tensor);
}

} // namespace

void decode_wgmma(Decode &d) {
  const int what = d.choice({"fence", "commit_group", "wait_group", "mma_async"});
  if (what < 0 || !d.flag("sync")) {
    d.fail("an unknown form");
  }
  d.flag("aligned");
  if (what == 3) {
    return decode_multiply(d);
  }
  d.inst.flow = Flow::converged;
  if (what == 2) {
    d.want(1, 1);
    d.inst.imm = d.immediate(0);
  }
  constexpr Handler handlers[] = {run_nothing, run_commit, run_wait};
  d.emit(handlers[what], Kind::tensor);
}

} // namespace mome::ptxsim
