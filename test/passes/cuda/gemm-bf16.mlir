// Matrix products of bf16 operands on CUDA: tensor cores. Every layout, odd sizes, tiles of every height, sums cut along k; on the
// stand-in driver with all checkers on, against the interpreter. What cp.async cannot copy, rows of an odd length, is copied by threads.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// RUN: %{driver} mome-check-kernels --cuda %s --low=-1 --high=1 --ptx=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx
// RUN: %{driver} MOME_FAKECUDA=seed=1 mome-check-kernels --cuda %s --low=-1 --high=1 --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=2,perturb=1 mome-check-kernels --cuda %s --low=-1 --high=1 --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 mome-check-kernels --cuda %s --low=-1 --high=1 --only=eights
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 mome-check-kernels --cuda %s --low=-1 --high=1 --only=split

// One step of k: no tile is read ahead.
// PTX-LABEL: .entry k_eights_nt_0(
// PTX: cp.async.cg.shared.global [{{.*}}], [{{.*}}], 16
// PTX: cp.async.wait_group 0;
// PTX: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-LABEL: .entry k_eights_nn_0(
// PTX: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16

// CHECK: k_eights_nt cuda:gemm {{.*}} ok
nn.kernel @k_eights_nt {
^bb0(%x: tensor<40x24xbf16>, %w: tensor<72x24xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<40x24xbf16>, tensor<72x24xbf16>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: k_eights_nn cuda:gemm {{.*}} ok
nn.kernel @k_eights_nn {
^bb0(%x: tensor<40x24xbf16>, %w: tensor<24x72xbf16>):
  %0 = nn.matmul %x, %w : (tensor<40x24xbf16>, tensor<24x72xbf16>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: k_eights_tn cuda:gemm {{.*}} ok
nn.kernel @k_eights_tn {
^bb0(%x: tensor<24x40xbf16>, %w: tensor<24x72xbf16>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<24x40xbf16>, tensor<24x72xbf16>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: k_eights_tt cuda:gemm {{.*}} ok
nn.kernel @k_eights_tt {
^bb0(%x: tensor<24x40xbf16>, %w: tensor<72x24xbf16>):
  %0 = nn.matmul %x, %w transpose_a transpose_b : (tensor<24x40xbf16>, tensor<72x24xbf16>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: k_odd_1 cuda:gemm {{.*}} ok
nn.kernel @k_odd_1 {
^bb0(%x: tensor<1x1xbf16>, %w: tensor<1x1xbf16>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<1x1xbf16>, tensor<1x1xbf16>, tensor<1xf32>) -> tensor<1x1xf32>
  nn.yield %0 : tensor<1x1xf32>
}

// CHECK: k_odd_7 cuda:gemm {{.*}} ok
nn.kernel @k_odd_7 {
^bb0(%x: tensor<7x7xbf16>, %w: tensor<7x7xbf16>, %b: tensor<7xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<7x7xbf16>, tensor<7x7xbf16>, tensor<7xf32>) -> tensor<7x7xf32>
  nn.yield %0 : tensor<7x7xf32>
}

// CHECK: k_odd_33 cuda:gemm {{.*}} ok
nn.kernel @k_odd_33 {
^bb0(%x: tensor<33x33xbf16>, %w: tensor<33x33xbf16>, %b: tensor<33xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<33x33xbf16>, tensor<33x33xbf16>, tensor<33xf32>) -> tensor<33x33xf32>
  nn.yield %0 : tensor<33x33xf32>
}

// CHECK: k_odd_197 cuda:gemm {{.*}} ok
nn.kernel @k_odd_197 {
^bb0(%x: tensor<197x64xbf16>, %w: tensor<33x64xbf16>, %b: tensor<33xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<197x64xbf16>, tensor<33x64xbf16>, tensor<33xf32>) -> tensor<197x33xf32>
  nn.yield %0 : tensor<197x33xf32>
}

// CHECK: k_odd_nn cuda:gemm {{.*}} ok
nn.kernel @k_odd_nn {
^bb0(%x: tensor<2x33x21xbf16>, %w: tensor<2x21x7xbf16>):
  %0 = nn.matmul %x, %w : (tensor<2x33x21xbf16>, tensor<2x21x7xbf16>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_odd_nt cuda:gemm {{.*}} ok
nn.kernel @k_odd_nt {
^bb0(%x: tensor<2x33x21xbf16>, %w: tensor<2x7x21xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<2x33x21xbf16>, tensor<2x7x21xbf16>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_odd_tn cuda:gemm {{.*}} ok
nn.kernel @k_odd_tn {
^bb0(%x: tensor<2x21x33xbf16>, %w: tensor<2x21x7xbf16>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<2x21x33xbf16>, tensor<2x21x7xbf16>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// CHECK: k_odd_tt cuda:gemm {{.*}} ok
nn.kernel @k_odd_tt {
^bb0(%x: tensor<2x21x33xbf16>, %w: tensor<2x7x21xbf16>):
  %0 = nn.matmul %x, %w transpose_a transpose_b : (tensor<2x21x33xbf16>, tensor<2x7x21xbf16>) -> tensor<2x33x7xf32>
  nn.yield %0 : tensor<2x33x7xf32>
}

// Rows that can be copied two or four at a time.
// CHECK: k_pairs_nt cuda:gemm {{.*}} ok
nn.kernel @k_pairs_nt {
^bb0(%x: tensor<34x22xbf16>, %w: tensor<10x22xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<34x22xbf16>, tensor<10x22xbf16>) -> tensor<34x10xf32>
  nn.yield %0 : tensor<34x10xf32>
}

// CHECK: k_fours_nn cuda:gemm {{.*}} ok
nn.kernel @k_fours_nn {
^bb0(%x: tensor<20x36xbf16>, %w: tensor<36x12xbf16>):
  %0 = nn.matmul %x, %w : (tensor<20x36xbf16>, tensor<36x12xbf16>) -> tensor<20x12xf32>
  nn.yield %0 : tensor<20x12xf32>
}

// Tiles of 16 and 32 rows.
// CHECK: k_few_rows cuda:gemm {{.*}} ok
nn.kernel @k_few_rows {
^bb0(%x: tensor<16x72xbf16>, %w: tensor<100x72xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<16x72xbf16>, tensor<100x72xbf16>) -> tensor<16x100xf32>
  nn.yield %0 : tensor<16x100xf32>
}

// CHECK: k_some_rows cuda:gemm {{.*}} ok
nn.kernel @k_some_rows {
^bb0(%x: tensor<136x24xbf16>, %w: tensor<136x40xbf16>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<136x24xbf16>, tensor<136x40xbf16>) -> tensor<24x40xf32>
  nn.yield %0 : tensor<24x40xf32>
}

// One column: rows and columns change places.
// CHECK: k_one_column cuda:gemm {{.*}} ok
nn.kernel @k_one_column {
^bb0(%x: tensor<40x19xbf16>, %w: tensor<1x19xbf16>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<40x19xbf16>, tensor<1x19xbf16>, tensor<1xf32>) -> tensor<40x1xf32>
  nn.yield %0 : tensor<40x1xf32>
}

// Weight gradients of many tokens: partial sums, and a second launch. The epilogue runs in that.

// CHECK: k_split_dw cuda:gemm {{.*}} ok
nn.kernel @k_split_dw {
^bb0(%x: tensor<1576x33xbf16>, %w: tensor<1576x12xbf16>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<1576x33xbf16>, tensor<1576x12xbf16>) -> tensor<33x12xf32>
  nn.yield %0 : tensor<33x12xf32>
}

// CHECK: k_split_dw_eights cuda:gemm {{.*}} ok
nn.kernel @k_split_dw_eights {
^bb0(%x: tensor<1576x48xbf16>, %w: tensor<1576x64xbf16>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<1576x48xbf16>, tensor<1576x64xbf16>) -> tensor<48x64xf32>
  nn.yield %0 : tensor<48x64xf32>
}

// CHECK: k_split_epilogue cuda:gemm {{.*}} ok
nn.kernel @k_split_epilogue {
^bb0(%x: tensor<7x600xbf16>, %w: tensor<5x600xbf16>, %b: tensor<5xf32>, %r: tensor<7x5xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<7x600xbf16>, tensor<5x600xbf16>, tensor<5xf32>) -> tensor<7x5xf32>
  %1 = nn.gelu %0 : tensor<7x5xf32>
  %2 = nn.add %1, %r : tensor<7x5xf32>
  nn.yield %0, %2 : tensor<7x5xf32>, tensor<7x5xf32>
}

// The epilogue reads bf16.
// CHECK: k_epilogue cuda:gemm {{.*}} ok
nn.kernel @k_epilogue {
^bb0(%x: tensor<61x24xbf16>, %w: tensor<24x20xbf16>, %h: tensor<61x20xbf16>):
  %0 = nn.matmul %x, %w : (tensor<61x24xbf16>, tensor<24x20xbf16>) -> tensor<61x20xf32>
  %1 = nn.cast %h : tensor<61x20xbf16> -> tensor<61x20xf32>
  %2 = nn.sigmoid %1 : tensor<61x20xf32>
  %3 = nn.mul %0, %2 : tensor<61x20xf32>
  nn.yield %3 : tensor<61x20xf32>
}

// Large tiles.

// CHECK: k_large_nn cuda:gemm {{.*}} ok
nn.kernel @k_large_nn {
^bb0(%x: tensor<27x130x40xbf16>, %w: tensor<27x40x136xbf16>):
  %0 = nn.matmul %x, %w : (tensor<27x130x40xbf16>, tensor<27x40x136xbf16>) -> tensor<27x130x136xf32>
  nn.yield %0 : tensor<27x130x136xf32>
}

// CHECK: k_large_nt cuda:gemm {{.*}} ok
nn.kernel @k_large_nt {
^bb0(%x: tensor<27x129x40xbf16>, %w: tensor<27x132x40xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<27x129x40xbf16>, tensor<27x132x40xbf16>) -> tensor<27x129x132xf32>
  nn.yield %0 : tensor<27x129x132xf32>
}
