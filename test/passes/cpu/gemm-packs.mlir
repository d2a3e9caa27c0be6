// Products large enough that one operand is packed for all chunks first: every layout, sizes that are no multiples of a tile, sums over
// several blocks of k, and epilogues, against the interpreter. `packs` counts the chunks that run first.
// RUN: mome-check-kernels %s --low=-1 --high=1 | FileCheck %s
// RUN: mome-opt %s --nn-emit-cpu-kernels | FileCheck %s --check-prefix=PACKS

// A where it lies, the whole k at once; two results.
// PACKS: @k_whole{{.*}}nn.packs = 7 : i64{{.*}}nn.shared
// CHECK: k_whole gemm {{.*}} ok
nn.kernel @k_whole {
^bb0(%x: tensor<131x301xf32>, %w: tensor<105x301xf32>, %b: tensor<105xf32>, %r: tensor<131x105xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<131x301xf32>, tensor<105x301xf32>, tensor<105xf32>) -> tensor<131x105xf32>
  %1 = nn.quick_gelu %0 : tensor<131x105xf32>
  %2 = nn.add %1, %r : tensor<131x105xf32>
  nn.yield %0, %2 : tensor<131x105xf32>, tensor<131x105xf32>
}

// Sums over blocks of k.
// PACKS: @k_sums{{.*}}nn.packs = 5 : i64
// CHECK: k_sums gemm {{.*}} ok
nn.kernel @k_sums {
^bb0(%x: tensor<2x50x1701xf32>, %w: tensor<70x1701xf32>, %b: tensor<70xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<2x50x1701xf32>, tensor<70x1701xf32>, tensor<70xf32>) -> tensor<2x50x70xf32>
  nn.yield %0 : tensor<2x50x70xf32>
}

// B as it lies: rows of neighbouring columns.
// PACKS: @k_rows_of_b{{.*}}nn.packs
// CHECK: k_rows_of_b gemm {{.*}} ok
nn.kernel @k_rows_of_b {
^bb0(%x: tensor<97x515xf32>, %w: tensor<515x99xf32>):
  %0 = nn.matmul %x, %w : (tensor<97x515xf32>, tensor<515x99xf32>) -> tensor<97x99xf32>
  nn.yield %0 : tensor<97x99xf32>
}

// A [k][rows]: a weight gradient. k is long, both operands are packed first; three blocks of k.
// PACKS: @k_weight_gradient{{.*}}nn.packs = 14 : i64
// CHECK: k_weight_gradient gemm {{.*}} ok
nn.kernel @k_weight_gradient {
^bb0(%dy: tensor<1703x101xf32>, %x: tensor<1703x75xf32>, %old: tensor<101x75xf32>):
  %0 = nn.matmul %dy, %x transpose_a : (tensor<1703x101xf32>, tensor<1703x75xf32>) -> tensor<101x75xf32>
  %1 = nn.add %0, %old : tensor<101x75xf32>
  nn.yield %1 : tensor<101x75xf32>
}

// A is much narrower than B, and both are packed: the rows of A first. The sum of A's rows.
// PACKS: @k_rows_first{{.*}}nn.packs = 9 : i64
// CHECK: k_rows_first gemm {{.*}} ok
nn.kernel @k_rows_first {
^bb0(%dy: tensor<203x97xf32>, %x: tensor<203x1540xf32>, %old: tensor<97x1540xf32>):
  %0 = nn.matmul %dy, %x transpose_a : (tensor<203x97xf32>, tensor<203x1540xf32>) -> tensor<97x1540xf32>
  %1 = nn.add %0, %old : tensor<97x1540xf32>
  %2 = nn.reduce_sum %dy axes [0] : tensor<203x97xf32> -> tensor<97xf32>
  nn.yield %1, %2 : tensor<97x1540xf32>, tensor<97xf32>
}

// Several blocks of k.
// PACKS: @k_bf16_rows_first{{.*}}nn.packs = 9 : i64
// CHECK: k_bf16_rows_first gemm {{.*}} ok
nn.kernel @k_bf16_rows_first {
^bb0(%x: tensor<103x1609xbf16>, %w: tensor<1537x1609xbf16>):
  %0 = nn.linear %x, %w : (tensor<103x1609xbf16>, tensor<1537x1609xbf16>) -> tensor<103x1537xf32>
  nn.yield %0 : tensor<103x1537xf32>
}

// Operands in bf16 are widened as they are packed.
// PACKS: @k_bf16{{.*}}nn.packs
// CHECK: k_bf16 gemm {{.*}} ok
nn.kernel @k_bf16 {
^bb0(%x: tensor<103x517xbf16>, %w: tensor<83x517xbf16>):
  %0 = nn.linear %x, %w : (tensor<103x517xbf16>, tensor<83x517xbf16>) -> tensor<103x83xf32>
  nn.yield %0 : tensor<103x83xf32>
}

// Too small to wait for packs.
// PACKS: @k_small
// PACKS-NOT: nn.packs
// CHECK: k_small gemm {{.*}} ok
nn.kernel @k_small {
^bb0(%x: tensor<100x130xf32>, %w: tensor<64x130xf32>):
  %0 = nn.linear %x, %w : (tensor<100x130xf32>, tensor<64x130xf32>) -> tensor<100x64xf32>
  nn.yield %0 : tensor<100x64xf32>
}
