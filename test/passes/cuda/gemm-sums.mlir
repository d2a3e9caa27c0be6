// The sum of each row of a transposed operand beside its product on CUDA, which is the gradient of a bias beside that of its weight:
// blocks of the same rows share it. By multiply-adds, tensor cores and, on sm_90a, wgmma; every tile, sizes that fill none, sums cut along k.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{check} = mome-check-kernels --cuda %s --low=-1 --high=1 --mantissa-bits=10
// RUN: %{driver} %{check} --ptx=%t.ptx | FileCheck %s
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_80
// RUN: %{driver} MOME_FAKECUDA=seed=1,perturb=1 %{check} --only=odd
// RUN: %{driver} MOME_FAKECUDA=model=h100 %{check} --cuda-architecture=sm_90a --ptx=%t.90.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=WGMMA --input-file=%t.90.ptx
// RUN: %python %S/Inputs/no_spills.py %t.90.ptx sm_90a
// RUN: %{driver} MOME_FAKECUDA=model=h100,seed=3,perturb=1 %{check} --cuda-architecture=sm_90a --only=128

// WGMMA-LABEL: .entry k_192_256_0(
// WGMMA: wgmma.mma_async.sync.aligned.m64n256k16

// CHECK: k_one_step cuda:gemm {{.*}} ok
nn.kernel @k_one_step {
^bb0(%dy: tensor<10x7xf32>, %x: tensor<10x5xf32>):
  %db = nn.reduce_sum %dy axes [0] : tensor<10x7xf32> -> tensor<7xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<10x7xf32>, tensor<10x5xf32>) -> tensor<7x5xf32>
  nn.yield %db, %dw : tensor<7xf32>, tensor<7x5xf32>
}

// CHECK: k_odd_rows cuda:gemm {{.*}} ok
nn.kernel @k_odd_rows {
^bb0(%dy: tensor<203x30xf32>, %x: tensor<203x130xf32>):
  %db = nn.reduce_sum %dy axes [0] : tensor<203x30xf32> -> tensor<30xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<203x30xf32>, tensor<203x130xf32>) -> tensor<30x130xf32>
  %dv = nn.mul %dw, %dw : tensor<30x130xf32>
  nn.yield %db, %dv : tensor<30xf32>, tensor<30x130xf32>
}

// CHECK: k_split cuda:gemm {{.*}} ok
nn.kernel @k_split {
^bb0(%dy: tensor<1603x72xf32>, %x: tensor<1603x68xf32>):
  %db = nn.reduce_sum %dy axes [0] : tensor<1603x72xf32> -> tensor<72xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<1603x72xf32>, tensor<1603x68xf32>) -> tensor<72x68xf32>
  nn.yield %db, %dw : tensor<72xf32>, tensor<72x68xf32>
}

// CHECK: k_fma_128 cuda:gemm {{.*}} ok
nn.kernel @k_fma_128 {
^bb0(%dy: tensor<83x530xf32>, %x: tensor<83x520xf32>):
  %db = nn.reduce_sum %dy axes [0] : tensor<83x530xf32> -> tensor<530xf32>
  %dw = nn.matmul %dy, %x transpose_a {mome.tile = array<i64: 128, 128>} : (tensor<83x530xf32>, tensor<83x520xf32>) -> tensor<530x520xf32>
  nn.yield %db, %dw : tensor<530xf32>, tensor<530x520xf32>
}

// CHECK: k_one_row cuda:gemm {{.*}} ok
nn.kernel @k_one_row {
^bb0(%dy: tensor<83x1xf32>, %x: tensor<83x36xf32>):
  %db = nn.reduce_sum %dy axes [0] : tensor<83x1xf32> -> tensor<1xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<83x1xf32>, tensor<83x36xf32>) -> tensor<1x36xf32>
  nn.yield %db, %dw : tensor<1xf32>, tensor<1x36xf32>
}

// CHECK: k_odd_tf32 cuda:gemm {{.*}} ok
nn.kernel @k_odd_tf32 {
^bb0(%dy: tensor<203x70xf32>, %x: tensor<203x132xf32>):
  %db = nn.reduce_sum %dy axes [0] : tensor<203x70xf32> -> tensor<70xf32>
  %dw = nn.matmul %dy, %x transpose_a {nn.precision = "tf32"} : (tensor<203x70xf32>, tensor<203x132xf32>) -> tensor<70x132xf32>
  nn.yield %db, %dw : tensor<70xf32>, tensor<70x132xf32>
}

// CHECK: k_tf32_split cuda:gemm {{.*}} ok
nn.kernel @k_tf32_split {
^bb0(%dy: tensor<1600x64xf32>, %x: tensor<1600x64xf32>):
  %db = nn.reduce_sum %dy axes [0] : tensor<1600x64xf32> -> tensor<64xf32>
  %dw = nn.matmul %dy, %x transpose_a {nn.precision = "tf32"} : (tensor<1600x64xf32>, tensor<1600x64xf32>) -> tensor<64x64xf32>
  nn.yield %db, %dw : tensor<64xf32>, tensor<64x64xf32>
}

// CHECK: k_odd_bf16 cuda:gemm {{.*}} ok
nn.kernel @k_odd_bf16 {
^bb0(%dy: tensor<201x37xbf16>, %x: tensor<201x70xbf16>):
  %0 = nn.cast %dy : tensor<201x37xbf16> -> tensor<201x37xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<201x37xf32> -> tensor<37xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<201x37xbf16>, tensor<201x70xbf16>) -> tensor<37x70xf32>
  nn.yield %db, %dw : tensor<37xf32>, tensor<37x70xf32>
}

// CHECK: k_bf16_16 cuda:gemm {{.*}} ok
nn.kernel @k_bf16_16 {
^bb0(%dy: tensor<264x16xbf16>, %x: tensor<264x72xbf16>):
  %0 = nn.cast %dy : tensor<264x16xbf16> -> tensor<264x16xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<264x16xf32> -> tensor<16xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<264x16xbf16>, tensor<264x72xbf16>) -> tensor<16x72xf32>
  nn.yield %db, %dw : tensor<16xf32>, tensor<16x72xf32>
}

// CHECK: k_bf16_128 cuda:gemm {{.*}} ok
nn.kernel @k_bf16_128 {
^bb0(%dy: tensor<520x136xbf16>, %x: tensor<520x264xbf16>):
  %0 = nn.cast %dy : tensor<520x136xbf16> -> tensor<520x136xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<520x136xf32> -> tensor<136xf32>
  %dw = nn.matmul %dy, %x transpose_a {mome.tile = array<i64: 128, 128>} : (tensor<520x136xbf16>, tensor<520x264xbf16>) -> tensor<136x264xf32>
  %dv = nn.mul %dw, %dw : tensor<136x264xf32>
  nn.yield %db, %dv : tensor<136xf32>, tensor<136x264xf32>
}

// CHECK: k_bf16_split cuda:gemm {{.*}} ok
nn.kernel @k_bf16_split {
^bb0(%dy: tensor<1608x72xbf16>, %x: tensor<1608x136xbf16>):
  %0 = nn.cast %dy : tensor<1608x72xbf16> -> tensor<1608x72xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<1608x72xf32> -> tensor<72xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<1608x72xbf16>, tensor<1608x136xbf16>) -> tensor<72x136xf32>
  nn.yield %db, %dw : tensor<72xf32>, tensor<72x136xf32>
}

// Of many columns and few steps: some blocks have no part of the sum.
// CHECK: k_bf16_wide cuda:gemm {{.*}} ok
nn.kernel @k_bf16_wide {
^bb0(%dy: tensor<72x64xbf16>, %x: tensor<72x776xbf16>):
  %0 = nn.cast %dy : tensor<72x64xbf16> -> tensor<72x64xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<72x64xf32> -> tensor<64xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<72x64xbf16>, tensor<72x776xbf16>) -> tensor<64x776xf32>
  nn.yield %db, %dw : tensor<64xf32>, tensor<64x776xf32>
}

// CHECK: k_192_256 cuda:gemm {{.*}} ok
nn.kernel @k_192_256 {
^bb0(%dy: tensor<456x200xbf16>, %x: tensor<456x264xbf16>):
  %0 = nn.cast %dy : tensor<456x200xbf16> -> tensor<456x200xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<456x200xf32> -> tensor<200xf32>
  %dw = nn.matmul %dy, %x transpose_a {mome.tile = array<i64: 192, 256>} : (tensor<456x200xbf16>, tensor<456x264xbf16>) -> tensor<200x264xf32>
  nn.yield %db, %dw : tensor<200xf32>, tensor<200x264xf32>
}

// CHECK: k_192_192 cuda:gemm {{.*}} ok
nn.kernel @k_192_192 {
^bb0(%dy: tensor<456x200xbf16>, %x: tensor<456x200xbf16>):
  %0 = nn.cast %dy : tensor<456x200xbf16> -> tensor<456x200xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<456x200xf32> -> tensor<200xf32>
  %dw = nn.matmul %dy, %x transpose_a {mome.tile = array<i64: 192, 192>} : (tensor<456x200xbf16>, tensor<456x200xbf16>) -> tensor<200x200xf32>
  nn.yield %db, %dw : tensor<200xf32>, tensor<200x200xf32>
}

// CHECK: k_128_256 cuda:gemm {{.*}} ok
nn.kernel @k_128_256 {
^bb0(%dy: tensor<328x136xbf16>, %x: tensor<328x264xbf16>):
  %0 = nn.cast %dy : tensor<328x136xbf16> -> tensor<328x136xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<328x136xf32> -> tensor<136xf32>
  %dw = nn.matmul %dy, %x transpose_a {mome.tile = array<i64: 128, 256>} : (tensor<328x136xbf16>, tensor<328x264xbf16>) -> tensor<136x264xf32>
  nn.yield %db, %dw : tensor<136xf32>, tensor<136x264xf32>
}

// CHECK: k_128_128 cuda:gemm {{.*}} ok
nn.kernel @k_128_128 {
^bb0(%dy: tensor<328x136xbf16>, %x: tensor<328x136xbf16>):
  %0 = nn.cast %dy : tensor<328x136xbf16> -> tensor<328x136xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<328x136xf32> -> tensor<136xf32>
  %dw = nn.matmul %dy, %x transpose_a {mome.tile = array<i64: 128, 128>} : (tensor<328x136xbf16>, tensor<328x136xbf16>) -> tensor<136x136xf32>
  nn.yield %db, %dw : tensor<136xf32>, tensor<136x136xf32>
}

// CHECK: k_64_128 cuda:gemm {{.*}} ok
nn.kernel @k_64_128 {
^bb0(%dy: tensor<328x72xbf16>, %x: tensor<328x136xbf16>):
  %0 = nn.cast %dy : tensor<328x72xbf16> -> tensor<328x72xf32>
  %db = nn.reduce_sum %0 axes [0] : tensor<328x72xf32> -> tensor<72xf32>
  %dw = nn.matmul %dy, %x transpose_a {mome.tile = array<i64: 64, 128>} : (tensor<328x72xbf16>, tensor<328x136xbf16>) -> tensor<72x136xf32>
  nn.yield %db, %dw : tensor<72xf32>, tensor<72x136xf32>
}
