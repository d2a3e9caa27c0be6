// Transposes across the last axis on CUDA: through tiles in shared memory, read and written 4 elements per thread, against the interpreter;
// counted: no bank conflicts, no sector that is not wanted. Where neighbours do not come in fours, a tile would be mostly empty, or the last
// axis stays, a thread moves what it reads.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// RUN: %{driver} mome-check-kernels --cuda %s --ptx=%t.ptx | FileCheck %s
// RUN: %{driver} MOME_FAKECUDA=seed=1 mome-check-kernels --cuda %s
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_80 sm_89 sm_90 sm_100
// RUN: %python %S/Inputs/simulate.py %t.ptx k_whole_0 %t.json f32[24576]=random:1 f32[24576] f32[1]
// RUN: %python %S/Inputs/no_waste.py 0 %t.json

// CHECK: k_whole cuda:transpose {{.*}} error=0.0e+00 ok
nn.kernel @k_whole {
^bb0(%x: tensor<2x192x64xf32>):
  %0 = nn.transpose %x permutation [0, 2, 1] : tensor<2x192x64xf32> -> tensor<2x64x192xf32>
  nn.yield %0 : tensor<2x64x192xf32>
}

// CHECK: k_edges cuda:transpose {{.*}} error=0.0e+00 ok
nn.kernel @k_edges {
^bb0(%x: tensor<2x4x36x72xbf16>):
  %0 = nn.transpose %x permutation [0, 3, 1, 2] : tensor<2x4x36x72xbf16> -> tensor<2x72x4x36xbf16>
  nn.yield %0 : tensor<2x72x4x36xbf16>
}

// CHECK: k_outer cuda:transpose {{.*}} error=0.0e+00 ok
nn.kernel @k_outer {
^bb0(%x: tensor<3x36x2x40xf32>):
  %0 = nn.transpose %x permutation [2, 0, 3, 1] : tensor<3x36x2x40xf32> -> tensor<2x3x40x36xf32>
  nn.yield %0 : tensor<2x3x40x36xf32>
}

// Two results, and another operand, at the results' place.
// CHECK: k_epilogue cuda:transpose {{.*}} ok
nn.kernel @k_epilogue {
^bb0(%x: tensor<64x68xbf16>, %y: tensor<68x64xf32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<64x68xbf16> -> tensor<68x64xbf16>
  %1 = nn.cast %0 : tensor<68x64xbf16> -> tensor<68x64xf32>
  %2 = nn.mul %1, %y : tensor<68x64xf32>
  nn.yield %2, %0 : tensor<68x64xf32>, tensor<68x64xbf16>
}

// CHECK: k_odd cuda:elementwise {{.*}} error=0.0e+00 ok
nn.kernel @k_odd {
^bb0(%x: tensor<65x67xf32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<65x67xf32> -> tensor<67x65xf32>
  nn.yield %0 : tensor<67x65xf32>
}

// CHECK: k_narrow cuda:elementwise {{.*}} error=0.0e+00 ok
nn.kernel @k_narrow {
^bb0(%x: tensor<64x12xf32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<64x12xf32> -> tensor<12x64xf32>
  nn.yield %0 : tensor<12x64xf32>
}

// CHECK: k_last cuda:elementwise {{.*}} error=0.0e+00 ok
nn.kernel @k_last {
^bb0(%x: tensor<5x48x64xf32>):
  %0 = nn.transpose %x permutation [1, 0, 2] : tensor<5x48x64xf32> -> tensor<48x5x64xf32>
  nn.yield %0 : tensor<48x5x64xf32>
}

// CHECK: k_flags cuda:elementwise {{.*}} ok
nn.kernel @k_flags {
^bb0(%x: tensor<64x64xi32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<64x64xi32> -> tensor<64x64xi32>
  nn.yield %0 : tensor<64x64xi32>
}
