// Attention on CUDA, forward and backward: odd lengths, several tiles, heads of 64 and 128 channels; on
// the stand-in driver with all checkers on, against the interpreter.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// RUN: %{driver} mome-check-kernels --cuda %s --tolerance=5e-6 | FileCheck %s
// RUN: %{driver} MOME_FAKECUDA=seed=1 mome-check-kernels --cuda %s --tolerance=5e-6 --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=2,perturb=1 mome-check-kernels --cuda %s --tolerance=5e-6 --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 mome-check-kernels --cuda %s --tolerance=5e-6 --only=odd

// CHECK: k_odd_1 cuda:attention {{.*}} ok
nn.kernel @k_odd_1 {
^bb0(%q: tensor<2x1x4xf32>, %k: tensor<2x1x4xf32>, %v: tensor<2x1x4xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.3 : (tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>) -> (tensor<2x1x4xf32>, tensor<2x1x1xf32>)
  nn.yield %o, %lse : tensor<2x1x4xf32>, tensor<2x1x1xf32>
}

// CHECK: k_odd_7_33 cuda:attention {{.*}} ok
nn.kernel @k_odd_7_33 {
^bb0(%q: tensor<1x7x12xf32>, %k: tensor<1x33x12xf32>, %v: tensor<1x33x6xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.3 : (tensor<1x7x12xf32>, tensor<1x33x12xf32>, tensor<1x33x6xf32>) -> (tensor<1x7x6xf32>, tensor<1x2x7xf32>)
  nn.yield %o, %lse : tensor<1x7x6xf32>, tensor<1x2x7xf32>
}

// CHECK: k_197 cuda:attention {{.*}} ok
nn.kernel @k_197 {
^bb0(%q: tensor<1x197x64xf32>, %k: tensor<1x197x64xf32>, %v: tensor<1x197x64xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.3 : (tensor<1x197x64xf32>, tensor<1x197x64xf32>, tensor<1x197x64xf32>) -> (tensor<1x197x64xf32>, tensor<1x1x197xf32>)
  nn.yield %o, %lse : tensor<1x197x64xf32>, tensor<1x1x197xf32>
}

// CHECK: k_wide cuda:attention {{.*}} ok
nn.kernel @k_wide {
^bb0(%q: tensor<1x33x128xf32>, %k: tensor<1x40x128xf32>, %v: tensor<1x40x72xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.3 : (tensor<1x33x128xf32>, tensor<1x40x128xf32>, tensor<1x40x72xf32>) -> (tensor<1x33x72xf32>, tensor<1x1x33xf32>)
  nn.yield %o, %lse : tensor<1x33x72xf32>, tensor<1x1x33xf32>
}

// CHECK: k_odd_1_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_1_backward {
^bb0(%do: tensor<2x1x4xf32>, %q: tensor<2x1x4xf32>, %k: tensor<2x1x4xf32>, %v: tensor<2x1x4xf32>, %o: tensor<2x1x4xf32>, %lse: tensor<2x1x1xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x1xf32>) -> (tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>)
  nn.yield %dq, %dk, %dv : tensor<2x1x4xf32>, tensor<2x1x4xf32>, tensor<2x1x4xf32>
}

// CHECK: k_odd_7_33_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_7_33_backward {
^bb0(%do: tensor<1x7x6xf32>, %q: tensor<1x7x12xf32>, %k: tensor<1x33x12xf32>, %v: tensor<1x33x6xf32>, %o: tensor<1x7x6xf32>, %lse: tensor<1x2x7xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.3 : (tensor<1x7x6xf32>, tensor<1x7x12xf32>, tensor<1x33x12xf32>, tensor<1x33x6xf32>, tensor<1x7x6xf32>, tensor<1x2x7xf32>) -> (tensor<1x7x12xf32>, tensor<1x33x12xf32>, tensor<1x33x6xf32>)
  nn.yield %dq, %dk, %dv : tensor<1x7x12xf32>, tensor<1x33x12xf32>, tensor<1x33x6xf32>
}

// CHECK: k_197_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_197_backward {
^bb0(%do: tensor<1x197x64xf32>, %q: tensor<1x197x64xf32>, %k: tensor<1x70x64xf32>, %v: tensor<1x70x64xf32>, %o: tensor<1x197x64xf32>, %lse: tensor<1x1x197xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<1x197x64xf32>, tensor<1x197x64xf32>, tensor<1x70x64xf32>, tensor<1x70x64xf32>, tensor<1x197x64xf32>, tensor<1x1x197xf32>) -> (tensor<1x197x64xf32>, tensor<1x70x64xf32>, tensor<1x70x64xf32>)
  nn.yield %dq, %dk, %dv : tensor<1x197x64xf32>, tensor<1x70x64xf32>, tensor<1x70x64xf32>
}

// CHECK: k_wide_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_wide_backward {
^bb0(%do: tensor<1x33x72xf32>, %q: tensor<1x33x128xf32>, %k: tensor<1x40x128xf32>, %v: tensor<1x40x72xf32>, %o: tensor<1x33x72xf32>, %lse: tensor<1x1x33xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<1x33x72xf32>, tensor<1x33x128xf32>, tensor<1x40x128xf32>, tensor<1x40x72xf32>, tensor<1x33x72xf32>, tensor<1x1x33xf32>) -> (tensor<1x33x128xf32>, tensor<1x40x128xf32>, tensor<1x40x72xf32>)
  nn.yield %dq, %dk, %dv : tensor<1x33x128xf32>, tensor<1x40x128xf32>, tensor<1x40x72xf32>
}

// A bias that learns: one for all samples, whose gradient is their sum, or one for each.
// CHECK: k_odd_bias_gradient cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_bias_gradient {
^bb0(%do: tensor<3x70x12xf32>, %q: tensor<3x70x20xf32>, %k: tensor<3x67x20xf32>, %v: tensor<3x67x12xf32>, %o: tensor<3x70x12xf32>, %lse: tensor<3x2x70xf32>, %m: tensor<2x70x67xf32>):
  %dq, %dk, %dv, %dm = nn.attention_backward %do, %q, %k, %v, %o, %lse bias %m heads 2 scale 0.35 bias_gradient : (tensor<3x70x12xf32>, tensor<3x70x20xf32>, tensor<3x67x20xf32>, tensor<3x67x12xf32>, tensor<3x70x12xf32>, tensor<3x2x70xf32>, tensor<2x70x67xf32>) -> (tensor<3x70x20xf32>, tensor<3x67x20xf32>, tensor<3x67x12xf32>, tensor<2x70x67xf32>)
  nn.yield %dq, %dk, %dv, %dm : tensor<3x70x20xf32>, tensor<3x67x20xf32>, tensor<3x67x12xf32>, tensor<2x70x67xf32>
}

// CHECK: k_odd_bias_gradient_sample cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_bias_gradient_sample {
^bb0(%do: tensor<2x13x12xf32>, %q: tensor<2x13x12xf32>, %k: tensor<2x66x12xf32>, %v: tensor<2x66x12xf32>, %o: tensor<2x13x12xf32>, %lse: tensor<2x2x13xf32>, %m: tensor<2x2x13x66xf32>):
  %dq, %dk, %dv, %dm = nn.attention_backward %do, %q, %k, %v, %o, %lse bias %m heads 2 scale 0.35 bias_gradient : (tensor<2x13x12xf32>, tensor<2x13x12xf32>, tensor<2x66x12xf32>, tensor<2x66x12xf32>, tensor<2x13x12xf32>, tensor<2x2x13xf32>, tensor<2x2x13x66xf32>) -> (tensor<2x13x12xf32>, tensor<2x66x12xf32>, tensor<2x66x12xf32>, tensor<2x2x13x66xf32>)
  nn.yield %dq, %dk, %dv, %dm : tensor<2x13x12xf32>, tensor<2x66x12xf32>, tensor<2x66x12xf32>, tensor<2x2x13x66xf32>
}

// CHECK: k_too_wide cuda:generic ({{.*}}attention: heads of more than 128 channels) {{.*}} ok
nn.kernel @k_too_wide {
^bb0(%q: tensor<1x3x132xf32>):
  %o, %lse = nn.attention %q, %q, %q heads 1 scale 0.1 : (tensor<1x3x132xf32>, tensor<1x3x132xf32>, tensor<1x3x132xf32>) -> (tensor<1x3x132xf32>, tensor<1x1x3xf32>)
  nn.yield %o, %lse : tensor<1x3x132xf32>, tensor<1x1x3xf32>
}
