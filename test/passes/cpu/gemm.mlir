// Matrix products of every layout and awkward size, with epilogues, against the interpreter.
// RUN: mome-check-kernels %s --low=-1 --high=1 | FileCheck %s

// CHECK: k_linear gemm {{.*}} ok
nn.kernel @k_linear {
^bb0(%x: tensor<3x41x67xf32>, %w: tensor<53x67xf32>, %b: tensor<53xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<3x41x67xf32>, tensor<53x67xf32>, tensor<53xf32>) -> tensor<3x41x53xf32>
  nn.yield %0 : tensor<3x41x53xf32>
}

// Two results, a residual, a bias per sample: rows do not merge.
// CHECK: k_epilogue gemm {{.*}} ok
nn.kernel @k_epilogue {
^bb0(%x: tensor<5x13x24xf32>, %w: tensor<20x24xf32>, %b: tensor<20xf32>, %r: tensor<5x13x20xf32>, %s: tensor<5xf32>):
  %0 = nn.linear %x, %w : (tensor<5x13x24xf32>, tensor<20x24xf32>) -> tensor<5x13x20xf32>
  %1 = nn.broadcast %b dims [2] : tensor<20xf32> -> tensor<5x13x20xf32>
  %2 = nn.add %0, %1 : tensor<5x13x20xf32>
  %3 = nn.quick_gelu %2 : tensor<5x13x20xf32>
  %4 = nn.broadcast %s dims [0] : tensor<5xf32> -> tensor<5x13x20xf32>
  %5 = nn.mul %3, %4 : tensor<5x13x20xf32>
  %6 = nn.add %5, %r : tensor<5x13x20xf32>
  nn.yield %2, %6 : tensor<5x13x20xf32>, tensor<5x13x20xf32>
}

// Few rows: dot products.
// CHECK: k_dots gemm {{.*}} ok
nn.kernel @k_dots {
^bb0(%x: tensor<5x67xf32>, %w: tensor<53x67xf32>, %b: tensor<53xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<5x67xf32>, tensor<53x67xf32>, tensor<53xf32>) -> tensor<5x53xf32>
  %1 = nn.relu %0 : tensor<5x53xf32>
  nn.yield %1 : tensor<5x53xf32>
}

// CHECK: k_one_by_one gemm {{.*}} ok
nn.kernel @k_one_by_one {
^bb0(%x: tensor<1x3xf32>, %w: tensor<1x3xf32>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<1x3xf32>, tensor<1x3xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  nn.yield %0 : tensor<1x1xf32>
}

// CHECK: k_one_column gemm {{.*}} ok
nn.kernel @k_one_column {
^bb0(%x: tensor<2x37x19xf32>, %w: tensor<1x19xf32>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<2x37x19xf32>, tensor<1x19xf32>, tensor<1xf32>) -> tensor<2x37x1xf32>
  %1 = nn.sigmoid %0 : tensor<2x37x1xf32>
  nn.yield %1 : tensor<2x37x1xf32>
}

// CHECK: k_depth_one gemm {{.*}} ok
nn.kernel @k_depth_one {
^bb0(%x: tensor<40x1xf32>, %w: tensor<9x1xf32>):
  %0 = nn.linear %x, %w : (tensor<40x1xf32>, tensor<9x1xf32>) -> tensor<40x9xf32>
  nn.yield %0 : tensor<40x9xf32>
}

// CHECK: k_nn_packed gemm {{.*}} ok
nn.kernel @k_nn_packed {
^bb0(%x: tensor<101x35xf32>, %w: tensor<35x43xf32>):
  %0 = nn.matmul %x, %w : (tensor<101x35xf32>, tensor<35x43xf32>) -> tensor<101x43xf32>
  nn.yield %0 : tensor<101x43xf32>
}

// CHECK: k_nn_in_place gemm {{.*}} ok
nn.kernel @k_nn_in_place {
^bb0(%x: tensor<3x7x35xf32>, %w: tensor<3x35x43xf32>):
  %0 = nn.matmul %x, %w : (tensor<3x7x35xf32>, tensor<3x35x43xf32>) -> tensor<3x7x43xf32>
  nn.yield %0 : tensor<3x7x43xf32>
}

// CHECK: k_nn_tiny gemm {{.*}} ok
nn.kernel @k_nn_tiny {
^bb0(%x: tensor<2x3xf32>, %w: tensor<3x5xf32>):
  %0 = nn.matmul %x, %w : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
  nn.yield %0 : tensor<2x5xf32>
}

// CHECK: k_nt gemm {{.*}} ok
nn.kernel @k_nt {
^bb0(%x: tensor<2x3x29x16xf32>, %w: tensor<2x3x31x16xf32>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<2x3x29x16xf32>, tensor<2x3x31x16xf32>) -> tensor<2x3x29x31xf32>
  nn.yield %0 : tensor<2x3x29x31xf32>
}

// The weight gradient: a is read down its columns.
// CHECK: k_tn gemm {{.*}} ok
nn.kernel @k_tn {
^bb0(%x: tensor<61x70xf32>, %w: tensor<61x43xf32>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<61x70xf32>, tensor<61x43xf32>) -> tensor<70x43xf32>
  nn.yield %0 : tensor<70x43xf32>
}

// CHECK: k_tn_small gemm {{.*}} ok
nn.kernel @k_tn_small {
^bb0(%x: tensor<2x9x4xf32>, %w: tensor<2x9x17xf32>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<2x9x4xf32>, tensor<2x9x17xf32>) -> tensor<2x4x17xf32>
  nn.yield %0 : tensor<2x4x17xf32>
}

// CHECK: k_tt gemm {{.*}} ok
nn.kernel @k_tt {
^bb0(%x: tensor<5x33xf32>, %w: tensor<18x5xf32>):
  %0 = nn.matmul %x, %w transpose_a transpose_b : (tensor<5x33xf32>, tensor<18x5xf32>) -> tensor<33x18xf32>
  nn.yield %0 : tensor<33x18xf32>
}

// Several chunks of rows share packed panels.
// CHECK: k_row_chunks gemm chunks=3 {{.*}} ok
nn.kernel @k_row_chunks {
^bb0(%x: tensor<1201x40xf32>, %w: tensor<16x40xf32>):
  %0 = nn.linear %x, %w : (tensor<1201x40xf32>, tensor<16x40xf32>) -> tensor<1201x16xf32>
  nn.yield %0 : tensor<1201x16xf32>
}

// CHECK: k_transposed_epilogue reference: {{.*}}gemm: the epilogue is not elementwise
nn.kernel @k_transposed_epilogue {
^bb0(%x: tensor<4x4xf32>, %w: tensor<4x4xf32>):
  %0 = nn.linear %x, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.transpose %0 permutation [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  nn.yield %1 : tensor<4x4xf32>
}
