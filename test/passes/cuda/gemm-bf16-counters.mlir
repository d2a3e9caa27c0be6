// What the matrix product of bf16 operands costs, counted by the simulator: no bank conflicts, and no sector of global memory that is
// not wanted. Registers do not spill.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{run} = %python %S/Inputs/simulate.py %t.ptx
// DEFINE: %{operands} = bf16[8192]=random:1 bf16[8192]=random:2
// RUN: %{driver} mome-check-kernels --cuda %s --low=-1 --high=1 --ptx=%t.ptx
// RUN: %{run} k_nt_0 %t.nt.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_nn_0 %t.nn.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_tn_0 %t.tn.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_rounded_0 %t.rounded.json %{operands} bf16[16384] f32[1]
// RUN: %python %S/Inputs/gemm_counters.py bf16 %t.nt.json %t.nn.json %t.tn.json %t.rounded.json
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_80 sm_86 sm_90

nn.kernel @k_nt {
^bb0(%x: tensor<128x64xbf16>, %w: tensor<128x64xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<128x64xbf16>, tensor<128x64xbf16>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_nn {
^bb0(%x: tensor<128x64xbf16>, %w: tensor<64x128xbf16>):
  %0 = nn.matmul %x, %w : (tensor<128x64xbf16>, tensor<64x128xbf16>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_tn {
^bb0(%x: tensor<64x128xbf16>, %w: tensor<64x128xbf16>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<64x128xbf16>, tensor<64x128xbf16>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

// Rounded in the epilogue: eight bytes per thread.
nn.kernel @k_rounded {
^bb0(%x: tensor<128x64xbf16>, %w: tensor<128x64xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<128x64xbf16>, tensor<128x64xbf16>) -> tensor<128x128xf32>
  %1 = nn.cast %0 : tensor<128x128xf32> -> tensor<128x128xbf16>
  nn.yield %1 : tensor<128x128xbf16>
}

// Large tiles.
nn.kernel @k_large {
^bb0(%x: tensor<27x128x64xbf16>, %w: tensor<27x256x64xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<27x128x64xbf16>, tensor<27x256x64xbf16>) -> tensor<27x128x256xf32>
  nn.yield %0 : tensor<27x128x256xf32>
}
