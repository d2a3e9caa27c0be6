// What the matrix product in tf32 costs, counted by the simulator: no bank conflicts, and no sector of global memory that is
// not wanted. Registers do not spill.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{run} = %python %S/Inputs/simulate.py %t.ptx
// DEFINE: %{operands} = f32[8192]=random:1 f32[8192]=random:2
// RUN: %{driver} mome-check-kernels --cuda %s --low=-1 --high=1 --mantissa-bits=10 --ptx=%t.ptx
// RUN: %{run} k_nt_0 %t.nt.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_nn_0 %t.nn.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_tn_0 %t.tn.json %{operands} f32[16384] f32[1]
// RUN: %{run} k_tt_0 %t.tt.json %{operands} f32[16384] f32[1]
// RUN: %python %S/Inputs/gemm_counters.py tf32 %t.nt.json %t.nn.json %t.tn.json %t.tt.json
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_80 sm_89 sm_90 sm_100

nn.kernel @k_nt {
^bb0(%x: tensor<128x64xf32>, %w: tensor<128x64xf32>):
  %0 = nn.matmul %x, %w transpose_b {nn.precision = "tf32"} : (tensor<128x64xf32>, tensor<128x64xf32>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_nn {
^bb0(%x: tensor<128x64xf32>, %w: tensor<64x128xf32>):
  %0 = nn.matmul %x, %w {nn.precision = "tf32"} : (tensor<128x64xf32>, tensor<64x128xf32>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_tn {
^bb0(%x: tensor<64x128xf32>, %w: tensor<64x128xf32>):
  %0 = nn.matmul %x, %w transpose_a {nn.precision = "tf32"} : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_tt {
^bb0(%x: tensor<64x128xf32>, %w: tensor<128x64xf32>):
  %0 = nn.matmul %x, %w transpose_a transpose_b {nn.precision = "tf32"} : (tensor<64x128xf32>, tensor<128x64xf32>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

// Large tiles.
nn.kernel @k_large {
^bb0(%x: tensor<27x128x64xf32>, %w: tensor<27x256x64xf32>):
  %0 = nn.matmul %x, %w transpose_b {nn.precision = "tf32"} : (tensor<27x128x64xf32>, tensor<27x256x64xf32>) -> tensor<27x128x256xf32>
  nn.yield %0 : tensor<27x128x256xf32>
}
