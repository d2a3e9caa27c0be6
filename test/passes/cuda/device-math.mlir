// Quotients, exponentials and maxima by a device's instructions (passes/DeviceMath.h): no quotient with a branch, no polynomial; infinite and no
// numbers, and magnitudes around which exp is 0 or infinite, are those of the interpreter.
// RUN: env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so mome-check-kernels --cuda %s --ptx=%t.ptx | FileCheck %s
// RUN: env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so mome-check-kernels --cuda %s --low=-100 --high=88 | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx

// CHECK: k_logistic cuda:elementwise {{.*}} ok
// PTX-LABEL: .entry k_logistic_0(
// PTX-NOT: div.rn
// PTX: ex2.approx.ftz.f32
// PTX-NOT: div.rn
// PTX: div.full.f32
nn.kernel @k_logistic {
^bb0(%x: tensor<7x33xf32>):
  %one = nn.constant dense<1.0> : tensor<7x33xf32>
  %n = nn.neg %x : tensor<7x33xf32>
  %e = nn.exp %n : tensor<7x33xf32>
  %s = nn.add %e, %one : tensor<7x33xf32>
  %y = nn.div %one, %s : tensor<7x33xf32>
  nn.yield %y : tensor<7x33xf32>
}

// Of four neighbours at once.
// CHECK: k_vectors cuda:elementwise {{.*}} ok
// PTX-LABEL: .entry k_vectors_0(
// PTX-COUNT-4: ex2.approx.ftz.f32
// PTX-COUNT-4: div.full.f32
nn.kernel @k_vectors {
^bb0(%x: tensor<8x32xf32>):
  %two = nn.constant dense<2.0> : tensor<8x32xf32>
  %e = nn.exp %x : tensor<8x32xf32>
  %s = nn.add %e, %two : tensor<8x32xf32>
  %y = nn.div %e, %s : tensor<8x32xf32>
  nn.yield %y : tensor<8x32xf32>
}

// CHECK: k_extremes cuda:elementwise {{.*}} ok
nn.kernel @k_extremes {
^bb0(%x: tensor<8xf32>):
  %c = nn.constant dense<[0x7F800000, 0xFF800000, 0x7FC00000, 88.7, 89.5, -87.0, -200.0, 1.0e-30]> : tensor<8xf32>
  %one = nn.constant dense<1.0> : tensor<8xf32>
  %e = nn.exp %c : tensor<8xf32>
  %s = nn.add %e, %one : tensor<8xf32>
  %y = nn.div %one, %s : tensor<8xf32>
  nn.yield %y : tensor<8xf32>
}

// CHECK: k_largest cuda:row {{.*}} ok
// PTX-LABEL: .entry k_largest_0(
// PTX-NOT: setp.nan
// PTX: max.NaN.f32
nn.kernel @k_largest {
^bb0(%x: tensor<3x4xf32>):
  %c = nn.constant dense<[[0x7F800000, 0xFF800000, 1.0, -1.0], [1.0, 0x7FC00000, 2.0, 3.0], [-2.0, -1.0, -3.0, 0xFF800000]]> : tensor<3x4xf32>
  %s = nn.add %c, %x : tensor<3x4xf32>
  %m = nn.reduce_max %s axes [1] : tensor<3x4xf32> -> tensor<3xf32>
  nn.yield %m : tensor<3xf32>
}
