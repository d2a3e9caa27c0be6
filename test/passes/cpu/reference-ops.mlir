// Machine code of every op through the naive lowerings and row programs, against the interpreter. Equal masks: one
// element of a mask weighs more than the tolerance.
// RUN: mome-check-kernels %s --reference --low=0.1 --high=0.9 --int-high=25 --tolerance=1e-5 | FileCheck %s

// CHECK: linear reference {{.*}} ok
// CHECK: linear_vector reference {{.*}} ok
// CHECK: matmul00 reference {{.*}} ok
// CHECK: matmul01 reference {{.*}} ok
// CHECK: matmul10 reference {{.*}} ok
// CHECK: matmul11 reference {{.*}} ok
// CHECK: layer_norm reference {{.*}} ok
// CHECK: layer_norm_backward reference {{.*}} ok
// CHECK: softmax reference {{.*}} ok
// CHECK: log_softmax reference {{.*}} ok
// CHECK: softmax_backward reference {{.*}} ok
// CHECK: logsumexp reference {{.*}} ok
// CHECK: batch_norm reference {{.*}} ok
// CHECK: attention reference {{.*}} ok
// CHECK: attention_plain reference {{.*}} ok
// CHECK: attention_backward reference {{.*}} ok
// CHECK: attention_backward_bias reference {{.*}} ok
// CHECK: attention_backward_biases reference {{.*}} ok
// CHECK: cross_entropy reference {{.*}} ok
// CHECK: cross_entropy_smoothed reference {{.*}} ok
// CHECK: cross_entropy_backward reference {{.*}} ok
// CHECK: soft_cross_entropy reference {{.*}} ok
// CHECK: kl reference {{.*}} ok
// CHECK: kl_backward reference {{.*}} ok
// CHECK: adamw reference {{.*}} ok
// CHECK: sgd reference {{.*}} ok
// CHECK: sgdnesterov reference {{.*}} ok
// CHECK: dropout reference {{.*}} ok
// CHECK: drop_path reference {{.*}} ok
// CHECK: uniform reference {{.*}} ok
// CHECK: normal reference {{.*}} ok
// CHECK: truncated reference {{.*}} ok
// CHECK: index reference {{.*}} ok
// CHECK: conv reference {{.*}} ok
// CHECK: conv_input reference {{.*}} ok
// CHECK: conv_weight reference {{.*}} ok
// CHECK: max_pool reference {{.*}} ok
// CHECK: max_pool_backward reference {{.*}} ok
// CHECK: avg_pool reference {{.*}} ok

nn.kernel @linear {
^bb0(%x: tensor<2x3x4xf32>, %w: tensor<5x4xf32>, %b: tensor<5xf32>):
  %y = nn.linear %x, %w, %b : (tensor<2x3x4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> (tensor<2x3x5xf32>)
  nn.yield %y : tensor<2x3x5xf32>
}

nn.kernel @linear_vector {
^bb0(%x: tensor<4xf32>, %w: tensor<5x4xf32>):
  %y = nn.linear %x, %w : (tensor<4xf32>, tensor<5x4xf32>) -> (tensor<5xf32>)
  nn.yield %y : tensor<5xf32>
}

nn.kernel @matmul00 {
^bb0(%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>):
  %y = nn.matmul %a, %b : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> (tensor<2x3x5xf32>)
  nn.yield %y : tensor<2x3x5xf32>
}

nn.kernel @matmul01 {
^bb0(%a: tensor<2x3x4xf32>, %b: tensor<2x5x4xf32>):
  %y = nn.matmul %a, %b transpose_b : (tensor<2x3x4xf32>, tensor<2x5x4xf32>) -> (tensor<2x3x5xf32>)
  nn.yield %y : tensor<2x3x5xf32>
}

nn.kernel @matmul10 {
^bb0(%a: tensor<2x4x3xf32>, %b: tensor<2x4x5xf32>):
  %y = nn.matmul %a, %b transpose_a : (tensor<2x4x3xf32>, tensor<2x4x5xf32>) -> (tensor<2x3x5xf32>)
  nn.yield %y : tensor<2x3x5xf32>
}

nn.kernel @matmul11 {
^bb0(%a: tensor<2x4x3xf32>, %b: tensor<2x5x4xf32>):
  %y = nn.matmul %a, %b transpose_a transpose_b : (tensor<2x4x3xf32>, tensor<2x5x4xf32>) -> (tensor<2x3x5xf32>)
  nn.yield %y : tensor<2x3x5xf32>
}

nn.kernel @layer_norm {
^bb0(%x: tensor<6x7xf32>, %g: tensor<7xf32>, %b: tensor<7xf32>):
  %y:3 = nn.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<6x7xf32>, tensor<7xf32>, tensor<7xf32>) -> (tensor<6x7xf32>, tensor<6xf32>, tensor<6xf32>)
  nn.yield %y#0, %y#1, %y#2 : tensor<6x7xf32>, tensor<6xf32>, tensor<6xf32>
}

nn.kernel @layer_norm_backward {
^bb0(%d: tensor<6x7xf32>, %x: tensor<6x7xf32>, %m: tensor<6xf32>, %r: tensor<6xf32>, %g: tensor<7xf32>):
  %y:3 = nn.layer_norm_backward %d, %x, %m, %r, %g : (tensor<6x7xf32>, tensor<6x7xf32>, tensor<6xf32>, tensor<6xf32>, tensor<7xf32>) -> (tensor<6x7xf32>, tensor<7xf32>, tensor<7xf32>)
  nn.yield %y#0, %y#1, %y#2 : tensor<6x7xf32>, tensor<7xf32>, tensor<7xf32>
}

nn.kernel @softmax {
^bb0(%x: tensor<6x7xf32>):
  %r = nn.softmax %x : tensor<6x7xf32>
  nn.yield %r : tensor<6x7xf32>
}

nn.kernel @log_softmax {
^bb0(%x: tensor<6x7xf32>):
  %r = nn.log_softmax %x : tensor<6x7xf32>
  nn.yield %r : tensor<6x7xf32>
}

nn.kernel @softmax_backward {
^bb0(%d: tensor<6x7xf32>, %x: tensor<6x7xf32>):
  %r = nn.softmax_backward %d, %x : tensor<6x7xf32>
  nn.yield %r : tensor<6x7xf32>
}

nn.kernel @logsumexp {
^bb0(%x: tensor<6x7xf32>):
  %y = nn.logsumexp %x : (tensor<6x7xf32>) -> (tensor<6xf32>)
  nn.yield %y : tensor<6xf32>
}

nn.kernel @batch_norm {
^bb0(%x: tensor<4x3x5xf32>, %g: tensor<3xf32>, %b: tensor<3xf32>):
  %y:3 = nn.batch_norm %x, %g, %b eps 1.0e-3 : (tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>)
  nn.yield %y#0, %y#1, %y#2 : tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>
}

nn.kernel @attention {
^bb0(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %b: tensor<2x3x5xf32>):
  %y:2 = nn.attention %q, %k, %v bias %b heads 2 scale 0.5 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x5xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  nn.yield %y#0, %y#1 : tensor<2x3x6xf32>, tensor<2x2x3xf32>
}

nn.kernel @attention_plain {
^bb0(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>):
  %y:2 = nn.attention %q, %k, %v heads 1 scale 0.5 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x1x3xf32>)
  nn.yield %y#0, %y#1 : tensor<2x3x6xf32>, tensor<2x1x3xf32>
}

nn.kernel @attention_backward {
^bb0(%d: tensor<2x3x6xf32>, %q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %o: tensor<2x3x6xf32>, %l: tensor<2x2x3xf32>):
  %y:3 = nn.attention_backward %d, %q, %k, %v, %o, %l heads 2 scale 0.5 : (tensor<2x3x6xf32>, tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x6xf32>, tensor<2x2x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>)
  nn.yield %y#0, %y#1, %y#2 : tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>
}

nn.kernel @attention_backward_bias {
^bb0(%d: tensor<2x3x6xf32>, %q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %o: tensor<2x3x6xf32>, %l: tensor<2x2x3xf32>, %b: tensor<2x3x5xf32>):
  %y:4 = nn.attention_backward %d, %q, %k, %v, %o, %l bias %b heads 2 scale 0.5 bias_gradient : (tensor<2x3x6xf32>, tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x6xf32>, tensor<2x2x3xf32>, tensor<2x3x5xf32>) -> (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x5xf32>)
  nn.yield %y#0, %y#1, %y#2, %y#3 : tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x5xf32>
}

nn.kernel @attention_backward_biases {
^bb0(%d: tensor<2x3x6xf32>, %q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %o: tensor<2x3x6xf32>, %l: tensor<2x2x3xf32>, %b: tensor<2x2x3x5xf32>):
  %y:4 = nn.attention_backward %d, %q, %k, %v, %o, %l bias %b heads 2 scale 0.5 bias_gradient : (tensor<2x3x6xf32>, tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x6xf32>, tensor<2x2x3xf32>, tensor<2x2x3x5xf32>) -> (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x2x3x5xf32>)
  nn.yield %y#0, %y#1, %y#2, %y#3 : tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x2x3x5xf32>
}

nn.kernel @cross_entropy {
^bb0(%z: tensor<6x21xf32>, %l: tensor<6xi32>):
  %y:2 = nn.cross_entropy %z, %l : (tensor<6x21xf32>, tensor<6xi32>) -> (tensor<6xf32>, tensor<6xf32>)
  nn.yield %y#0, %y#1 : tensor<6xf32>, tensor<6xf32>
}

nn.kernel @cross_entropy_smoothed {
^bb0(%z: tensor<6x21xf32>, %l: tensor<6xi32>, %s: tensor<f32>):
  %y:2 = nn.cross_entropy %z, %l smoothing %s : (tensor<6x21xf32>, tensor<6xi32>, tensor<f32>) -> (tensor<6xf32>, tensor<6xf32>)
  nn.yield %y#0, %y#1 : tensor<6xf32>, tensor<6xf32>
}

nn.kernel @cross_entropy_backward {
^bb0(%z: tensor<6x21xf32>, %l: tensor<6xi32>, %e: tensor<6xf32>, %d: tensor<6xf32>, %s: tensor<f32>):
  %y = nn.cross_entropy_backward %z, %l, %e, %d smoothing %s : (tensor<6x21xf32>, tensor<6xi32>, tensor<6xf32>, tensor<6xf32>, tensor<f32>) -> (tensor<6x21xf32>)
  nn.yield %y : tensor<6x21xf32>
}

nn.kernel @soft_cross_entropy {
^bb0(%z: tensor<6x3xf32>, %t: tensor<6x3xf32>):
  %y = nn.soft_cross_entropy %z, %t : (tensor<6x3xf32>, tensor<6x3xf32>) -> (tensor<6xf32>)
  nn.yield %y : tensor<6xf32>
}

nn.kernel @kl {
^bb0(%a: tensor<6x3xf32>, %b: tensor<6x3xf32>):
  %y:3 = nn.kl %a, %b : (tensor<6x3xf32>, tensor<6x3xf32>) -> (tensor<6xf32>, tensor<6xf32>, tensor<6xf32>)
  nn.yield %y#0, %y#1, %y#2 : tensor<6xf32>, tensor<6xf32>, tensor<6xf32>
}

nn.kernel @kl_backward {
^bb0(%a: tensor<6x3xf32>, %b: tensor<6x3xf32>, %la: tensor<6xf32>, %lb: tensor<6xf32>, %d: tensor<6xf32>):
  %y = nn.kl_backward %a, %b, %la, %lb, %d : (tensor<6x3xf32>, tensor<6x3xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> (tensor<6x3xf32>)
  nn.yield %y : tensor<6x3xf32>
}

nn.kernel @adamw {
^bb0(%p: tensor<5x3xf32>, %g: tensor<5x3xf32>, %m: tensor<5x3xf32>, %v: tensor<5x3xf32>, %s0: tensor<f32>, %s1: tensor<f32>, %s2: tensor<f32>, %s3: tensor<f32>, %s4: tensor<f32>, %s5: tensor<f32>, %s6: tensor<f32>, %s7: tensor<f32>):
  %y:3 = nn.adamw %p, %g, %m, %v, %s0, %s1, %s2, %s3, %s4, %s5, %s6, %s7 : (tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>)
  nn.yield %y#0, %y#1, %y#2 : tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>
}

nn.kernel @sgd {
^bb0(%p: tensor<5x3xf32>, %g: tensor<5x3xf32>, %m: tensor<5x3xf32>, %s0: tensor<f32>, %s1: tensor<f32>, %s2: tensor<f32>, %s3: tensor<f32>):
  %y:2 = nn.sgd %p, %g, %m, %s0, %s1, %s2, %s3 : (tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<5x3xf32>, tensor<5x3xf32>)
  nn.yield %y#0, %y#1 : tensor<5x3xf32>, tensor<5x3xf32>
}

nn.kernel @sgdnesterov {
^bb0(%p: tensor<5x3xf32>, %g: tensor<5x3xf32>, %m: tensor<5x3xf32>, %s0: tensor<f32>, %s1: tensor<f32>, %s2: tensor<f32>, %s3: tensor<f32>):
  %y:2 = nn.sgd %p, %g, %m, %s0, %s1, %s2, %s3 nesterov : (tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<5x3xf32>, tensor<5x3xf32>)
  nn.yield %y#0, %y#1 : tensor<5x3xf32>, tensor<5x3xf32>
}

nn.kernel @dropout {
^bb0(%x: tensor<9x5x7xf32>, %r: tensor<f32>, %s: tensor<i64>, %t: tensor<i64>, %m: tensor<i64>):
  %y = nn.dropout %x, %r, %s, %t, %m rng_id 4000000000 : (tensor<9x5x7xf32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<9x5x7xf32>)
  nn.yield %y : tensor<9x5x7xf32>
}

nn.kernel @drop_path {
^bb0(%x: tensor<9x5x7xf32>, %r: tensor<f32>, %s: tensor<i64>, %t: tensor<i64>, %m: tensor<i64>):
  %y = nn.dropout %x, %r, %s, %t, %m rng_id 5 per_sample : (tensor<9x5x7xf32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<9x5x7xf32>)
  nn.yield %y : tensor<9x5x7xf32>
}

nn.kernel @uniform {
^bb0(%s: tensor<i64>):
  %y = nn.random_uniform %s rng_id 7 low -1.0 high 1.0 : (tensor<i64>) -> (tensor<9x37xf32>)
  nn.yield %y : tensor<9x37xf32>
}

nn.kernel @normal {
^bb0(%s: tensor<i64>):
  %y = nn.random_normal %s rng_id 7 mean 0.0 std 1.0 : (tensor<i64>) -> (tensor<9x37xf32>)
  nn.yield %y : tensor<9x37xf32>
}

nn.kernel @truncated {
^bb0(%s: tensor<i64>):
  %y = nn.random_normal %s rng_id 7 mean 0.0 std 1.0 truncated : (tensor<i64>) -> (tensor<9x37xf32>)
  nn.yield %y : tensor<9x37xf32>
}

nn.kernel @index {
^bb0(%s: tensor<i64>, %t: tensor<i64>):
  %y = nn.random_index %s, %t rng_id 7 n 12 : (tensor<i64>, tensor<i64>) -> (tensor<i32>)
  nn.yield %y : tensor<i32>
}

nn.kernel @conv {
^bb0(%x: tensor<2x4x5x4xf32>, %w: tensor<6x2x3x2xf32>):
  %y = nn.conv %x, %w strides [2, 1] pad_low [2, 0] pad_high [1, 1] dilations [1, 2] groups 2 : (tensor<2x4x5x4xf32>, tensor<6x2x3x2xf32>) -> (tensor<2x6x3x3xf32>)
  nn.yield %y : tensor<2x6x3x3xf32>
}

nn.kernel @conv_input {
^bb0(%d: tensor<2x6x3x3xf32>, %w: tensor<6x2x3x2xf32>):
  %y = nn.conv_backward_input %d, %w strides [2, 1] pad_low [2, 0] pad_high [1, 1] dilations [1, 2] groups 2 : (tensor<2x6x3x3xf32>, tensor<6x2x3x2xf32>) -> (tensor<2x4x5x4xf32>)
  nn.yield %y : tensor<2x4x5x4xf32>
}

nn.kernel @conv_weight {
^bb0(%x: tensor<2x4x5x4xf32>, %d: tensor<2x6x3x3xf32>):
  %y = nn.conv_backward_weight %x, %d strides [2, 1] pad_low [2, 0] pad_high [1, 1] dilations [1, 2] groups 2 : (tensor<2x4x5x4xf32>, tensor<2x6x3x3xf32>) -> (tensor<6x2x3x2xf32>)
  nn.yield %y : tensor<6x2x3x2xf32>
}

nn.kernel @max_pool {
^bb0(%x: tensor<2x2x5x5xf32>):
  %y:2 = nn.max_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] : (tensor<2x2x5x5xf32>) -> (tensor<2x2x3x3xf32>, tensor<2x2x3x3xi32>)
  nn.yield %y#0, %y#1 : tensor<2x2x3x3xf32>, tensor<2x2x3x3xi32>
}

nn.kernel @max_pool_backward {
^bb0(%d: tensor<2x2x3x3xf32>, %a: tensor<2x2x3x3xi32>):
  %y = nn.max_pool_backward %d, %a kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] : (tensor<2x2x3x3xf32>, tensor<2x2x3x3xi32>) -> (tensor<2x2x5x5xf32>)
  nn.yield %y : tensor<2x2x5x5xf32>
}

nn.kernel @avg_pool {
^bb0(%x: tensor<2x2x5x5xf32>):
  %y = nn.avg_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] : (tensor<2x2x5x5xf32>) -> (tensor<2x2x3x3xf32>)
  nn.yield %y : tensor<2x2x3x3xf32>
}
