// Compiled with -frounding-math: the compiler must not assume the rounding mode. The operations are
// those of float.cpp, written again: a header's inline code would be compiled with the flags of one
// of the two files.
#include "runtime/cuda/sim/float_rounded.h"

#include <cfenv>

#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/float_ops.h"

namespace mome::ptxsim {
namespace {

class Rounding {
public:
  explicit Rounding(uint8_t round) {
    const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(modes[round & 3]);
  }
  ~Rounding() { std::fesetround(FE_TONEAREST); }
};

struct Add {
  template <class T> static T run(T a, T b, T) { return a + b; }
};
struct Sub {
  template <class T> static T run(T a, T b, T) { return a - b; }
};
struct Mul {
  template <class T> static T run(T a, T b, T) { return a * b; }
};
struct Fma {
  template <class T> static T run(T a, T b, T c) { return std::fma(a, b, c); }
};
struct Div {
  template <class T> static T run(T a, T b, T) { return a / b; }
};
struct Rcp {
  template <class T> static T run(T a, T, T) { return T(1) / a; }
};
struct Sqrt {
  template <class T> static T run(T a, T, T) { return std::sqrt(a); }
};

float flushed(float x, bool ftz) {
  return ftz ? flush(x) : x;
}
double flushed(double x, bool) {
  return x;
}

template <class T, class Op> void run_rounded(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]), *c = w.reg<T>(i.r[3]);
  T *d = w.reg<T>(i.r[0]);
  const bool ftz = i.flags & 1;
  const Rounding rounding(i.sub);
  for_lanes(mask, [&](int l) {
    volatile T x = flushed(a[l], ftz), y = flushed(b[l], ftz), z = flushed(c[l], ftz);
    volatile T r = Op::template run<T>(x, y, z);
    T out = flushed(canonical(T(r)), ftz);
    d[l] = i.flags & 2 ? saturate(out) : out;
  });
}

template <class T> Handler pick(std::string_view op) {
  if (op == "add") {
    return run_rounded<T, Add>;
  }
  if (op == "sub") {
    return run_rounded<T, Sub>;
  }
  if (op == "mul") {
    return run_rounded<T, Mul>;
  }
  if (op == "fma" || op == "mad") {
    return run_rounded<T, Fma>;
  }
  if (op == "div") {
    return run_rounded<T, Div>;
  }
  if (op == "rcp") {
    return run_rounded<T, Rcp>;
  }
  return op == "sqrt" ? run_rounded<T, Sqrt> : Handler();
}

} // namespace

Handler rounded_handler(std::string_view op, Type type) {
  return type == Type::f32 ? pick<float>(op) : type == Type::f64 ? pick<double>(op) : nullptr;
}

} // namespace mome::ptxsim
