// Row programs and reductions on CUDA: a warp or a block per row, odd widths, sums in parts; on the
// stand-in driver with all checkers on, against the interpreter.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// RUN: %{driver} mome-check-kernels --cuda %s | FileCheck %s
// RUN: %{driver} MOME_FAKECUDA=seed=1 mome-check-kernels --cuda %s
// RUN: %{driver} MOME_FAKECUDA=seed=2,perturb=1 mome-check-kernels --cuda %s
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 mome-check-kernels --cuda %s
// RUN: %{driver} mome-check-kernels --cuda %s --only=online_far --low=1e31 --high=3e31

// CHECK: k_softmax_1_1 cuda:row {{.*}} ok
nn.kernel @k_softmax_1_1 {
^bb0(%x: tensor<1x1xf32>):
  %0 = nn.softmax %x : tensor<1x1xf32>
  %1 = nn.logsumexp %x : (tensor<1x1xf32>) -> tensor<1xf32>
  %2 = nn.argmax %x axis 1 : tensor<1x1xf32> -> tensor<1xi32>
  nn.yield %0, %1, %2 : tensor<1x1xf32>, tensor<1xf32>, tensor<1xi32>
}
// CHECK: k_softmax_7_33 cuda:row {{.*}} ok
nn.kernel @k_softmax_7_33 {
^bb0(%x: tensor<7x33xf32>):
  %0 = nn.softmax %x : tensor<7x33xf32>
  %1 = nn.logsumexp %x : (tensor<7x33xf32>) -> tensor<7xf32>
  %2 = nn.argmax %x axis 1 : tensor<7x33xf32> -> tensor<7xi32>
  nn.yield %0, %1, %2 : tensor<7x33xf32>, tensor<7xf32>, tensor<7xi32>
}
// CHECK: k_softmax_33_7 cuda:row {{.*}} ok
nn.kernel @k_softmax_33_7 {
^bb0(%x: tensor<33x7xf32>):
  %0 = nn.softmax %x : tensor<33x7xf32>
  %1 = nn.logsumexp %x : (tensor<33x7xf32>) -> tensor<33xf32>
  %2 = nn.argmax %x axis 1 : tensor<33x7xf32> -> tensor<33xi32>
  nn.yield %0, %1, %2 : tensor<33x7xf32>, tensor<33xf32>, tensor<33xi32>
}
// CHECK: k_softmax_3_197 cuda:row {{.*}} ok
nn.kernel @k_softmax_3_197 {
^bb0(%x: tensor<3x197xf32>):
  %0 = nn.softmax %x : tensor<3x197xf32>
  %1 = nn.logsumexp %x : (tensor<3x197xf32>) -> tensor<3xf32>
  %2 = nn.argmax %x axis 1 : tensor<3x197xf32> -> tensor<3xi32>
  nn.yield %0, %1, %2 : tensor<3x197xf32>, tensor<3xf32>, tensor<3xi32>
}
// CHECK: k_softmax_9_128 cuda:row {{.*}} ok
nn.kernel @k_softmax_9_128 {
^bb0(%x: tensor<9x128xf32>):
  %0 = nn.softmax %x : tensor<9x128xf32>
  %1 = nn.logsumexp %x : (tensor<9x128xf32>) -> tensor<9xf32>
  %2 = nn.argmax %x axis 1 : tensor<9x128xf32> -> tensor<9xi32>
  nn.yield %0, %1, %2 : tensor<9x128xf32>, tensor<9xf32>, tensor<9xi32>
}
// CHECK: k_softmax_5_2000 cuda:row {{.*}} ok
nn.kernel @k_softmax_5_2000 {
^bb0(%x: tensor<5x2000xf32>):
  %0 = nn.softmax %x : tensor<5x2000xf32>
  %1 = nn.logsumexp %x : (tensor<5x2000xf32>) -> tensor<5xf32>
  %2 = nn.argmax %x axis 1 : tensor<5x2000xf32> -> tensor<5xi32>
  nn.yield %0, %1, %2 : tensor<5x2000xf32>, tensor<5xf32>, tensor<5xi32>
}
// CHECK: k_softmax_4_1031 cuda:row {{.*}} ok
nn.kernel @k_softmax_4_1031 {
^bb0(%x: tensor<4x1031xf32>):
  %0 = nn.softmax %x : tensor<4x1031xf32>
  %1 = nn.logsumexp %x : (tensor<4x1031xf32>) -> tensor<4xf32>
  %2 = nn.argmax %x axis 1 : tensor<4x1031xf32> -> tensor<4xi32>
  nn.yield %0, %1, %2 : tensor<4x1031xf32>, tensor<4xf32>, tensor<4xi32>
}
// A warp has two rows, of 128 elements in registers and 12 more; the last block has fewer rows.
// CHECK: k_rows cuda:row {{.*}} ok
nn.kernel @k_rows {
^bb0(%x: tensor<5187x140xf32>, %g: tensor<140xf32>, %b: tensor<140xf32>, %r: tensor<5187x140xbf16>):
  %y, %mean, %rstd = nn.layer_norm %x gamma %g beta %b eps 1.0e-05 : (tensor<5187x140xf32>, tensor<140xf32>, tensor<140xf32>) -> (tensor<5187x140xf32>, tensor<5187xf32>, tensor<5187xf32>)
  %0 = nn.cast %r : tensor<5187x140xbf16> -> tensor<5187x140xf32>
  %1 = nn.add %y, %0 : tensor<5187x140xf32>
  nn.yield %1, %mean, %rstd : tensor<5187x140xf32>, tensor<5187xf32>, tensor<5187xf32>
}
// Too long for registers: four vectors of a thread at a time, one more, and what is left.
// CHECK: k_walked cuda:row {{.*}} ok
nn.kernel @k_walked {
^bb0(%x: tensor<2x9300xf32>):
  %0 = nn.softmax %x : tensor<2x9300xf32>
  nn.yield %0 : tensor<2x9300xf32>
}
// A divergence over many classes: a block per row.
// CHECK: k_kl cuda:row {{.*}} ok
nn.kernel @k_kl {
^bb0(%t: tensor<3x1576xf32>, %s: tensor<3x1576xf32>):
  %d, %a, %b = nn.kl %t, %s : (tensor<3x1576xf32>, tensor<3x1576xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  nn.yield %d, %a, %b : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
// Too long for registers: maxima and sums of exponentials in one pass, also of a row with itself and where elements are minus infinity.
// CHECK: k_online cuda:row {{.*}} ok
nn.kernel @k_online {
^bb0(%t: tensor<3x9301xf32>, %s: tensor<3x9301xf32>):
  %five = nn.constant dense<5.0> : tensor<3x9301xf32>
  %u = nn.mul %t, %five : tensor<3x9301xf32>
  %d, %a, %b = nn.kl %u, %s : (tensor<3x9301xf32>, tensor<3x9301xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  nn.yield %d, %a, %b : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
// Once more (see above) on numbers so large that the least one is infinitely far from them.
// CHECK: k_online_far cuda:row {{.*}} ok
nn.kernel @k_online_far {
^bb0(%t: tensor<3x9301xf32>, %s: tensor<3x9301xf32>):
  %d, %a, %b = nn.kl %t, %s : (tensor<3x9301xf32>, tensor<3x9301xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  nn.yield %d, %a, %b : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
// CHECK: k_online_same cuda:row {{.*}} ok
nn.kernel @k_online_same {
^bb0(%t: tensor<2x9304xbf16>):
  %w = nn.cast %t : tensor<2x9304xbf16> -> tensor<2x9304xf32>
  %d, %a, %b = nn.kl %w, %w : (tensor<2x9304xf32>, tensor<2x9304xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  nn.yield %d, %a : tensor<2xf32>, tensor<2xf32>
}
// CHECK: k_online_masked cuda:row {{.*}} ok
nn.kernel @k_online_masked {
^bb0(%x: tensor<2x9304xf32>):
  %low = nn.constant dense<0xFF800000> : tensor<2x9304xf32>
  %limit = nn.constant dense<0.9> : tensor<2x9304xf32>
  %above = nn.compare ge %x, %limit : tensor<2x9304xf32> -> tensor<2x9304xi1>
  %m = nn.select %above, %x, %low : tensor<2x9304xf32>
  %y = nn.softmax %m : tensor<2x9304xf32>
  nn.yield %y : tensor<2x9304xf32>
}
// The gradient of a bias: columns, in parts.
// CHECK: k_columns cuda:reduction {{.*}} ok
nn.kernel @k_columns {
^bb0(%x: tensor<8x197x33xf32>):
  %0 = nn.reduce_sum %x axes [0, 1] : tensor<8x197x33xf32> -> tensor<33xf32>
  nn.yield %0 : tensor<33xf32>
}
// Eight neighbours per thread: bf16, four, two and one of a thread's rows at a time; one launch.
// CHECK: k_eights cuda:reduction {{.*}} ok
nn.kernel @k_eights {
^bb0(%x: tensor<3000x80xbf16>):
  %0 = nn.cast %x : tensor<3000x80xbf16> -> tensor<3000x80xf32>
  %1 = nn.reduce_sum %0 axes [0] : tensor<3000x80xf32> -> tensor<80xf32>
  nn.yield %1 : tensor<80xf32>
}
// More parts than a warp has threads.
// CHECK: k_parts cuda:reduction {{.*}} ok
nn.kernel @k_parts {
^bb0(%x: tensor<700000xf32>):
  %0 = nn.reduce_sum %x axes [0] : tensor<700000xf32> -> tensor<f32>
  nn.yield %0 : tensor<f32>
}
// The square of a norm.
// CHECK: k_norm cuda:reduction {{.*}} ok
nn.kernel @k_norm {
^bb0(%x: tensor<197x133xf32>):
  %0 = nn.mul %x, %x : tensor<197x133xf32>
  %1 = nn.reduce_sum %0 axes [0, 1] : tensor<197x133xf32> -> tensor<f32>
  %2 = nn.sqrt %1 : tensor<f32>
  nn.yield %2 : tensor<f32>
}
// CHECK: k_long cuda:reduction {{.*}} ok
nn.kernel @k_long {
^bb0(%x: tensor<20011xf32>):
  %0 = nn.reduce_sum %x axes [0] : tensor<20011xf32> -> tensor<f32>
  nn.yield %0 : tensor<f32>
}
// CHECK: k_maxima cuda:reduction {{.*}} ok
nn.kernel @k_maxima {
^bb0(%x: tensor<3x700x5xf32>):
  %0 = nn.reduce_max %x axes [1] : tensor<3x700x5xf32> -> tensor<3x5xf32>
  nn.yield %0 : tensor<3x5xf32>
}
// CHECK: k_best cuda:reduction {{.*}} ok
nn.kernel @k_best {
^bb0(%x: tensor<3000x3xf32>):
  %0 = nn.argmax %x axis 0 : tensor<3000x3xf32> -> tensor<3xi32>
  nn.yield %0 : tensor<3xi32>
}
// Four neighbours per thread, or one.
// CHECK: k_fours cuda:elementwise {{.*}} ok
nn.kernel @k_fours {
^bb0(%x: tensor<33x64xf32>, %b: tensor<64xf32>):
  %0 = nn.broadcast %b dims [1] : tensor<64xf32> -> tensor<33x64xf32>
  %1 = nn.add %x, %0 : tensor<33x64xf32>
  %2 = nn.gelu %1 : tensor<33x64xf32>
  nn.yield %2 : tensor<33x64xf32>
}
// CHECK: k_transposed cuda:elementwise {{.*}} ok
nn.kernel @k_transposed {
^bb0(%x: tensor<7x33xf32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<7x33xf32> -> tensor<33x7xf32>
  nn.yield %0 : tensor<33x7xf32>
}
// Sums over the rows beside what the rows give: one block; several; single lanes; a block per row; a column.
// CHECK: k_sums_37_64 cuda:row {{.*}} ok
nn.kernel @k_sums_37_64 {
^bb0(%dy: tensor<37x64xf32>, %x: tensor<37x64xf32>, %m: tensor<37xf32>, %r: tensor<37xf32>, %g: tensor<64xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<37x64xf32>, tensor<37x64xf32>, tensor<37xf32>, tensor<37xf32>, tensor<64xf32>)
      -> (tensor<37x64xf32>, tensor<64xf32>, tensor<64xf32>)
  nn.yield %db, %dx, %dg : tensor<64xf32>, tensor<37x64xf32>, tensor<64xf32>
}
// CHECK: k_sums_3001_36 cuda:row {{.*}} ok
nn.kernel @k_sums_3001_36 {
^bb0(%dy: tensor<3x1001x36xf32>, %x: tensor<3x1001x36xf32>, %m: tensor<3x1001xf32>, %r: tensor<3x1001xf32>, %g: tensor<36xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<3x1001x36xf32>, tensor<3x1001x36xf32>, tensor<3x1001xf32>, tensor<3x1001xf32>, tensor<36xf32>)
      -> (tensor<3x1001x36xf32>, tensor<36xf32>, tensor<36xf32>)
  nn.yield %db, %dx, %dg : tensor<36xf32>, tensor<3x1001x36xf32>, tensor<36xf32>
}
// CHECK: k_sums_70_33 cuda:row {{.*}} ok
nn.kernel @k_sums_70_33 {
^bb0(%dy: tensor<70x33xf32>, %x: tensor<70x33xf32>, %m: tensor<70xf32>, %r: tensor<70xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<70x33xf32>, tensor<70x33xf32>, tensor<70xf32>, tensor<70xf32>)
      -> (tensor<70x33xf32>, tensor<33xf32>, tensor<33xf32>)
  nn.yield %db, %dx, %dg : tensor<33xf32>, tensor<70x33xf32>, tensor<33xf32>
}
// CHECK: k_sums_5_1 cuda:row {{.*}} ok
nn.kernel @k_sums_5_1 {
^bb0(%dy: tensor<5x1xf32>, %x: tensor<5x1xf32>, %m: tensor<5xf32>, %r: tensor<5xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<5x1xf32>, tensor<5x1xf32>, tensor<5xf32>, tensor<5xf32>)
      -> (tensor<5x1xf32>, tensor<1xf32>, tensor<1xf32>)
  nn.yield %db, %dx, %dg : tensor<1xf32>, tensor<5x1xf32>, tensor<1xf32>
}
// CHECK: k_sums_64_64 cuda:row {{.*}} ok
nn.kernel @k_sums_64_64 {
^bb0(%dy: tensor<64x64xf32>, %x: tensor<64x64xf32>, %m: tensor<64xf32>, %r: tensor<64xf32>, %g: tensor<64xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<64x64xf32>, tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>)
      -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>)
  nn.yield %db, %dx, %dg : tensor<64xf32>, tensor<64x64xf32>, tensor<64xf32>
}
// CHECK: k_sums_450_1028 cuda:row {{.*}} ok
nn.kernel @k_sums_450_1028 {
^bb0(%dy: tensor<450x1028xf32>, %x: tensor<450x1028xf32>, %m: tensor<450xf32>, %r: tensor<450xf32>, %g: tensor<1028xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<450x1028xf32>, tensor<450x1028xf32>, tensor<450xf32>, tensor<450xf32>, tensor<1028xf32>)
      -> (tensor<450x1028xf32>, tensor<1028xf32>, tensor<1028xf32>)
  nn.yield %db, %dx, %dg : tensor<1028xf32>, tensor<450x1028xf32>, tensor<1028xf32>
}
// CHECK: k_sums_alone cuda:row {{.*}} ok
nn.kernel @k_sums_alone {
^bb0(%dy: tensor<300x40xf32>, %x: tensor<300x40xf32>, %m: tensor<300xf32>, %r: tensor<300xf32>, %g: tensor<40xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<300x40xf32>, tensor<300x40xf32>, tensor<300xf32>, tensor<300xf32>, tensor<40xf32>)
      -> (tensor<300x40xf32>, tensor<40xf32>, tensor<40xf32>)
  nn.yield %dg, %db : tensor<40xf32>, tensor<40xf32>
}

// Column sums too wide for the shared memory of a block.
// CHECK: k_wide_sums cuda:generic {{.*}}column sums that shared memory does not hold{{.*}} ok
nn.kernel @k_wide_sums {
^bb0(%dy: tensor<2x24576xf32>, %x: tensor<2x24576xf32>, %m: tensor<2xf32>, %r: tensor<2xf32>):
  %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<2x24576xf32>, tensor<2x24576xf32>, tensor<2xf32>,
        tensor<2xf32>) -> (tensor<2x24576xf32>, tensor<24576xf32>, tensor<24576xf32>)
  nn.yield %dg, %db : tensor<24576xf32>, tensor<24576xf32>
}
// Wide rows that lie elsewhere, and padding.
// CHECK: k_online_moved cuda:row {{.*}} ok
nn.kernel @k_online_moved {
^bb0(%x: tensor<4x9301xf32>, %y: tensor<2x9301xf32>):
  %t = nn.slice %x offsets [1, 0] sizes [3, 9301] strides [1, 1] : tensor<4x9301xf32> -> tensor<3x9301xf32>
  %s = nn.pad %y low [1, 0] high [0, 0] interior [0, 0] value 0.0 : tensor<2x9301xf32> -> tensor<3x9301xf32>
  %d, %a, %b = nn.kl %t, %s : (tensor<3x9301xf32>, tensor<3x9301xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  nn.yield %d, %a, %b : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
