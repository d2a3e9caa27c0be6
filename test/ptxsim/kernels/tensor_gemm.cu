// C = A B in bf16 with f32 sums: tiles of 64 x 64 x 32, four warps, two stages of cp.async, ldmatrix,
// mma.sync. Rows of the tiles are padded by 16 bytes, which keeps ldmatrix free of bank conflicts.
// m, n and k are multiples of the tile.
#include <cuda_bf16.h>

namespace {
constexpr int BM = 64, BN = 64, BK = 32, PA = BK + 8, PB = BN + 8;

__device__ unsigned shared_address(const void *p) {
  return (unsigned)__cvta_generic_to_shared(p);
}
__device__ void copy16(void *to, const void *from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from));
}
__device__ void load4(unsigned (&r)[4], const void *p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p)));
}
__device__ void load4_transposed(unsigned (&r)[4], const void *p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p)));
}
__device__ void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
               "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
} // namespace

extern "C" __global__ void __launch_bounds__(128)
    tensor_gemm(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *c, int m, int n, int k) {
  __shared__ __align__(16) __nv_bfloat16 ta[2][BM][PA];
  __shared__ __align__(16) __nv_bfloat16 tb[2][BK][PB];
  const int t = threadIdx.x, lane = t % 32, warp = t / 32;
  const int row0 = blockIdx.y * BM, column0 = blockIdx.x * BN;
  const int wm = warp / 2 * 32, wn = warp % 2 * 32;
  const auto fetch = [&](int stage, int k0) {
    for (int i = 0; i < BM * BK / 8 / 128; ++i) {
      const int at = t + i * 128, r = at / (BK / 8), x = at % (BK / 8) * 8;
      copy16(&ta[stage][r][x], a + (size_t)(row0 + r) * k + k0 + x);
    }
    for (int i = 0; i < BK * BN / 8 / 128; ++i) {
      const int at = t + i * 128, r = at / (BN / 8), x = at % (BN / 8) * 8;
      copy16(&tb[stage][r][x], b + (size_t)(k0 + r) * n + column0 + x);
    }
    asm volatile("cp.async.commit_group;");
  };
  float d[2][4][4] = {};
  fetch(0, 0);
  for (int step = 0; step < k / BK; ++step) {
    const int stage = step % 2;
    if (step + 1 < k / BK) {
      fetch(1 - stage, (step + 1) * BK);
      asm volatile("cp.async.wait_group 1;");
    } else {
      asm volatile("cp.async.wait_group 0;");
    }
    __syncthreads();
    for (int kk = 0; kk < BK; kk += 16) {
      unsigned fa[2][4], fb[2][4];
      for (int i = 0; i < 2; ++i)
        load4(fa[i], &ta[stage][wm + i * 16 + lane % 16][kk + lane / 16 * 8]);
      for (int j = 0; j < 2; ++j)
        load4_transposed(fb[j], &tb[stage][kk + lane % 16][wn + j * 16 + lane / 16 * 8]);
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j)
          multiply(d[i][j], fa[i], fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]);
    }
    __syncthreads();
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int h = 0; h < 2; ++h) {
        const int row = row0 + wm + i * 16 + h * 8 + lane / 4;
        const int column = column0 + wn + j * 8 + lane % 4 * 2;
        *(float2 *)(c + (size_t)row * n + column) = make_float2(d[i][j][2 * h], d[i][j][2 * h + 1]);
      }
}
