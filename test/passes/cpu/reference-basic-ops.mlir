// The naive lowering of every elementwise, access, gather and reduction op, compiled, against the interpreter.
// Inputs are in (-2, 2), integers in {0, 1, 2}: some indices are outside.
// RUN: mome-check-kernels %s --reference | FileCheck %s
// CHECK-NOT: FAILED

// CHECK: k_elementwise {{.*}} ok
nn.kernel @k_elementwise {
^bb0(%x: tensor<2x5xf32>, %y: tensor<2x5xf32>):
  %c = nn.constant dense<3.0> : tensor<2x5xf32>
  %0 = nn.add %x, %y : tensor<2x5xf32>
  %1 = nn.sub %0, %y : tensor<2x5xf32>
  %2 = nn.mul %0, %1 : tensor<2x5xf32>
  %3 = nn.maximum %2, %x : tensor<2x5xf32>
  %4 = nn.minimum %3, %y : tensor<2x5xf32>
  %5 = nn.div %4, %c : tensor<2x5xf32>
  nn.yield %5, %3 : tensor<2x5xf32>, tensor<2x5xf32>
}

// CHECK: k_neg {{.*}} ok
nn.kernel @k_neg {
^bb0(%x: tensor<7xf32>):
  %0 = nn.neg %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_abs {{.*}} ok
nn.kernel @k_abs {
^bb0(%x: tensor<7xf32>):
  %0 = nn.abs %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_square {{.*}} ok
nn.kernel @k_square {
^bb0(%x: tensor<7xf32>):
  %0 = nn.square %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_exp {{.*}} ok
nn.kernel @k_exp {
^bb0(%x: tensor<7xf32>):
  %0 = nn.exp %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_sin {{.*}} ok
nn.kernel @k_sin {
^bb0(%x: tensor<7xf32>):
  %0 = nn.sin %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_cos {{.*}} ok
nn.kernel @k_cos {
^bb0(%x: tensor<7xf32>):
  %0 = nn.cos %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_erf {{.*}} ok
nn.kernel @k_erf {
^bb0(%x: tensor<7xf32>):
  %0 = nn.erf %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_tanh {{.*}} ok
nn.kernel @k_tanh {
^bb0(%x: tensor<7xf32>):
  %0 = nn.tanh %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_sigmoid {{.*}} ok
nn.kernel @k_sigmoid {
^bb0(%x: tensor<7xf32>):
  %0 = nn.sigmoid %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_relu {{.*}} ok
nn.kernel @k_relu {
^bb0(%x: tensor<7xf32>):
  %0 = nn.relu %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_gelu {{.*}} ok
nn.kernel @k_gelu {
^bb0(%x: tensor<7xf32>):
  %0 = nn.gelu %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_quick_gelu {{.*}} ok
nn.kernel @k_quick_gelu {
^bb0(%x: tensor<7xf32>):
  %0 = nn.quick_gelu %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_silu {{.*}} ok
nn.kernel @k_silu {
^bb0(%x: tensor<7xf32>):
  %0 = nn.silu %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_softplus {{.*}} ok
nn.kernel @k_softplus {
^bb0(%x: tensor<7xf32>):
  %0 = nn.softplus %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_stop_gradient {{.*}} ok
nn.kernel @k_stop_gradient {
^bb0(%x: tensor<7xf32>):
  %0 = nn.stop_gradient %x : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_positive {{.*}} ok
nn.kernel @k_positive {
^bb0(%x: tensor<7xf32>):
  %s = nn.square %x : tensor<7xf32>
  %c = nn.constant dense<0.1> : tensor<7xf32>
  %p = nn.add %s, %c : tensor<7xf32>
  %0 = nn.sqrt %p : tensor<7xf32>
  %1 = nn.rsqrt %p : tensor<7xf32>
  %2 = nn.log %p : tensor<7xf32>
  %3 = nn.pow %p, %x : tensor<7xf32>
  nn.yield %0, %1, %2, %3 : tensor<7xf32>, tensor<7xf32>, tensor<7xf32>, tensor<7xf32>
}

// CHECK: k_negative_power {{.*}} ok
nn.kernel @k_negative_power {
^bb0(%x: tensor<7xf32>):
  %c = nn.constant dense<[-3.0, -2.0, 0.0, 1.0, 2.0, 3.0, 5.0]> : tensor<7xf32>
  %a = nn.abs %x : tensor<7xf32>
  %h = nn.constant dense<0.5> : tensor<7xf32>
  %b = nn.add %a, %h : tensor<7xf32>
  %n = nn.neg %b : tensor<7xf32>
  %0 = nn.pow %n, %c : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_erfinv {{.*}} ok
nn.kernel @k_erfinv {
^bb0(%x: tensor<7xf32>):
  %t = nn.tanh %x : tensor<7xf32>
  %0 = nn.erfinv %t : tensor<7xf32>
  nn.yield %0 : tensor<7xf32>
}

// CHECK: k_choose {{.*}} ok
nn.kernel @k_choose {
^bb0(%x: tensor<2x5xf32>, %y: tensor<2x5xf32>, %i: tensor<2x5xi32>):
  %c = nn.compare lt %x, %y : tensor<2x5xf32> -> tensor<2x5xi1>
  %0 = nn.select %c, %x, %y : tensor<2x5xf32>
  %j = nn.iota axis 1 : tensor<2x5xi32>
  %d = nn.compare ge %i, %j : tensor<2x5xi32> -> tensor<2x5xi1>
  %1 = nn.cast %d : tensor<2x5xi1> -> tensor<2x5xf32>
  %2 = nn.cast %x : tensor<2x5xf32> -> tensor<2x5xi32>
  %3 = nn.cast %j : tensor<2x5xi32> -> tensor<2x5xf32>
  %f = nn.is_finite %x : tensor<2x5xf32> -> tensor<2x5xi1>
  nn.yield %0, %1, %2, %3, %f : tensor<2x5xf32>, tensor<2x5xf32>, tensor<2x5xi32>, tensor<2x5xf32>, tensor<2x5xi1>
}

// CHECK: k_reshape {{.*}} ok
nn.kernel @k_reshape {
^bb0(%x: tensor<2x6xf32>):
  %0 = nn.reshape %x : tensor<2x6xf32> -> tensor<3x4xf32>
  %1 = nn.reshape %x : tensor<2x6xf32> -> tensor<1x2x3x2xf32>
  nn.yield %0, %1 : tensor<3x4xf32>, tensor<1x2x3x2xf32>
}

// CHECK: k_transpose {{.*}} ok
nn.kernel @k_transpose {
^bb0(%x: tensor<2x3x4xf32>):
  %0 = nn.transpose %x permutation [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  nn.yield %0 : tensor<4x2x3xf32>
}

// CHECK: k_broadcast {{.*}} ok
nn.kernel @k_broadcast {
^bb0(%x: tensor<3xf32>, %y: tensor<2x1x4xf32>, %s: tensor<f32>):
  %0 = nn.broadcast %x dims [1] : tensor<3xf32> -> tensor<2x3x4xf32>
  %1 = nn.broadcast %y dims [0, 1, 2] : tensor<2x1x4xf32> -> tensor<2x3x4xf32>
  %2 = nn.broadcast %s dims [] : tensor<f32> -> tensor<5xf32>
  nn.yield %0, %1, %2 : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<5xf32>
}

// CHECK: k_slice {{.*}} ok
nn.kernel @k_slice {
^bb0(%x: tensor<5x4xf32>):
  %0 = nn.slice %x offsets [0, 1] sizes [2, 2] strides [3, 2] : tensor<5x4xf32> -> tensor<2x2xf32>
  nn.yield %0 : tensor<2x2xf32>
}

// CHECK: k_pad {{.*}} ok
nn.kernel @k_pad {
^bb0(%x: tensor<2x3xf32>):
  %0 = nn.pad %x low [1, 2] high [2, 0] interior [1, 0] value -1.0 : tensor<2x3xf32> -> tensor<6x5xf32>
  %1 = nn.pad %x low [0, 0] high [0, 1] interior [0, 2] value 0.0 : tensor<2x3xf32> -> tensor<2x8xf32>
  nn.yield %0, %1 : tensor<6x5xf32>, tensor<2x8xf32>
}

// CHECK: k_concat {{.*}} ok
nn.kernel @k_concat {
^bb0(%x: tensor<2x3xf32>, %y: tensor<2x1xf32>):
  %0 = nn.concat %x, %y, %x axis 1 : (tensor<2x3xf32>, tensor<2x1xf32>, tensor<2x3xf32>) -> tensor<2x7xf32>
  nn.yield %0 : tensor<2x7xf32>
}

// CHECK: k_move {{.*}} ok
nn.kernel @k_move {
^bb0(%x: tensor<2x5xf32>):
  %0 = nn.roll %x shift -8 axis 1 : tensor<2x5xf32>
  %1 = nn.shift %x by 2 axis 1 : tensor<2x5xf32>
  %2 = nn.shift %x by -1 axis 0 : tensor<2x5xf32>
  nn.yield %0, %1, %2 : tensor<2x5xf32>, tensor<2x5xf32>, tensor<2x5xf32>
}

// CHECK: k_take {{.*}} ok
nn.kernel @k_take {
^bb0(%x: tensor<2x3xf32>, %i: tensor<2x2xi32>):
  %0 = nn.take %x, %i axis 0 : tensor<2x3xf32>, tensor<2x2xi32> -> tensor<2x2x3xf32>
  nn.yield %0 : tensor<2x2x3xf32>
}

// CHECK: k_take_inner {{.*}} ok
nn.kernel @k_take_inner {
^bb0(%x: tensor<2x2xf32>, %i: tensor<5xi64>):
  %0 = nn.take %x, %i axis 1 : tensor<2x2xf32>, tensor<5xi64> -> tensor<2x5xf32>
  nn.yield %0 : tensor<2x5xf32>
}

// CHECK: k_take_backward {{.*}} ok
nn.kernel @k_take_backward {
^bb0(%dy: tensor<4x2x3x3xf32>, %i: tensor<2x3xi32>):
  %0 = nn.take_backward %dy, %i axis 1 : tensor<4x2x3x3xf32>, tensor<2x3xi32> -> tensor<4x2x3xf32>
  nn.yield %0 : tensor<4x2x3xf32>
}

// CHECK: k_one_hot {{.*}} ok
nn.kernel @k_one_hot {
^bb0(%i: tensor<2x2xi32>):
  %0 = nn.one_hot %i : tensor<2x2xi32> -> tensor<2x2x2xf32>
  nn.yield %0 : tensor<2x2x2xf32>
}

// CHECK: k_reduce_sum {{.*}} ok
nn.kernel @k_reduce_sum {
^bb0(%x: tensor<2x3x4xf32>):
  %0 = nn.reduce_sum %x axes [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
  nn.yield %0 : tensor<3xf32>
}

// CHECK: k_reduce_all {{.*}} ok
nn.kernel @k_reduce_all {
^bb0(%x: tensor<2x3x4xf32>):
  %0 = nn.reduce_sum %x axes [0, 1, 2] : tensor<2x3x4xf32> -> tensor<f32>
  nn.yield %0 : tensor<f32>
}

// CHECK: k_reduce_max {{.*}} ok
nn.kernel @k_reduce_max {
^bb0(%x: tensor<2x3x4xf32>):
  %0 = nn.reduce_max %x axes [1] : tensor<2x3x4xf32> -> tensor<2x4xf32>
  nn.yield %0 : tensor<2x4xf32>
}

// CHECK: k_argmax {{.*}} ok
nn.kernel @k_argmax {
^bb0(%x: tensor<3x4xf32>):
  %0 = nn.argmax %x axis 1 : tensor<3x4xf32> -> tensor<3xi32>
  nn.yield %0 : tensor<3xi32>
}

// CHECK: k_argmax_outer {{.*}} ok
nn.kernel @k_argmax_outer {
^bb0(%x: tensor<3x4xf32>):
  %0 = nn.argmax %x axis 0 : tensor<3x4xf32> -> tensor<4xi32>
  nn.yield %0 : tensor<4xi32>
}
