// What the matrix product costs, counted by the simulator: no bank conflicts, and no sector of
// global memory that is not wanted.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// RUN: %{driver} mome-check-kernels --cuda %s --low=-1 --high=1 --ptx=%t.ptx
// RUN: %python %S/Inputs/simulate.py %t.ptx k_nt_0 %t.nt.json f32[8192]=random:1 f32[8192]=random:2 f32[16384] f32[1]
// RUN: %python %S/Inputs/simulate.py %t.ptx k_nn_0 %t.nn.json f32[8192]=random:1 f32[8192]=random:2 f32[16384] f32[1]
// RUN: %python %S/Inputs/simulate.py %t.ptx k_tn_0 %t.tn.json f32[8192]=random:1 f32[8192]=random:2 f32[16384] f32[1]
// RUN: %python %S/Inputs/gemm_counters.py f32 %t.nt.json %t.nn.json %t.tn.json

nn.kernel @k_nt {
^bb0(%x: tensor<128x64xf32>, %w: tensor<128x64xf32>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<128x64xf32>, tensor<128x64xf32>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_nn {
^bb0(%x: tensor<128x64xf32>, %w: tensor<64x128xf32>):
  %0 = nn.matmul %x, %w : (tensor<128x64xf32>, tensor<64x128xf32>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}

nn.kernel @k_tn {
^bb0(%x: tensor<64x128xf32>, %w: tensor<64x128xf32>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<128x128xf32>
  nn.yield %0 : tensor<128x128xf32>
}
