// Kernels that a compiler, not we, turns into PTX: how it lays out loops, branches and shared
// memory is what the simulator must get right. The PTX beside this file was made by the commands of
// regenerate.sh; the tests compute what each kernel should give.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern "C" __global__ void vector_add(const float *a, const float *b, float *c, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    c[i] = a[i] + b[i];
}

// Sum of a block, tree in shared memory.
extern "C" __global__ void block_reduce(const float *x, float *out, int n) {
  __shared__ float part[256];
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    sum += x[i];
  part[threadIdx.x] = sum;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half)
      part[threadIdx.x] += part[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0)
    out[blockIdx.x] = part[0];
}

// Inclusive scan of each warp by shuffles.
extern "C" __global__ void warp_scan(const int *x, int *out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x & 31;
  int v = x[i];
  for (int d = 1; d < 32; d *= 2) {
    int up = __shfl_up_sync(~0u, v, d);
    if (lane >= d)
      v += up;
  }
  out[i] = v;
}

__device__ float warp_max(float v) {
  for (int d = 16; d > 0; d /= 2)
    v = fmaxf(v, __shfl_xor_sync(~0u, v, d));
  return v;
}
__device__ float warp_sum(float v) {
  for (int d = 16; d > 0; d /= 2)
    v += __shfl_xor_sync(~0u, v, d);
  return v;
}

// A row per block; the row stays in dynamic shared memory.
extern "C" __global__ void softmax(const float *x, float *y, int columns) {
  extern __shared__ float row[];
  __shared__ float part[32];
  const float *in = x + (size_t)blockIdx.x * columns;
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
  float most = -INFINITY;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) {
    row[i] = in[i];
    most = fmaxf(most, row[i]);
  }
  most = warp_max(most);
  if (lane == 0)
    part[warp] = most;
  __syncthreads();
  most = part[0];
  for (int w = 1; w < warps; ++w)
    most = fmaxf(most, part[w]);
  float sum = 0;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) {
    row[i] = expf(row[i] - most);
    sum += row[i];
  }
  sum = warp_sum(sum);
  __syncthreads();
  if (lane == 0)
    part[warp] = sum;
  __syncthreads();
  sum = 0;
  for (int w = 0; w < warps; ++w)
    sum += part[w];
  for (int i = threadIdx.x; i < columns; i += blockDim.x)
    y[(size_t)blockIdx.x * columns + i] = row[i] / sum;
}

extern "C" __global__ void half_math(const __half2 *a, const __half2 *b, __half2 *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    out[i] = __hfma2(a[i], b[i], __hadd2(a[i], b[i]));
}

extern "C" __global__ void bf16_math(const __nv_bfloat16 *a, const __nv_bfloat16 *b,
                                     __nv_bfloat16 *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    out[i] = __float2bfloat16(tanhf(__bfloat162float(a[i]) * __bfloat162float(b[i])));
}

// Histogram: atomics in shared memory, then in global memory.
extern "C" __global__ void histogram(const unsigned char *x, unsigned *bins, int n) {
  __shared__ unsigned local[64];
  for (int i = threadIdx.x; i < 64; i += blockDim.x)
    local[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&local[x[i] & 63], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 64; i += blockDim.x)
    atomicAdd(&bins[i], local[i]);
}

// C = A B, tiles of 16 x 16 in shared memory; sizes need not be multiples of the tile.
extern "C" __global__ void gemm(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float ta[16][17], tb[16][17];
  int tx = threadIdx.x, ty = threadIdx.y;
  int row = blockIdx.y * 16 + ty, column = blockIdx.x * 16 + tx;
  float sum = 0;
  for (int k0 = 0; k0 < k; k0 += 16) {
    ta[ty][tx] = row < m && k0 + tx < k ? a[row * k + k0 + tx] : 0;
    tb[ty][tx] = column < n && k0 + ty < k ? b[(k0 + ty) * n + column] : 0;
    __syncthreads();
    for (int i = 0; i < 16; ++i)
      sum += ta[ty][i] * tb[i][tx];
    __syncthreads();
  }
  if (row < m && column < n)
    c[row * n + column] = sum;
}

// Lanes leave a loop one by one, in a nest of branches: what divergence has to get right.
extern "C" __global__ void collatz(const unsigned *x, unsigned *steps, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  unsigned v = x[i], count = 0;
  while (v != 1) {
    if (v & 1)
      v = 3 * v + 1;
    else
      v /= 2;
    if (++count > 1000)
      break;
  }
  steps[i] = count + __popc(__ballot_sync(__activemask(), v == 1)) * 0;
}

// The last block to finish adds up what the others left: fences and atomics between blocks.
__device__ unsigned finished = 0;
extern "C" __global__ void grid_sum(const float *x, float *part, float *out, int n) {
  __shared__ float sums[8];
  __shared__ bool last;
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    sum += x[i];
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0)
    sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    float total = 0;
    for (int w = 0; w < blockDim.x / 32; ++w)
      total += sums[w];
    part[blockIdx.x] = total;
    __threadfence();
    last = atomicAdd(&finished, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    __threadfence();
    float total = 0;
    for (int b = 0; b < gridDim.x; ++b)
      total += part[b];
    *out = total;
    finished = 0;
  }
}

__device__ __noinline__ int gcd(int a, int b) {
  while (b) {
    int r = a % b;
    a = b;
    b = r;
  }
  return a;
}
extern "C" __global__ void calls(const int *x, int *out) {
  int i = threadIdx.x;
  out[i] = gcd(x[2 * i], x[2 * i + 1]);
}

extern "C" __global__ void double_math(const double *x, double *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    y[i] = sqrt(x[i]) + exp(-x[i]) / 3.0;
}
