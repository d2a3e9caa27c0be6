// Matrix products of f32 operands in tf32 on CUDA: tensor cores. Every layout, odd sizes, tiles of every height, sums cut along k; on the
// stand-in driver with all checkers on, against the interpreter. Inputs of ten bits of mantissa, which tf32 holds, are multiplied as exactly
// as f32 are; others are rounded to nearest (a bias of truncated ones would be 7e-4).
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{check} = mome-check-kernels --cuda %s --low=-1 --high=1
// RUN: %{driver} %{check} --mantissa-bits=10 --ptx=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx
// RUN: %{driver} MOME_FAKECUDA=seed=1 %{check} --mantissa-bits=10 --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=2,perturb=1 %{check} --mantissa-bits=10 --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 %{check} --mantissa-bits=10 --only=fours
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 %{check} --mantissa-bits=10 --only=split
// RUN: %{driver} %{check} --tolerance=1e-3
// RUN: %{driver} mome-check-kernels --cuda %s --low=1 --high=2 --tolerance=1e-4 --only=split

// PTX-LABEL: .entry k_fours_nt_0(
// PTX: cp.async.cg.shared.global [{{.*}}], [{{.*}}], 16
// PTX: cp.async.wait_group 1;
// PTX: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX: cvt.rna.tf32.f32
// PTX: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
// PTX-LABEL: .entry k_fours_tn_0(
// PTX-NOT: ldmatrix
// PTX: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32

// CHECK: k_fours_nt cuda:gemm {{.*}} ok
nn.kernel @k_fours_nt {
^bb0(%x: tensor<40x24xf32>, %w: tensor<72x24xf32>):
  %0 = nn.matmul %x, %w transpose_b {nn.precision = "tf32"} : (tensor<40x24xf32>, tensor<72x24xf32>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: k_fours_nn cuda:gemm {{.*}} ok
nn.kernel @k_fours_nn {
^bb0(%x: tensor<40x24xf32>, %w: tensor<24x72xf32>):
  %0 = nn.matmul %x, %w {nn.precision = "tf32"} : (tensor<40x24xf32>, tensor<24x72xf32>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: k_fours_tn cuda:gemm {{.*}} ok
nn.kernel @k_fours_tn {
^bb0(%x: tensor<24x40xf32>, %w: tensor<24x72xf32>):
  %0 = nn.matmul %x, %w transpose_a {nn.precision = "tf32"} : (tensor<24x40xf32>, tensor<24x72xf32>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: k_fours_tt cuda:gemm {{.*}} ok
nn.kernel @k_fours_tt {
^bb0(%x: tensor<24x40xf32>, %w: tensor<72x24xf32>):
  %0 = nn.matmul %x, %w transpose_a transpose_b {nn.precision = "tf32"} : (tensor<24x40xf32>, tensor<72x24xf32>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: k_odd_1 cuda:gemm {{.*}} ok
nn.kernel @k_odd_1 {
^bb0(%x: tensor<1x1xf32>, %w: tensor<1x1xf32>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b {nn.precision = "tf32"} : (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  nn.yield %0 : tensor<1x1xf32>
}

// CHECK: k_odd_7 cuda:gemm {{.*}} ok
nn.kernel @k_odd_7 {
^bb0(%x: tensor<7x7xf32>, %w: tensor<7x7xf32>, %b: tensor<7xf32>):
  %0 = nn.linear %x, %w, %b {nn.precision = "tf32"} : (tensor<7x7xf32>, tensor<7x7xf32>, tensor<7xf32>) -> tensor<7x7xf32>
  nn.yield %0 : tensor<7x7xf32>
}

// CHECK: k_odd_33 cuda:gemm {{.*}} ok
nn.kernel @k_odd_33 {
^bb0(%x: tensor<33x33xf32>, %w: tensor<33x33xf32>, %b: tensor<33xf32>):
  %0 = nn.linear %x, %w, %b {nn.precision = "tf32"} : (tensor<33x33xf32>, tensor<33x33xf32>, tensor<33xf32>) -> tensor<33x33xf32>
  nn.yield %0 : tensor<33x33xf32>
}

// CHECK: k_odd_197 cuda:gemm {{.*}} ok
nn.kernel @k_odd_197 {
^bb0(%x: tensor<197x64xf32>, %w: tensor<33x64xf32>, %b: tensor<33xf32>):
  %0 = nn.linear %x, %w, %b {nn.precision = "tf32"} : (tensor<197x64xf32>, tensor<33x64xf32>, tensor<33xf32>) -> tensor<197x33xf32>
  nn.yield %0 : tensor<197x33xf32>
}

// CHECK: k_odd_nn cuda:gemm {{.*}} ok
nn.kernel @k_odd_nn {
^bb0(%x: tensor<2x33x21xf32>, %w: tensor<2x21x7xf32>):
  %0 = nn.matmul %x, %w {nn.precision = "tf32"} : (tensor<2x33x21xf32>, tensor<2x21x7xf32>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_odd_nt cuda:gemm {{.*}} ok
nn.kernel @k_odd_nt {
^bb0(%x: tensor<2x33x21xf32>, %w: tensor<2x7x21xf32>):
  %0 = nn.matmul %x, %w transpose_b {nn.precision = "tf32"} : (tensor<2x33x21xf32>, tensor<2x7x21xf32>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_odd_tn cuda:gemm {{.*}} ok
nn.kernel @k_odd_tn {
^bb0(%x: tensor<2x21x33xf32>, %w: tensor<2x21x7xf32>):
  %0 = nn.matmul %x, %w transpose_a {nn.precision = "tf32"} : (tensor<2x21x33xf32>, tensor<2x21x7xf32>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_odd_tt cuda:gemm {{.*}} ok
nn.kernel @k_odd_tt {
^bb0(%x: tensor<2x21x33xf32>, %w: tensor<2x7x21xf32>):
  %0 = nn.matmul %x, %w transpose_a transpose_b {nn.precision = "tf32"} : (tensor<2x21x33xf32>, tensor<2x7x21xf32>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// Rows that can be copied two at a time.
// CHECK: k_pairs_nt cuda:gemm {{.*}} ok
nn.kernel @k_pairs_nt {
^bb0(%x: tensor<34x22xf32>, %w: tensor<10x22xf32>):
  %0 = nn.matmul %x, %w transpose_b {nn.precision = "tf32"} : (tensor<34x22xf32>, tensor<10x22xf32>) -> tensor<34x10xf32>
  nn.yield %0 : tensor<34x10xf32>
}

// Tiles of 16 and 32 rows.
// CHECK: k_few_rows cuda:gemm {{.*}} ok
nn.kernel @k_few_rows {
^bb0(%x: tensor<16x72xf32>, %w: tensor<100x72xf32>):
  %0 = nn.matmul %x, %w transpose_b {nn.precision = "tf32"} : (tensor<16x72xf32>, tensor<100x72xf32>) -> tensor<16x100xf32>
  nn.yield %0 : tensor<16x100xf32>
}

// CHECK: k_some_rows cuda:gemm {{.*}} ok
nn.kernel @k_some_rows {
^bb0(%x: tensor<136x24xf32>, %w: tensor<136x40xf32>):
  %0 = nn.matmul %x, %w transpose_a {nn.precision = "tf32"} : (tensor<136x24xf32>, tensor<136x40xf32>) -> tensor<24x40xf32>
  nn.yield %0 : tensor<24x40xf32>
}

// One column: rows and columns change places.
// CHECK: k_one_column cuda:gemm {{.*}} ok
nn.kernel @k_one_column {
^bb0(%x: tensor<40x19xf32>, %w: tensor<1x19xf32>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b {nn.precision = "tf32"} : (tensor<40x19xf32>, tensor<1x19xf32>, tensor<1xf32>) -> tensor<40x1xf32>
  nn.yield %0 : tensor<40x1xf32>
}

// Weight gradients of many tokens: partial sums, and a second launch. The epilogue runs in that.

// CHECK: k_split_dw cuda:gemm {{.*}} ok
nn.kernel @k_split_dw {
^bb0(%x: tensor<1576x33xf32>, %w: tensor<1576x12xf32>):
  %0 = nn.matmul %x, %w transpose_a {nn.precision = "tf32"} : (tensor<1576x33xf32>, tensor<1576x12xf32>) -> tensor<33x12xf32>
  nn.yield %0 : tensor<33x12xf32>
}

// CHECK: k_split_dw_eights cuda:gemm {{.*}} ok
nn.kernel @k_split_dw_eights {
^bb0(%x: tensor<1576x48xf32>, %w: tensor<1576x64xf32>):
  %0 = nn.matmul %x, %w transpose_a {nn.precision = "tf32"} : (tensor<1576x48xf32>, tensor<1576x64xf32>) -> tensor<48x64xf32>
  nn.yield %0 : tensor<48x64xf32>
}

// CHECK: k_split_epilogue cuda:gemm {{.*}} ok
nn.kernel @k_split_epilogue {
^bb0(%x: tensor<7x600xf32>, %w: tensor<5x600xf32>, %b: tensor<5xf32>, %r: tensor<7x5xf32>):
  %0 = nn.linear %x, %w, %b {nn.precision = "tf32"} : (tensor<7x600xf32>, tensor<5x600xf32>, tensor<5xf32>) -> tensor<7x5xf32>
  %1 = nn.gelu %0 : tensor<7x5xf32>
  %2 = nn.add %1, %r : tensor<7x5xf32>
  nn.yield %0, %2 : tensor<7x5xf32>, tensor<7x5xf32>
}

// An epilogue that reads another tensor.
// CHECK: k_epilogue cuda:gemm {{.*}} ok
nn.kernel @k_epilogue {
^bb0(%x: tensor<61x24xf32>, %w: tensor<24x20xf32>, %h: tensor<61x20xf32>):
  %0 = nn.matmul %x, %w {nn.precision = "tf32"} : (tensor<61x24xf32>, tensor<24x20xf32>) -> tensor<61x20xf32>
  %1 = nn.sigmoid %h : tensor<61x20xf32>
  %2 = nn.mul %0, %1 : tensor<61x20xf32>
  nn.yield %2 : tensor<61x20xf32>
}

// Large tiles.

// CHECK: k_large_nn cuda:gemm {{.*}} ok
nn.kernel @k_large_nn {
^bb0(%x: tensor<27x130x40xf32>, %w: tensor<27x40x136xf32>):
  %0 = nn.matmul %x, %w {nn.precision = "tf32"} : (tensor<27x130x40xf32>, tensor<27x40x136xf32>) -> tensor<27x130x136xf32>
  nn.yield %0 : tensor<27x130x136xf32>
}

// CHECK: k_large_nt cuda:gemm {{.*}} ok
nn.kernel @k_large_nt {
^bb0(%x: tensor<27x129x40xf32>, %w: tensor<27x132x40xf32>):
  %0 = nn.matmul %x, %w transpose_b {nn.precision = "tf32"} : (tensor<27x129x40xf32>, tensor<27x132x40xf32>) -> tensor<27x129x132xf32>
  nn.yield %0 : tensor<27x129x132xf32>
}
