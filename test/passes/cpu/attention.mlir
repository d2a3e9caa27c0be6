// Attention, forward and backward, against the interpreter.
// RUN: mome-check-kernels %s --tolerance=5e-6 | FileCheck %s

// CHECK: k_plain attention chunks={{[0-9]+}} {{.*}} ok
nn.kernel @k_plain {
^bb0(%q: tensor<2x13x16xf32>, %k: tensor<2x13x16xf32>, %v: tensor<2x13x16xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>) -> (tensor<2x13x16xf32>, tensor<2x2x13xf32>)
  nn.yield %o, %lse : tensor<2x13x16xf32>, tensor<2x2x13xf32>
}
// Rows are split into chunks.
// CHECK: k_long attention chunks={{[0-9]+}} {{.*}} ok
nn.kernel @k_long {
^bb0(%q: tensor<1x203x8xf32>, %k: tensor<1x75x8xf32>, %v: tensor<1x75x24xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.35 : (tensor<1x203x8xf32>, tensor<1x75x8xf32>, tensor<1x75x24xf32>) -> (tensor<1x203x24xf32>, tensor<1x1x203xf32>)
  nn.yield %o, %lse : tensor<1x203x24xf32>, tensor<1x1x203xf32>
}
// CHECK: k_cross attention chunks={{[0-9]+}} {{.*}} ok
nn.kernel @k_cross {
^bb0(%q: tensor<2x1x12xf32>, %k: tensor<2x5x12xf32>, %v: tensor<2x5x6xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 3 scale 0.35 : (tensor<2x1x12xf32>, tensor<2x5x12xf32>, tensor<2x5x6xf32>) -> (tensor<2x1x6xf32>, tensor<2x3x1xf32>)
  nn.yield %o : tensor<2x1x6xf32>
}
// CHECK: k_bias attention chunks={{[0-9]+}} {{.*}} ok
nn.kernel @k_bias {
^bb0(%q: tensor<2x7x8xf32>, %k: tensor<2x9x8xf32>, %v: tensor<2x9x8xf32>, %m: tensor<2x7x9xf32>):
  %o, %lse = nn.attention %q, %k, %v bias %m heads 2 scale 0.35 : (tensor<2x7x8xf32>, tensor<2x9x8xf32>, tensor<2x9x8xf32>, tensor<2x7x9xf32>) -> (tensor<2x7x8xf32>, tensor<2x2x7xf32>)
  nn.yield %o, %lse : tensor<2x7x8xf32>, tensor<2x2x7xf32>
}
// CHECK: k_bias_batch attention chunks={{[0-9]+}} {{.*}} ok
nn.kernel @k_bias_batch {
^bb0(%q: tensor<2x7x8xf32>, %k: tensor<2x9x8xf32>, %v: tensor<2x9x8xf32>, %m: tensor<2x2x7x9xf32>):
  %o, %lse = nn.attention %q, %k, %v bias %m heads 2 scale 0.35 : (tensor<2x7x8xf32>, tensor<2x9x8xf32>, tensor<2x9x8xf32>, tensor<2x2x7x9xf32>) -> (tensor<2x7x8xf32>, tensor<2x2x7xf32>)
  nn.yield %o, %lse : tensor<2x7x8xf32>, tensor<2x2x7xf32>
}
// CHECK: k_backward attention_backward chunks=4 {{.*}} ok
nn.kernel @k_backward {
^bb0(%do: tensor<2x13x16xf32>, %q: tensor<2x13x16xf32>, %k: tensor<2x13x16xf32>, %v: tensor<2x13x16xf32>, %o: tensor<2x13x16xf32>, %lse: tensor<2x2x13xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x2x13xf32>) -> (tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>)
  nn.yield %dq, %dk, %dv : tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>
}
// Several ranges of rows.
// CHECK: k_backward_long attention_backward chunks=1 {{.*}} ok
nn.kernel @k_backward_long {
^bb0(%do: tensor<1x110x24xf32>, %q: tensor<1x110x8xf32>, %k: tensor<1x75x8xf32>, %v: tensor<1x75x24xf32>, %o: tensor<1x110x24xf32>, %lse: tensor<1x1x110xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.35 : (tensor<1x110x24xf32>, tensor<1x110x8xf32>, tensor<1x75x8xf32>, tensor<1x75x24xf32>, tensor<1x110x24xf32>, tensor<1x1x110xf32>) -> (tensor<1x110x8xf32>, tensor<1x75x8xf32>, tensor<1x75x24xf32>)
  nn.yield %dq, %dk, %dv : tensor<1x110x8xf32>, tensor<1x75x8xf32>, tensor<1x75x24xf32>
}
// Several blocks of keys, the last one incomplete; all results, and that of the queries alone.
// CHECK: k_backward_keys attention_backward chunks=2 {{.*}} ok
nn.kernel @k_backward_keys {
^bb0(%do: tensor<1x110x24xf32>, %q: tensor<1x110x16xf32>, %k: tensor<1x517x16xf32>, %v: tensor<1x517x24xf32>, %o: tensor<1x110x24xf32>, %lse: tensor<1x2x110xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<1x110x24xf32>, tensor<1x110x16xf32>, tensor<1x517x16xf32>, tensor<1x517x24xf32>, tensor<1x110x24xf32>, tensor<1x2x110xf32>) -> (tensor<1x110x16xf32>, tensor<1x517x16xf32>, tensor<1x517x24xf32>)
  nn.yield %dq, %dk, %dv : tensor<1x110x16xf32>, tensor<1x517x16xf32>, tensor<1x517x24xf32>
}
// CHECK: k_backward_queries attention_backward chunks=1 {{.*}} ok
nn.kernel @k_backward_queries {
^bb0(%do: tensor<1x7x8xf32>, %q: tensor<1x7x8xf32>, %k: tensor<1x289x8xf32>, %v: tensor<1x289x8xf32>, %o: tensor<1x7x8xf32>, %lse: tensor<1x1x7xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.35 : (tensor<1x7x8xf32>, tensor<1x7x8xf32>, tensor<1x289x8xf32>, tensor<1x289x8xf32>, tensor<1x7x8xf32>, tensor<1x1x7xf32>) -> (tensor<1x7x8xf32>, tensor<1x289x8xf32>, tensor<1x289x8xf32>)
  nn.yield %dq : tensor<1x7x8xf32>
}
// CHECK: k_backward_cross attention_backward chunks=6 {{.*}} ok
nn.kernel @k_backward_cross {
^bb0(%do: tensor<2x1x6xf32>, %q: tensor<2x1x12xf32>, %k: tensor<2x5x12xf32>, %v: tensor<2x5x6xf32>, %o: tensor<2x1x6xf32>, %lse: tensor<2x3x1xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 3 scale 0.35 : (tensor<2x1x6xf32>, tensor<2x1x12xf32>, tensor<2x5x12xf32>, tensor<2x5x6xf32>, tensor<2x1x6xf32>, tensor<2x3x1xf32>) -> (tensor<2x1x12xf32>, tensor<2x5x12xf32>, tensor<2x5x6xf32>)
  nn.yield %dq, %dk, %dv : tensor<2x1x12xf32>, tensor<2x5x12xf32>, tensor<2x5x6xf32>
}
// CHECK: k_backward_bias attention_backward chunks=4 {{.*}} ok
nn.kernel @k_backward_bias {
^bb0(%do: tensor<2x7x8xf32>, %q: tensor<2x7x8xf32>, %k: tensor<2x9x8xf32>, %v: tensor<2x9x8xf32>, %o: tensor<2x7x8xf32>, %lse: tensor<2x2x7xf32>, %m: tensor<2x7x9xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse bias %m heads 2 scale 0.35 : (tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x9x8xf32>, tensor<2x9x8xf32>, tensor<2x7x8xf32>, tensor<2x2x7xf32>, tensor<2x7x9xf32>) -> (tensor<2x7x8xf32>, tensor<2x9x8xf32>, tensor<2x9x8xf32>)
  nn.yield %dq, %dk, %dv : tensor<2x7x8xf32>, tensor<2x9x8xf32>, tensor<2x9x8xf32>
}

// CHECK: k_epilogue reference: {{.*}}attention: a result that is not the root's
nn.kernel @k_epilogue {
^bb0(%q: tensor<1x2x4xf32>):
  %o, %lse = nn.attention %q, %q, %q heads 1 scale 0.5 : (tensor<1x2x4xf32>, tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> (tensor<1x2x4xf32>, tensor<1x1x2xf32>)
  %0 = nn.neg %o : tensor<1x2x4xf32>
  nn.yield %0 : tensor<1x2x4xf32>
}
