// Row programs against the interpreter.
// RUN: mome-check-kernels %s | FileCheck %s
// RUN: mome-check-kernels %s --low=-50 --high=50 --only=softmax | FileCheck %s --check-prefix=WIDE
// RUN: mome-check-kernels %s --low=1e10 --high=3e10 --only=far

// CHECK: k_softmax row chunks=1 {{.*}} ok
// WIDE: k_softmax row chunks=1 {{.*}} ok
nn.kernel @k_softmax {
^bb0(%x: tensor<5x3x37xf32>):
  %0 = nn.softmax %x : tensor<5x3x37xf32>
  nn.yield %0 : tensor<5x3x37xf32>
}

// CHECK: k_softmax_narrow row chunks=1 {{.*}} ok
// WIDE: k_softmax_narrow row chunks=1 {{.*}} ok
nn.kernel @k_softmax_narrow {
^bb0(%x: tensor<6x3xf32>):
  %0 = nn.softmax %x : tensor<6x3xf32>
  %1 = nn.logsumexp %x : (tensor<6x3xf32>) -> tensor<6xf32>
  nn.yield %0, %1 : tensor<6x3xf32>, tensor<6xf32>
}

// One row; one column.
// CHECK: k_one_row row chunks=1 {{.*}} ok
nn.kernel @k_one_row {
^bb0(%x: tensor<100xf32>):
  %0 = nn.log_softmax %x : tensor<100xf32>
  nn.yield %0 : tensor<100xf32>
}
// CHECK: k_one_column row chunks=1 {{.*}} ok
nn.kernel @k_one_column {
^bb0(%x: tensor<4x1xf32>):
  %0 = nn.softmax %x : tensor<4x1xf32>
  nn.yield %0 : tensor<4x1xf32>
}

// Unrolled sums, several chunks, three results.
// CHECK: k_layer_norm row chunks=5 {{.*}} ok
nn.kernel @k_layer_norm {
^bb0(%x: tensor<2x200x100xf32>, %g: tensor<100xf32>, %b: tensor<100xf32>):
  %y, %mean, %rstd = nn.layer_norm %x gamma %g beta %b eps 1.0e-5
      : (tensor<2x200x100xf32>, tensor<100xf32>, tensor<100xf32>) -> (tensor<2x200x100xf32>, tensor<2x200xf32>, tensor<2x200xf32>)
  nn.yield %y, %mean, %rstd : tensor<2x200x100xf32>, tensor<2x200xf32>, tensor<2x200xf32>
}

// CHECK: k_layer_norm_backward row chunks=1 {{.*}} ok
nn.kernel @k_layer_norm_backward {
^bb0(%dy: tensor<8x64xf32>, %x: tensor<8x64xf32>, %m: tensor<8xf32>, %r: tensor<8xf32>, %g: tensor<64xf32>, %res: tensor<8x64xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<8x64xf32>, tensor<8x64xf32>, tensor<8xf32>,
        tensor<8xf32>, tensor<64xf32>) -> (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
  %0 = nn.add %dx, %res : tensor<8x64xf32>
  nn.yield %0 : tensor<8x64xf32>
}

// Sums over the rows, in packs and then chunks: many rows, odd widths; without the rows' own result; one
// column; as many rows as columns.
// CHECK: k_sums row chunks=50 {{.*}} ok
nn.kernel @k_sums {
^bb0(%dy: tensor<4x131x771xf32>, %x: tensor<4x131x771xf32>, %m: tensor<4x131xf32>, %r: tensor<4x131xf32>, %g: tensor<771xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<4x131x771xf32>, tensor<4x131x771xf32>, tensor<4x131xf32>,
        tensor<4x131xf32>, tensor<771xf32>) -> (tensor<4x131x771xf32>, tensor<771xf32>, tensor<771xf32>)
  nn.yield %dg, %dx, %db : tensor<771xf32>, tensor<4x131x771xf32>, tensor<771xf32>
}
// CHECK: k_sums_alone row {{.*}} ok
nn.kernel @k_sums_alone {
^bb0(%dy: tensor<200x37xf32>, %x: tensor<200x37xf32>, %m: tensor<200xf32>, %r: tensor<200xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<200x37xf32>, tensor<200x37xf32>, tensor<200xf32>,
        tensor<200xf32>) -> (tensor<200x37xf32>, tensor<37xf32>, tensor<37xf32>)
  nn.yield %dg, %db : tensor<37xf32>, tensor<37xf32>
}
// CHECK: k_sums_narrow row {{.*}} ok
nn.kernel @k_sums_narrow {
^bb0(%dy: tensor<9x1xf32>, %x: tensor<9x1xf32>, %m: tensor<9xf32>, %r: tensor<9xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<9x1xf32>, tensor<9x1xf32>, tensor<9xf32>,
        tensor<9xf32>) -> (tensor<9x1xf32>, tensor<1xf32>, tensor<1xf32>)
  nn.yield %dx, %dg, %db : tensor<9x1xf32>, tensor<1xf32>, tensor<1xf32>
}
// CHECK: k_sums_square row {{.*}} ok
nn.kernel @k_sums_square {
^bb0(%dy: tensor<64x64xf32>, %x: tensor<64x64xf32>, %m: tensor<64xf32>, %r: tensor<64xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<64x64xf32>, tensor<64x64xf32>, tensor<64xf32>,
        tensor<64xf32>) -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>)
  nn.yield %db, %dx, %dg : tensor<64xf32>, tensor<64x64xf32>, tensor<64xf32>
}
// CHECK: k_sums_one_row row {{.*}} ok
nn.kernel @k_sums_one_row {
^bb0(%dy: tensor<100xf32>, %x: tensor<100xf32>, %m: tensor<f32>, %r: tensor<f32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<100xf32>, tensor<100xf32>, tensor<f32>,
        tensor<f32>) -> (tensor<100xf32>, tensor<100xf32>, tensor<100xf32>)
  nn.yield %dx, %dg, %db : tensor<100xf32>, tensor<100xf32>, tensor<100xf32>
}

// CHECK: k_cross_entropy row chunks=1 {{.*}} ok
nn.kernel @k_cross_entropy {
^bb0(%z: tensor<9x7xf32>, %l: tensor<9xi32>, %s: tensor<f32>):
  %loss, %lse = nn.cross_entropy %z, %l smoothing %s : (tensor<9x7xf32>, tensor<9xi32>, tensor<f32>) -> (tensor<9xf32>, tensor<9xf32>)
  nn.yield %loss, %lse : tensor<9xf32>, tensor<9xf32>
}

// CHECK: k_kl row chunks=1 {{.*}} ok
nn.kernel @k_kl {
^bb0(%t: tensor<4x77xf32>, %s: tensor<4x77xf32>):
  %d, %a, %b = nn.kl %t, %s : (tensor<4x77xf32>, tensor<4x77xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
  nn.yield %d, %a, %b : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK: k_argmax row chunks=1 error=0.0e+00 ok
nn.kernel @k_argmax {
^bb0(%x: tensor<50x13xf32>):
  %c = nn.constant dense<1.0> : tensor<50x13xf32>
  %0 = nn.argmax %x axis 1 : tensor<50x13xf32> -> tensor<50xi32>
  %1 = nn.argmax %c axis 1 : tensor<50x13xf32> -> tensor<50xi32>
  %2 = nn.reduce_max %x axes [1] : tensor<50x13xf32> -> tensor<50xf32>
  nn.yield %0, %1, %2 : tensor<50xi32>, tensor<50xi32>, tensor<50xf32>
}

// CHECK: k_one_hot elementwise chunks=1 error=0.0e+00 ok
nn.kernel @k_one_hot {
^bb0(%i: tensor<6xi32>):
  %0 = nn.one_hot %i : tensor<6xi32> -> tensor<6x10xf32>
  nn.yield %0 : tensor<6x10xf32>
}

// Rows of two widths meet: a gate over two experts.
// CHECK: k_two_widths row chunks=1 {{.*}} ok
nn.kernel @k_two_widths {
^bb0(%g: tensor<4x2xf32>, %x: tensor<4x19xf32>):
  %0 = nn.softmax %g : tensor<4x2xf32>
  %1 = nn.slice %0 offsets [0, 1] sizes [4, 1] strides [1, 1] : tensor<4x2xf32> -> tensor<4x1xf32>
  %2 = nn.broadcast %1 dims [0, 1] : tensor<4x1xf32> -> tensor<4x19xf32>
  %3 = nn.mul %2, %x : tensor<4x19xf32>
  %4 = nn.reduce_sum %3 axes [1] : tensor<4x19xf32> -> tensor<4xf32>
  nn.yield %0, %3, %1, %4 : tensor<4x2xf32>, tensor<4x19xf32>, tensor<4x1xf32>, tensor<4xf32>
}

// CHECK: k_across reference: {{.*}}row: a reduction read across rows
nn.kernel @k_across {
^bb0(%x: tensor<4x4xf32>):
  %0 = nn.reduce_sum %x axes [1] : tensor<4x4xf32> -> tensor<4xf32>
  %1 = nn.broadcast %0 dims [1] : tensor<4xf32> -> tensor<4x4xf32>
  %2 = nn.add %1, %x : tensor<4x4xf32>
  nn.yield %2 : tensor<4x4xf32>
}

// The distance from the maximum of products, which are rounded: 0 for the maximum itself.
nn.kernel @k_far_softmax {
^bb0(%x: tensor<7x45xf32>, %y: tensor<7x45xf32>):
  %p = nn.mul %x, %y : tensor<7x45xf32>
  %0 = nn.softmax %p : tensor<7x45xf32>
  nn.yield %0 : tensor<7x45xf32>
}
nn.kernel @k_far_log_softmax {
^bb0(%x: tensor<7x45xf32>, %y: tensor<7x45xf32>):
  %p = nn.mul %x, %y : tensor<7x45xf32>
  %0 = nn.log_softmax %p : tensor<7x45xf32>
  nn.yield %0 : tensor<7x45xf32>
}

// Rows that are rows of other tensors, or padding.
// CHECK: k_moved_rows row {{.*}} ok
nn.kernel @k_moved_rows {
^bb0(%x: tensor<2x5x37xf32>, %y: tensor<2x8x37xf32>, %z: tensor<2x1x37xf32>):
  %p = nn.pad %x low [0, 1, 0] high [0, 0, 0] interior [0, 0, 0] value 0.0 : tensor<2x5x37xf32> -> tensor<2x6x37xf32>
  %s = nn.slice %y offsets [0, 1, 0] sizes [2, 6, 37] strides [1, 1, 1] : tensor<2x8x37xf32> -> tensor<2x6x37xf32>
  %q = nn.pad %z low [0, 0, 0] high [0, 5, 0] interior [0, 0, 0] value 0.0 : tensor<2x1x37xf32> -> tensor<2x6x37xf32>
  %c = nn.concat %z, %x axis 1 : (tensor<2x1x37xf32>, tensor<2x5x37xf32>) -> tensor<2x6x37xf32>
  %0 = nn.add %p, %s : tensor<2x6x37xf32>
  %1 = nn.softmax %0 : tensor<2x6x37xf32>
  %2 = nn.add %1, %q : tensor<2x6x37xf32>
  %3 = nn.sub %2, %c : tensor<2x6x37xf32>
  nn.yield %3 : tensor<2x6x37xf32>
}
// CHECK: k_moved_rows_summed row {{.*}} ok
nn.kernel @k_moved_rows_summed {
^bb0(%g: tensor<2x6x37xf32>, %x: tensor<2x6x37xf32>, %m: tensor<2x6xf32>, %r: tensor<2x6xf32>, %w: tensor<37xf32>, %y: tensor<2x5x37xf32>):
  %dx, %dw, %db = nn.layer_norm_backward %g, %x, %m, %r, %w : (tensor<2x6x37xf32>, tensor<2x6x37xf32>, tensor<2x6xf32>, tensor<2x6xf32>, tensor<37xf32>) -> (tensor<2x6x37xf32>, tensor<37xf32>, tensor<37xf32>)
  %p = nn.pad %y low [0, 1, 0] high [0, 0, 0] interior [0, 0, 0] value 0.0 : tensor<2x5x37xf32> -> tensor<2x6x37xf32>
  %0 = nn.add %dx, %p : tensor<2x6x37xf32>
  %1 = nn.cast %0 : tensor<2x6x37xf32> -> tensor<2x6x37xbf16>
  nn.yield %0, %1, %dw, %db : tensor<2x6x37xf32>, tensor<2x6x37xbf16>, tensor<37xf32>, tensor<37xf32>
}
