// Machine code of the package that tests run (tiny_package.h): a linear model y = x W^T with
// B = 4 samples, K = 2 features, N = 3 outputs, W stored in panels of 2 rows, squared loss against
// zero. Compiled with -nostdlib at build time, as momec's images are.
#include <stdint.h>

enum { B = 4, K = 2, N = 3, P = 2 };

static inline int64_t stored(int64_t n, int64_t k) { return (n / P * K + k) * P + n % P; }

// chunks: samples.  args: x [B,K], w, y [B,N]
void k_linear(void *const *args, int64_t lo, int64_t hi, void *scratch) {
  const float *x = args[0], *w = args[1];
  float *y = args[2], *sums = scratch;
  for (int64_t b = lo; b < hi; ++b) {
    for (int64_t n = 0; n < N; ++n) {
      sums[n] = 0;
      for (int64_t k = 0; k < K; ++k) {
        sums[n] += x[b * K + k] * w[stored(n, k)];
      }
    }
    for (int64_t n = 0; n < N; ++n) {
      y[b * N + n] = sums[n];
    }
  }
}

// chunks: 1.  args: y [B,N], loss []
void k_loss(void *const *args, int64_t lo, int64_t hi, void *scratch) {
  const float *y = args[0];
  float total = 0;
  for (int64_t i = 0; i < B * N; ++i) {
    total += 0.5f * y[i] * y[i];
  }
  *(float *)args[1] = total;
}

// chunks: outputs.  args: y [B,N], x [B,K], g [N,K] (natural layout)
void k_grad(void *const *args, int64_t lo, int64_t hi, void *scratch) {
  const float *y = args[0], *x = args[1];
  float *g = args[2];
  for (int64_t n = lo; n < hi; ++n) {
    for (int64_t k = 0; k < K; ++k) {
      float sum = 0;
      for (int64_t b = 0; b < B; ++b) {
        sum += y[b * N + n] * x[b * K + k];
      }
      g[n * K + k] = sum;
    }
  }
}

// chunks: outputs.  args: w, g, lr [], w (in place)
void k_update(void *const *args, int64_t lo, int64_t hi, void *scratch) {
  const float *g = args[1], lr = *(const float *)args[2];
  float *w = args[3];
  for (int64_t n = lo; n < hi; ++n) {
    for (int64_t k = 0; k < K; ++k) {
      w[stored(n, k)] -= lr * g[n * K + k];
    }
  }
}

// A table of addresses, so that the image has relocations.
static void *const table[] = {(void *)k_linear, (void *)k_loss};

// chunks: outputs.  args: seed [] (i64), w
void k_init(void *const *args, int64_t lo, int64_t hi, void *scratch) {
  const int64_t seed = *(const int64_t *)args[0];
  float *w = args[1];
  const float one = table[(seed & 1) != 0] == (void *)(seed & 1 ? k_loss : k_linear) ? 1.0f : 0.0f;
  for (int64_t n = lo; n < hi; ++n) {
    for (int64_t k = 0; k < K; ++k) {
      w[stored(n, k)] = one * (float)(seed + n * K + k);
    }
  }
}
