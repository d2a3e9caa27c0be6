// Matrix products of bf16 operands by wgmma, on sm_90a alone: every tile in every layout, sizes that fill no tile, rings that are longer and
// shorter than k, sums cut along k. Registers do not spill, and ptxas finds nothing that would make products wait for each other.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{check} = mome-check-kernels --cuda --cuda-architecture=sm_90a --low=-1 --high=1
// RUN: %{driver} MOME_FAKECUDA=model=h100 %{check} %s --ptx=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_90a
// RUN: %{driver} MOME_FAKECUDA=model=h100,seed=1 %{check} %s
// RUN: %{driver} MOME_FAKECUDA=model=h100,seed=2,perturb=1 %{check} %s
// RUN: %{driver} MOME_FAKECUDA=model=h100,seed=3,perturb=1 %{check} %s
// All that sm_80 does works as well; what cannot be copied 16 bytes at a time stays with mma.sync.
// RUN: %{driver} MOME_FAKECUDA=model=h100,seed=4,perturb=1 %{check} %S/gemm-bf16.mlir

// PTX: .target sm_90a
// PTX: .extern .shared .align 1024 .b8 mome_shared[];
// PTX-LABEL: .entry k_192_256_nt_0(
// PTX: .maxntid 384
// PTX: cp.async.cg.shared.global [{{.*}}], [{{.*}}], 16
// PTX: cp.async.wait_group 1;
// PTX: fence.proxy.async.shared::cta;
// PTX: bar.sync
// PTX: wgmma.fence.sync.aligned;
// PTX: wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {{.*}}, keep, 1, 1, 0, 0;
// PTX: wgmma.commit_group.sync.aligned;
// PTX: wgmma.wait_group.sync.aligned 1;
// PTX: wgmma.wait_group.sync.aligned 0;

// CHECK: k_192_256_nt cuda:gemm {{.*}} ok
nn.kernel @k_192_256_nt {
^bb0(%x: tensor<200x456xbf16>, %w: tensor<264x456xbf16>, %b: tensor<264xf32>):
  %0 = nn.linear %x, %w, %b {mome.tile = array<i64: 192, 256>} : (tensor<200x456xbf16>, tensor<264x456xbf16>, tensor<264xf32>) -> tensor<200x264xf32>
  %1 = nn.gelu %0 : tensor<200x264xf32>
  nn.yield %0, %1 : tensor<200x264xf32>, tensor<200x264xf32>
}

// CHECK: k_192_256_tn cuda:gemm {{.*}} ok
nn.kernel @k_192_256_tn {
^bb0(%x: tensor<328x200xbf16>, %w: tensor<328x264xbf16>):
  %0 = nn.matmul %x, %w transpose_a {mome.tile = array<i64: 192, 256>} : (tensor<328x200xbf16>, tensor<328x264xbf16>) -> tensor<200x264xf32>
  nn.yield %0 : tensor<200x264xf32>
}

// PTX-LABEL: .entry k_192_192_nn_0(
// PTX: m64n192k16.f32.bf16.bf16 {{.*}}, keep, 1, 1, 0, 1;
// CHECK: k_192_192_nn cuda:gemm {{.*}} ok
nn.kernel @k_192_192_nn {
^bb0(%x: tensor<200x328xbf16>, %w: tensor<328x200xbf16>):
  %0 = nn.matmul %x, %w {mome.tile = array<i64: 192, 192>} : (tensor<200x328xbf16>, tensor<328x200xbf16>) -> tensor<200x200xf32>
  nn.yield %0 : tensor<200x200xf32>
}

// PTX-LABEL: .entry k_128_256_nn_0(
// PTX: .maxntid 256
// PTX: m64n256k16.f32.bf16.bf16 {{.*}}, keep, 1, 1, 0, 1;
// CHECK: k_128_256_nn cuda:gemm {{.*}} ok
nn.kernel @k_128_256_nn {
^bb0(%x: tensor<136x392xbf16>, %w: tensor<392x264xbf16>):
  %0 = nn.matmul %x, %w {mome.tile = array<i64: 128, 256>} : (tensor<136x392xbf16>, tensor<392x264xbf16>) -> tensor<136x264xf32>
  nn.yield %0 : tensor<136x264xf32>
}

// PTX-LABEL: .entry k_128_192_tn_0(
// PTX: m64n192k16.f32.bf16.bf16 {{.*}}, keep, 1, 1, 1, 1;
// CHECK: k_128_192_tn cuda:gemm {{.*}} ok
nn.kernel @k_128_192_tn {
^bb0(%x: tensor<328x136xbf16>, %w: tensor<328x200xbf16>):
  %0 = nn.matmul %x, %w transpose_a {mome.tile = array<i64: 128, 192>} : (tensor<328x136xbf16>, tensor<328x200xbf16>) -> tensor<136x200xf32>
  nn.yield %0 : tensor<136x200xf32>
}

// PTX-LABEL: .entry k_128_128_tt_0(
// PTX: m64n128k16.f32.bf16.bf16 {{.*}}, keep, 1, 1, 1, 0;
// CHECK: k_128_128_tt cuda:gemm {{.*}} ok
nn.kernel @k_128_128_tt {
^bb0(%x: tensor<2x264x136xbf16>, %w: tensor<2x132x264xbf16>):
  %0 = nn.matmul %x, %w transpose_a transpose_b {mome.tile = array<i64: 128, 128>} : (tensor<2x264x136xbf16>, tensor<2x132x264xbf16>) -> tensor<2x136x132xf32>
  nn.yield %0 : tensor<2x136x132xf32>
}

// The residual is f32, the result rounded.
// CHECK: k_128_128_nt cuda:gemm {{.*}} ok
nn.kernel @k_128_128_nt {
^bb0(%x: tensor<197x200xbf16>, %w: tensor<136x200xbf16>, %r: tensor<197x136xf32>):
  %0 = nn.matmul %x, %w transpose_b {mome.tile = array<i64: 128, 128>} : (tensor<197x200xbf16>, tensor<136x200xbf16>) -> tensor<197x136xf32>
  %1 = nn.add %0, %r : tensor<197x136xf32>
  nn.yield %1 : tensor<197x136xf32>
}

// PTX-LABEL: .entry k_64_128_nn_0(
// PTX: .maxntid 128
// CHECK: k_64_128_nn cuda:gemm {{.*}} ok
nn.kernel @k_64_128_nn {
^bb0(%x: tensor<3x72x136xbf16>, %w: tensor<3x136x136xbf16>):
  %0 = nn.matmul %x, %w {mome.tile = array<i64: 64, 128>} : (tensor<3x72x136xbf16>, tensor<3x136x136xbf16>) -> tensor<3x72x136xf32>
  nn.yield %0 : tensor<3x72x136xf32>
}

// One to four steps, and sizes of nobody's choice.

// CHECK: k_steps_1 cuda:gemm {{.*}} ok
nn.kernel @k_steps_1 {
^bb0(%x: tensor<33x40xbf16>, %w: tensor<129x40xbf16>):
  %0 = nn.matmul %x, %w transpose_b {mome.tile = array<i64: 64, 128>} : (tensor<33x40xbf16>, tensor<129x40xbf16>) -> tensor<33x129xf32>
  nn.yield %0 : tensor<33x129xf32>
}

// CHECK: k_steps_2 cuda:gemm {{.*}} ok
nn.kernel @k_steps_2 {
^bb0(%x: tensor<65x128xbf16>, %w: tensor<130x128xbf16>):
  %0 = nn.matmul %x, %w transpose_b {mome.tile = array<i64: 64, 128>} : (tensor<65x128xbf16>, tensor<130x128xbf16>) -> tensor<65x130xf32>
  nn.yield %0 : tensor<65x130xf32>
}

// CHECK: k_steps_3 cuda:gemm {{.*}} ok
nn.kernel @k_steps_3 {
^bb0(%x: tensor<7x136xbf16>, %w: tensor<33x136xbf16>):
  %0 = nn.matmul %x, %w transpose_b {mome.tile = array<i64: 64, 128>} : (tensor<7x136xbf16>, tensor<33x136xbf16>) -> tensor<7x33xf32>
  nn.yield %0 : tensor<7x33xf32>
}

// CHECK: k_steps_4 cuda:gemm {{.*}} ok
nn.kernel @k_steps_4 {
^bb0(%x: tensor<1x256xbf16>, %w: tensor<7x256xbf16>):
  %0 = nn.matmul %x, %w transpose_b {mome.tile = array<i64: 64, 128>} : (tensor<1x256xbf16>, tensor<7x256xbf16>) -> tensor<1x7xf32>
  nn.yield %0 : tensor<1x7xf32>
}

// Weight gradients of many tokens.

// PTX-LABEL: .entry k_split_tn_1(
// CHECK: k_split_tn cuda:gemm {{.*}} ok
nn.kernel @k_split_tn {
^bb0(%x: tensor<1576x72xbf16>, %w: tensor<1576x136xbf16>, %g: tensor<72x136xf32>):
  %0 = nn.matmul %x, %w transpose_a {mome.tile = array<i64: 64, 128>} : (tensor<1576x72xbf16>, tensor<1576x136xbf16>) -> tensor<72x136xf32>
  %1 = nn.add %0, %g : tensor<72x136xf32>
  nn.yield %1 : tensor<72x136xf32>
}

// PTX-LABEL: .entry k_split_large_1(
// CHECK: k_split_large cuda:gemm {{.*}} ok
nn.kernel @k_split_large {
^bb0(%x: tensor<1576x128xbf16>, %w: tensor<1576x256xbf16>):
  %0 = nn.matmul %x, %w transpose_a {mome.tile = array<i64: 128, 256>} : (tensor<1576x128xbf16>, tensor<1576x256xbf16>) -> tensor<128x256xf32>
  nn.yield %0 : tensor<128x256xf32>
}
