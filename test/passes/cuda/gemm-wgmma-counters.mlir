// What matrix products by wgmma cost, counted by the simulator: no bank conflicts, no sector of global memory that is not wanted, copies of
// 16 bytes, every product on wgmma.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so MOME_FAKECUDA=model=h100
// DEFINE: %{run} = %python %S/Inputs/simulate.py %t.ptx
// DEFINE: %{operands} = bf16[8192]=random:1 bf16[8192]=random:2
// RUN: %{driver} mome-check-kernels --cuda --cuda-architecture=sm_90a %s --low=-1 --high=1 --ptx=%t.ptx
// RUN: %{run} k_nt_0 %t.nt.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_nn_0 %t.nn.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_tn_0 %t.tn.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_rounded_0 %t.rounded.json %{operands} bf16[16384] f32[1]
// RUN: %python %S/Inputs/gemm_counters.py wgmma %t.nt.json %t.nn.json %t.tn.json %t.rounded.json

nn.kernel @k_nt {
^bb0(%x: tensor<128x64xbf16>, %w: tensor<128x64xbf16>):
  %0 = nn.matmul %x, %w transpose_b {mome.tile = array<i64: 64, 128>} : (tensor<128x64xbf16>, tensor<128x64xbf16>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_nn {
^bb0(%x: tensor<128x64xbf16>, %w: tensor<64x128xbf16>):
  %0 = nn.matmul %x, %w {mome.tile = array<i64: 64, 128>} : (tensor<128x64xbf16>, tensor<64x128xbf16>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_tn {
^bb0(%x: tensor<64x128xbf16>, %w: tensor<64x128xbf16>):
  %0 = nn.matmul %x, %w transpose_a {mome.tile = array<i64: 64, 128>} : (tensor<64x128xbf16>, tensor<64x128xbf16>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

// Rounded in the epilogue: eight bytes per thread.
nn.kernel @k_rounded {
^bb0(%x: tensor<128x64xbf16>, %w: tensor<128x64xbf16>):
  %0 = nn.matmul %x, %w transpose_b {mome.tile = array<i64: 64, 128>} : (tensor<128x64xbf16>, tensor<128x64xbf16>) -> tensor<128x128xf32>
  %1 = nn.cast %0 : tensor<128x128xf32> -> tensor<128x128xbf16>
  nn.yield %1 : tensor<128x128xbf16>
}
