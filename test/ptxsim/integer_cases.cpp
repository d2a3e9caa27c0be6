#include <algorithm>
#include <bit>
#include <cstdlib>

#include "test/ptxsim/instruction_cases.h"

namespace mome::ptxsim::test {
namespace {

using U = uint64_t;
uint32_t u(U x) {
  return uint32_t(x);
}
int32_t s(U x) {
  return int32_t(x);
}

Case binary(const char *op, std::function<uint32_t(uint32_t, uint32_t)> f) {
  return {op, "ii-i", std::string(op) + " d, a, b;", [f](U a, U b, U) { return f(u(a), u(b)); }};
}
Case signed_binary(const char *op, std::function<int64_t(int64_t, int64_t)> f) {
  return {op, "ii-i", std::string(op) + " d, a, b;",
          [f](U a, U b, U) { return u(U(f(s(a), s(b)))); }};
}
Case wide(const char *op, std::function<U(U, U)> f) {
  return {op, "jj-j", std::string(op) + " d, a, b;", [f](U a, U b, U) { return f(a, b); }};
}
Case shift(const char *op, std::function<uint32_t(uint32_t, uint32_t)> f) {
  return {op, "is-i", std::string(op) + " d, a, b;", [f](U a, U b, U) { return f(u(a), u(b)); }};
}
Case unary(const char *op, std::function<uint32_t(uint32_t)> f) {
  return {op, "i--i", std::string(op) + " d, a;", [f](U a, U, U) { return f(u(a)); }};
}
Case three(const char *op, const char *domains, std::function<U(U, U, U)> f) {
  return {op, domains, std::string(op) + " d, a, b, c;", f};
}
int64_t clamp(int64_t x) {
  return std::clamp<int64_t>(x, INT32_MIN, INT32_MAX);
}

uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t d = 0;
  for (int bit = 0; bit < 32; ++bit) {
    const uint32_t row = (a >> bit & 1) * 4 + (b >> bit & 1) * 2 + (c >> bit & 1);
    d |= (table >> row & 1) << bit;
  }
  return d;
}

uint32_t permute(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t d = 0;
  for (int k = 0; k < 4; ++k) {
    const uint32_t selector = c >> (4 * k) & 15, from = selector & 7;
    uint32_t byte = (from < 4 ? a >> (8 * from) : b >> (8 * (from - 4))) & 255;
    if (selector & 8) {
      byte = byte >= 128 ? 255 : 0;
    }
    d |= byte << (8 * k);
  }
  return d;
}

/// Bit by bit, as the manual defines it.
uint32_t extract(uint32_t a, uint32_t pos, uint32_t len, bool is_signed) {
  pos &= 255;
  len &= 255;
  const uint32_t last = std::min(pos + len - 1, 31u);
  const bool sign = is_signed && len > 0 && (a >> last & 1);
  uint32_t d = 0;
  for (uint32_t i = 0; i < 32; ++i) {
    const bool bit = i < len && pos + i <= 31 ? a >> (pos + i) & 1 : sign;
    d |= uint32_t(bit) << i;
  }
  return d;
}
uint32_t insert(uint32_t a, uint32_t b, uint32_t pos, uint32_t len) {
  for (uint32_t i = 0; i < len && pos + i < 32; ++i) {
    b = (b & ~(1u << (pos + i))) | (a >> i & 1) << (pos + i);
  }
  return b;
}
uint32_t dot4(uint32_t a, uint32_t b, uint32_t c, bool sa, bool sb) {
  for (int k = 0; k < 32; k += 8) {
    const int x = sa ? int8_t(a >> k) : uint8_t(a >> k), y = sb ? int8_t(b >> k) : uint8_t(b >> k);
    c += uint32_t(x * y);
  }
  return c;
}

} // namespace

std::vector<Case> integer_cases() {
  std::vector<Case> cases = {
      binary("add.u32", [](auto a, auto b) { return a + b; }),
      binary("sub.s32", [](auto a, auto b) { return a - b; }),
      signed_binary("add.sat.s32", [](auto a, auto b) { return clamp(a + b); }),
      signed_binary("sub.sat.s32", [](auto a, auto b) { return clamp(a - b); }),
      binary("mul.lo.u32", [](auto a, auto b) { return a * b; }),
      binary("mul.hi.u32", [](auto a, auto b) { return u(U{a} * b >> 32); }),
      signed_binary("mul.hi.s32", [](auto a, auto b) { return a * b >> 32; }),
      binary("div.u32", [](auto a, auto b) { return b ? a / b : ~0u; }),
      signed_binary("div.s32", [](auto a, auto b) { return b ? a / b : -1; }),
      binary("rem.u32", [](auto a, auto b) { return b ? a % b : a; }),
      signed_binary("rem.s32", [](auto a, auto b) { return b ? a % b : a; }),
      binary("min.u32", [](auto a, auto b) { return std::min(a, b); }),
      signed_binary("max.s32", [](auto a, auto b) { return std::max(a, b); }),
      signed_binary("min.relu.s32",
                    [](auto a, auto b) { return std::max<int64_t>(std::min(a, b), 0); }),
      binary("and.b32", [](auto a, auto b) { return a & b; }),
      binary("or.b32", [](auto a, auto b) { return a | b; }),
      binary("xor.b32", [](auto a, auto b) { return a ^ b; }),
      signed_binary("mul24.lo.s32",
                    [](auto a, auto b) { return (int32_t(u(U(a)) << 8) >> 8) *
                                                int64_t(int32_t(u(U(b)) << 8) >> 8); }),
      binary("mul24.hi.u32",
             [](auto a, auto b) { return u(U{a & 0xffffff} * (b & 0xffffff) >> 16); }),
      shift("shl.b32", [](auto a, auto b) { return b < 32 ? a << b : 0; }),
      shift("shr.u32", [](auto a, auto b) { return b < 32 ? a >> b : 0; }),
      shift("shr.s32", [](auto a, auto b) { return u(U(int64_t(s(a)) >> std::min(b, 63u))); }),
      unary("not.b32", [](auto a) { return ~a; }),
      unary("cnot.b32", [](auto a) { return a == 0 ? 1u : 0; }),
      unary("neg.s32", [](auto a) { return 0 - a; }),
      unary("abs.s32", [](auto a) { return s(a) < 0 ? 0 - a : a; }),
      unary("popc.b32", [](auto a) { return uint32_t(std::popcount(a)); }),
      unary("clz.b32", [](auto a) { return uint32_t(std::countl_zero(a)); }),
      unary("bfind.u32", [](auto a) { return a ? 31 - uint32_t(std::countl_zero(a)) : ~0u; }),
      unary("bfind.shiftamt.s32",
            [](auto a) {
              const uint32_t v = s(a) < 0 ? ~a : a;
              return v ? uint32_t(std::countl_zero(v)) : ~0u;
            }),
      unary("brev.b32",
            [](auto a) {
              uint32_t r = 0;
              for (int i = 0; i < 32; ++i) {
                r |= (a >> i & 1) << (31 - i);
              }
              return r;
            }),
      wide("add.s64", [](U a, U b) { return a + b; }),
      wide("sub.u64", [](U a, U b) { return a - b; }),
      wide("mul.lo.s64", [](U a, U b) { return a * b; }),
      wide("mul.hi.u64", [](U a, U b) { return U((unsigned __int128)(a) * b >> 64); }),
      wide("div.s64", [](U a, U b) { return b == 0        ? ~U{0}
                                          : b == ~U{0} ? 0 - a
                                                       : U(int64_t(a) / int64_t(b)); }),
      wide("rem.u64", [](U a, U b) { return b ? a % b : a; }),
      wide("min.s64", [](U a, U b) { return U(std::min(int64_t(a), int64_t(b))); }),
      wide("xor.b64", [](U a, U b) { return a ^ b; }),
      {"mul.wide.u32", "ii-j", "mul.wide.u32 d, a, b;", [](U a, U b, U) { return a * b; }},
      {"mul.wide.s32", "ii-j", "mul.wide.s32 d, a, b;",
       [](U a, U b, U) { return U(int64_t(s(a)) * s(b)); }},
      {"mul.wide.u16", "ww-i", "mul.wide.u16 d, a, b;", [](U a, U b, U) { return a * b; }},
      {"add.u16", "ww-w", "add.u16 d, a, b;", [](U a, U b, U) { return uint16_t(a + b); }},
      {"shl.b16", "ws-w", "shl.b16 d, a, b;",
       [](U a, U b, U) { return b < 16 ? uint16_t(a << b) : 0; }},
      {"shr.b64", "js-j", "shr.u64 d, a, b;", [](U a, U b, U) { return b < 64 ? a >> b : 0; }},
      {"popc.b64", "j--i", "popc.b64 d, a;", [](U a, U, U) { return U(std::popcount(a)); }},
      {"clz.b64", "j--i", "clz.b64 d, a;", [](U a, U, U) { return U(std::countl_zero(a)); }},
      three("mad.lo.s32", "iiii", [](U a, U b, U c) { return u(a * b + c); }),
      three("mad.hi.u32", "iiii", [](U a, U b, U c) { return u((a * b >> 32) + c); }),
      three("mad.wide.u32", "iijj", [](U a, U b, U c) { return a * b + c; }),
      three("mad.wide.s32", "iijj",
            [](U a, U b, U c) { return U(int64_t(s(a)) * s(b)) + c; }),
      three("mad.lo.u64", "jjjj", [](U a, U b, U c) { return a * b + c; }),
      three("sad.s32", "iiii",
            [](U a, U b, U c) { return u(U(std::llabs(int64_t(s(a)) - s(b))) + c); }),
      three("shf.l.wrap.b32", "iisi",
            [](U a, U b, U c) { return u(((b << 32 | a) << (c & 31)) >> 32); }),
      three("shf.r.clamp.b32", "iisi",
            [](U a, U b, U c) { return u((b << 32 | a) >> std::min<U>(c, 32)); }),
      three("prmt.b32", "iiii", [](U a, U b, U c) { return permute(u(a), u(b), u(c)); }),
      three("bfe.u32", "issi",
            [](U a, U b, U c) { return extract(u(a), u(b), u(c), false); }),
      three("bfe.s32", "issi", [](U a, U b, U c) { return extract(u(a), u(b), u(c), true); }),
      {"bfi.b32", "isii", "bfi.b32 d, a, c, b, 7;",
       [](U a, U b, U c) { return insert(u(a), u(c), u(b) & 255, 7); }},
      {"lop3.b32", "iiii", "lop3.b32 d, a, b, c, 0x96;",
       [](U a, U b, U c) { return lop3(u(a), u(b), u(c), 0x96); }},
      {"lop3.b32 0x1b", "iiii", "lop3.b32 d, a, b, c, 0x1b;",
       [](U a, U b, U c) { return lop3(u(a), u(b), u(c), 0x1b); }},
      {"bmsk", "ss-i", "bmsk.clamp.b32 d, a, b;",
       [](U a, U b, U) {
         uint32_t d = 0;
         for (U i = a; i < a + b && i < 32; ++i) {
           d |= 1u << i;
         }
         return d;
       }},
      {"szext", "is-i", "szext.clamp.s32 d, a, b;",
       [](U a, U b, U) {
         const int keep = int(std::min<U>(b, 32));
         return keep == 0 ? 0 : u(U(int64_t(a << (64 - keep)) >> (64 - keep)));
       }},
      three("dp4a.u32.u32", "iiii", [](U a, U b, U c) { return dot4(u(a), u(b), u(c), 0, 0); }),
      three("dp4a.s32.u32", "iiii", [](U a, U b, U c) { return dot4(u(a), u(b), u(c), 1, 0); }),
      {"dp2a.hi.s32.s32", "iiii", "dp2a.hi.s32.s32 d, a, b, c;",
       [](U a, U b, U c) {
         return u(c + U(int64_t(int16_t(a)) * int8_t(b >> 16)) +
                  U(int64_t(int16_t(a >> 16)) * int8_t(b >> 24)));
       }},
      {"add.cc, addc", "jj-j",
       "{ .reg .b32 x, y, z, t;\n mov.b64 {x, y}, a; mov.b64 {z, t}, b;\n"
       " add.cc.u32 x, x, z; addc.u32 y, y, t; mov.b64 d, {x, y}; }",
       [](U a, U b, U) { return a + b; }},
      {"sub.cc, subc", "jj-j",
       "{ .reg .b32 x, y, z, t;\n mov.b64 {x, y}, a; mov.b64 {z, t}, b;\n"
       " sub.cc.u32 x, x, z; subc.u32 y, y, t; mov.b64 d, {x, y}; }",
       [](U a, U b, U) { return a - b; }},
      {"mad.lo.cc, madc.hi", "iiij",
       "{ .reg .b32 x, y;\n mad.lo.cc.u32 x, a, b, c; madc.hi.u32 y, a, b, 0;\n"
       " mov.b64 d, {x, y}; }",
       [](U a, U b, U c) { return a * b + c; }},
      {"slct", "iiii", "slct.b32.s32 d, a, b, c;",
       [](U a, U b, U c) { return s(c) >= 0 ? a : b; }},
      {"selp, setp.lt.and", "iiii",
       "{ .reg .pred p, q;\n setp.ne.u32 q, c, 0; setp.lt.and.s32 p, a, b, q;\n"
       " selp.b32 d, 7, a, p; }",
       [](U a, U b, U c) { return s(a) < s(b) && u(c) ? 7 : u(a); }},
      {"setp p|q", "ii-i",
       "{ .reg .pred p, q;\n setp.hi.u32 p|q, a, b;\n selp.b32 d, 1, 2, p; @q add.u32 d, d, 4; }",
       [](U a, U b, U) { return u(a) > u(b) ? 1 : 6; }},
      {"set", "ii-i", "set.ge.u32.s32 d, a, b;",
       [](U a, U b, U) { return s(a) >= s(b) ? ~0u : 0; }},
      {"predicate logic", "ii-i",
       "{ .reg .pred p, q, r;\n setp.eq.u32 p, a, b; setp.lt.u32 q, a, b; xor.pred r, p, q;\n"
       " not.pred p, r; and.pred q, p, !r; selp.b32 d, 1, 0, q; }",
       [](U a, U b, U) { return u(a) > u(b); }},
      {"mov pack 16", "ww-i", "mov.b32 d, {a, b};", [](U a, U b, U) { return a | b << 16; }},
      {"mov unpack 16", "i--i",
       "{ .reg .b16 x, y;\n mov.b32 {x, y}, a; mov.b32 d, {y, x}; }",
       [](U a, U, U) { return u(a >> 16 | a << 16); }},
      {"add.u16x2", "ii-i", "add.u16x2 d, a, b;",
       [](U a, U b, U) { return u(((a + b) & 0xffff) | (((a >> 16) + (b >> 16)) << 16)); }},
  };
  return cases;
}

} // namespace mome::ptxsim::test
