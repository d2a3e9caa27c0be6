// Matrix products on CUDA: every layout, odd sizes, tiles of every height, sums cut along k; on the
// stand-in driver with all checkers on, against the interpreter.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// RUN: %{driver} mome-check-kernels --cuda %s --low=-1 --high=1 | FileCheck %s
// RUN: %{driver} MOME_FAKECUDA=seed=1 mome-check-kernels --cuda %s --low=-1 --high=1 --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=2,perturb=1 mome-check-kernels --cuda %s --low=-1 --high=1 --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 mome-check-kernels --cuda %s --low=-1 --high=1 --only=split

// CHECK: k_odd_1 cuda:gemm {{.*}} ok
nn.kernel @k_odd_1 {
^bb0(%x: tensor<1x1xf32>, %w: tensor<1x1xf32>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  nn.yield %0 : tensor<1x1xf32>
}

// CHECK: k_odd_7 cuda:gemm {{.*}} ok
nn.kernel @k_odd_7 {
^bb0(%x: tensor<7x7xf32>, %w: tensor<7x7xf32>, %b: tensor<7xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<7x7xf32>, tensor<7x7xf32>, tensor<7xf32>) -> tensor<7x7xf32>
  nn.yield %0 : tensor<7x7xf32>
}

// CHECK: k_odd_33 cuda:gemm {{.*}} ok
nn.kernel @k_odd_33 {
^bb0(%x: tensor<33x33xf32>, %w: tensor<33x33xf32>, %b: tensor<33xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<33x33xf32>, tensor<33x33xf32>, tensor<33xf32>) -> tensor<33x33xf32>
  nn.yield %0 : tensor<33x33xf32>
}

// CHECK: k_odd_197 cuda:gemm {{.*}} ok
nn.kernel @k_odd_197 {
^bb0(%x: tensor<197x64xf32>, %w: tensor<33x64xf32>, %b: tensor<33xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<197x64xf32>, tensor<33x64xf32>, tensor<33xf32>) -> tensor<197x33xf32>
  nn.yield %0 : tensor<197x33xf32>
}

// CHECK: k_odd_nn cuda:gemm {{.*}} ok
nn.kernel @k_odd_nn {
^bb0(%x: tensor<2x33x21xf32>, %w: tensor<2x21x7xf32>):
  %0 = nn.matmul %x, %w : (tensor<2x33x21xf32>, tensor<2x21x7xf32>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_fours_nn cuda:gemm {{.*}} ok
nn.kernel @k_fours_nn {
^bb0(%x: tensor<36x24xf32>, %w: tensor<24x72xf32>):
  %0 = nn.matmul %x, %w : (tensor<36x24xf32>, tensor<24x72xf32>) -> tensor<36x72xf32>
  nn.yield %0 : tensor<36x72xf32>
}

// CHECK: k_odd_nt cuda:gemm {{.*}} ok
nn.kernel @k_odd_nt {
^bb0(%x: tensor<2x33x21xf32>, %w: tensor<2x7x21xf32>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<2x33x21xf32>, tensor<2x7x21xf32>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_fours_nt cuda:gemm {{.*}} ok
nn.kernel @k_fours_nt {
^bb0(%x: tensor<36x24xf32>, %w: tensor<72x24xf32>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<36x24xf32>, tensor<72x24xf32>) -> tensor<36x72xf32>
  nn.yield %0 : tensor<36x72xf32>
}

// CHECK: k_odd_tn cuda:gemm {{.*}} ok
nn.kernel @k_odd_tn {
^bb0(%x: tensor<2x21x33xf32>, %w: tensor<2x21x7xf32>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<2x21x33xf32>, tensor<2x21x7xf32>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_fours_tn cuda:gemm {{.*}} ok
nn.kernel @k_fours_tn {
^bb0(%x: tensor<24x36xf32>, %w: tensor<24x72xf32>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<24x36xf32>, tensor<24x72xf32>) -> tensor<36x72xf32>
  nn.yield %0 : tensor<36x72xf32>
}

// CHECK: k_odd_tt cuda:gemm {{.*}} ok
nn.kernel @k_odd_tt {
^bb0(%x: tensor<2x21x33xf32>, %w: tensor<2x7x21xf32>):
  %0 = nn.matmul %x, %w transpose_a transpose_b : (tensor<2x21x33xf32>, tensor<2x7x21xf32>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_fours_tt cuda:gemm {{.*}} ok
nn.kernel @k_fours_tt {
^bb0(%x: tensor<24x36xf32>, %w: tensor<72x24xf32>):
  %0 = nn.matmul %x, %w transpose_a transpose_b : (tensor<24x36xf32>, tensor<72x24xf32>) -> tensor<36x72xf32>
  nn.yield %0 : tensor<36x72xf32>
}

// One column: rows and columns change places.
// CHECK: k_one_column cuda:gemm {{.*}} ok
nn.kernel @k_one_column {
^bb0(%x: tensor<40x19xf32>, %w: tensor<1x19xf32>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<40x19xf32>, tensor<1x19xf32>, tensor<1xf32>) -> tensor<40x1xf32>
  nn.yield %0 : tensor<40x1xf32>
}

// Weight gradients of many tokens: partial sums, and a second launch. The epilogue runs in that.
// CHECK: k_split_dw cuda:gemm {{.*}} ok
nn.kernel @k_split_dw {
^bb0(%x: tensor<1576x33xf32>, %w: tensor<1576x12xf32>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<1576x33xf32>, tensor<1576x12xf32>) -> tensor<33x12xf32>
  nn.yield %0 : tensor<33x12xf32>
}

// CHECK: k_split_epilogue cuda:gemm {{.*}} ok
nn.kernel @k_split_epilogue {
^bb0(%x: tensor<7x400xf32>, %w: tensor<5x400xf32>, %b: tensor<5xf32>, %r: tensor<7x5xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<7x400xf32>, tensor<5x400xf32>, tensor<5xf32>) -> tensor<7x5xf32>
  %1 = nn.gelu %0 : tensor<7x5xf32>
  %2 = nn.add %1, %r : tensor<7x5xf32>
  nn.yield %0, %2 : tensor<7x5xf32>, tensor<7x5xf32>
}

// Large tiles.
// CHECK: k_large_nn cuda:gemm {{.*}} ok
nn.kernel @k_large_nn {
^bb0(%x: tensor<27x250x16xf32>, %w: tensor<27x16x252xf32>):
  %0 = nn.matmul %x, %w : (tensor<27x250x16xf32>, tensor<27x16x252xf32>) -> tensor<27x250x252xf32>
  nn.yield %0 : tensor<27x250x252xf32>
}

// CHECK: k_large_nt cuda:gemm {{.*}} ok
nn.kernel @k_large_nt {
^bb0(%x: tensor<27x129x20xf32>, %w: tensor<27x132x20xf32>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<27x129x20xf32>, tensor<27x132x20xf32>) -> tensor<27x129x132xf32>
  nn.yield %0 : tensor<27x129x132xf32>
}
