// Kernels with published timings: the steps of a well-known worklog on matrix products in f32, from
// naive to register tiles with wide loads, and the loops of STREAM. Written again from their
// descriptions, with the same tiles, threads and access patterns; timings.py says who measured what.
// C = alpha A B + beta C, n x n, row-major. `make_ptx.sh` compiles it.

// A warp walks 32 rows of A: every load of it touches 32 lines.
extern "C" __global__ void naive(int n, float alpha, const float *a, const float *b, float beta, float *c) {
  const unsigned row = blockIdx.x * blockDim.x + threadIdx.x, column = blockIdx.y * blockDim.y + threadIdx.y;
  float sum = 0;
  for (int k = 0; k < n; ++k) {
    sum += a[row * n + k] * b[k * n + column];
  }
  c[row * n + column] = alpha * sum + beta * c[row * n + column];
}

// A warp has one row of the result: B and C in whole lines, one word of A for all.
extern "C" __global__ void coalesced(int n, float alpha, const float *a, const float *b, float beta, float *c) {
  const int row = blockIdx.x * 32 + threadIdx.x / 32, column = blockIdx.y * 32 + threadIdx.x % 32;
  float sum = 0;
  for (int k = 0; k < n; ++k) {
    sum += a[row * n + k] * b[k * n + column];
  }
  c[row * n + column] = alpha * sum + beta * c[row * n + column];
}

// Tiles of 32 x 32 in shared memory, one result per thread.
extern "C" __global__ void shared_tile(int n, float alpha, const float *a, const float *b, float beta, float *c) {
  __shared__ float tile_a[32 * 32], tile_b[32 * 32];
  const unsigned column = threadIdx.x % 32, row = threadIdx.x / 32;
  a += blockIdx.x * 32 * n;
  b += blockIdx.y * 32;
  c += blockIdx.x * 32 * n + blockIdx.y * 32;
  float sum = 0;
  for (int k = 0; k < n; k += 32) {
    tile_a[row * 32 + column] = a[row * n + column];
    tile_b[row * 32 + column] = b[row * n + column];
    __syncthreads();
    a += 32;
    b += 32 * n;
    for (int i = 0; i < 32; ++i) {
      sum += tile_a[row * 32 + i] * tile_b[i * 32 + column];
    }
    __syncthreads();
  }
  c[row * n + column] = alpha * sum + beta * c[row * n + column];
}

// Tiles of 64 x 8 and 8 x 64, eight results of a column per thread.
extern "C" __global__ void column_tile(int n, float alpha, const float *a, const float *b, float beta, float *c) {
  __shared__ float tile_a[64 * 8], tile_b[8 * 64];
  const int column = threadIdx.x % 64, row = threadIdx.x / 64;
  a += blockIdx.y * 64 * n;
  b += blockIdx.x * 64;
  c += blockIdx.y * 64 * n + blockIdx.x * 64;
  float sums[8] = {};
  for (unsigned k = 0; k < n; k += 8) {
    tile_a[threadIdx.x] = a[threadIdx.x / 8 * n + threadIdx.x % 8];
    tile_b[threadIdx.x] = b[threadIdx.x / 64 * n + threadIdx.x % 64];
    __syncthreads();
    a += 8;
    b += 8 * n;
    for (unsigned i = 0; i < 8; ++i) {
      const float right = tile_b[i * 64 + column];
      for (unsigned r = 0; r < 8; ++r) {
        sums[r] += tile_a[(row * 8 + r) * 8 + i] * right;
      }
    }
    __syncthreads();
  }
  for (unsigned r = 0; r < 8; ++r) {
    c[(row * 8 + r) * n + column] = alpha * sums[r] + beta * c[(row * 8 + r) * n + column];
  }
}

// Tiles of 128 x 8 and 8 x 128, 8 x 8 results per thread, copied word by word.
extern "C" __global__ void __launch_bounds__(256, 1)
    square_tile(int n, float alpha, const float *a, const float *b, float beta, float *c) {
  __shared__ float tile_a[128 * 8], tile_b[8 * 128];
  const int column = threadIdx.x % 16, row = threadIdx.x / 16;
  a += blockIdx.y * 128 * n;
  b += blockIdx.x * 128;
  c += blockIdx.y * 128 * n + blockIdx.x * 128;
  float sums[8 * 8] = {}, left[8], right[8];
  for (unsigned k = 0; k < n; k += 8) {
    for (unsigned i = 0; i < 128; i += 32) {
      tile_a[(threadIdx.x / 8 + i) * 8 + threadIdx.x % 8] = a[(threadIdx.x / 8 + i) * n + threadIdx.x % 8];
    }
    for (unsigned i = 0; i < 8; i += 2) {
      tile_b[(threadIdx.x / 128 + i) * 128 + threadIdx.x % 128] = b[(threadIdx.x / 128 + i) * n + threadIdx.x % 128];
    }
    __syncthreads();
    a += 8;
    b += 8 * n;
    for (unsigned i = 0; i < 8; ++i) {
      for (unsigned r = 0; r < 8; ++r) {
        left[r] = tile_a[(row * 8 + r) * 8 + i];
      }
      for (unsigned s = 0; s < 8; ++s) {
        right[s] = tile_b[i * 128 + column * 8 + s];
      }
      for (unsigned r = 0; r < 8; ++r) {
        for (unsigned s = 0; s < 8; ++s) {
          sums[r * 8 + s] += left[r] * right[s];
        }
      }
    }
    __syncthreads();
  }
  for (unsigned r = 0; r < 8; ++r) {
    for (unsigned s = 0; s < 8; ++s) {
      float *const at = &c[(row * 8 + r) * n + column * 8 + s];
      *at = alpha * sums[r * 8 + s] + beta * *at;
    }
  }
}

// The same tiles, A transposed on its way, four words at a time.
extern "C" __global__ void vector_tile(int n, float alpha, float *a, float *b, float beta, float *c) {
  __shared__ float tile_a[128 * 8], tile_b[8 * 128];
  const int column = threadIdx.x % 16, row = threadIdx.x / 16;
  a += blockIdx.y * 128 * n;
  b += blockIdx.x * 128;
  c += blockIdx.y * 128 * n + blockIdx.x * 128;
  float sums[8 * 8] = {}, left[8], right[8];
  for (unsigned k = 0; k < n; k += 8) {
    const unsigned line = threadIdx.x / 2, quad = threadIdx.x % 2 * 4;
    const float4 four = *reinterpret_cast<float4 *>(&a[line * n + quad]);
    tile_a[(quad + 0) * 128 + line] = four.x;
    tile_a[(quad + 1) * 128 + line] = four.y;
    tile_a[(quad + 2) * 128 + line] = four.z;
    tile_a[(quad + 3) * 128 + line] = four.w;
    *reinterpret_cast<float4 *>(&tile_b[threadIdx.x / 32 * 128 + threadIdx.x % 32 * 4]) =
        *reinterpret_cast<float4 *>(&b[threadIdx.x / 32 * n + threadIdx.x % 32 * 4]);
    __syncthreads();
    a += 8;
    b += 8 * n;
    for (unsigned i = 0; i < 8; ++i) {
      for (unsigned r = 0; r < 8; ++r) {
        left[r] = tile_a[i * 128 + row * 8 + r];
      }
      for (unsigned s = 0; s < 8; ++s) {
        right[s] = tile_b[i * 128 + column * 8 + s];
      }
      for (unsigned r = 0; r < 8; ++r) {
        for (unsigned s = 0; s < 8; ++s) {
          sums[r * 8 + s] += left[r] * right[s];
        }
      }
    }
    __syncthreads();
  }
  for (unsigned r = 0; r < 8; ++r) {
    for (unsigned s = 0; s < 8; s += 4) {
      float4 *const at = reinterpret_cast<float4 *>(&c[(row * 8 + r) * n + column * 8 + s]);
      float4 old = *at;
      old.x = alpha * sums[r * 8 + s] + beta * old.x;
      old.y = alpha * sums[r * 8 + s + 1] + beta * old.y;
      old.z = alpha * sums[r * 8 + s + 2] + beta * old.z;
      old.w = alpha * sums[r * 8 + s + 3] + beta * old.w;
      *at = old;
    }
  }
}

extern "C" __global__ void stream_copy(const double *a, double *c) {
  const int i = blockDim.x * blockIdx.x + threadIdx.x;
  c[i] = a[i];
}
extern "C" __global__ void stream_add(const double *a, const double *b, double *c) {
  const int i = blockDim.x * blockIdx.x + threadIdx.x;
  c[i] = a[i] + b[i];
}
extern "C" __global__ void stream_triad(double *a, const double *b, const double *c) {
  const int i = blockDim.x * blockIdx.x + threadIdx.x;
  a[i] = b[i] + 0.4 * c[i];
}
