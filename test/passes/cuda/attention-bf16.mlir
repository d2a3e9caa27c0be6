// Attention of bf16 on CUDA, forward and backward, by tensor cores: odd lengths, several tiles, heads of up to 128 channels; on the
// stand-in driver with all checkers on, against the interpreter. Weights are rounded to bf16 where they multiply, and so are results:
// the bound is one unit in the last place of bf16, 2^-7.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{check} = mome-check-kernels --cuda %s --tolerance=7.8125e-3
// RUN: %{driver} %{check} --ptx=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_80 sm_89 sm_90 sm_100
// RUN: %python %S/Inputs/simulate.py %t.ptx k_197_0 %t.json bf16[12608]=random:1 bf16[12608]=random:2 bf16[12608]=random:3 bf16[12608] f32[197] f32[1]
// RUN: %python %S/Inputs/no_waste.py 13369344 %t.json --shared-only
// RUN: %{driver} MOME_FAKECUDA=seed=1 %{check} --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=2,perturb=1 %{check} --only=odd
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 %{check} --only=odd

// Scores, then weights, which come from registers, times values, which are transposed on the way.
// PTX-LABEL: .entry k_197_0(
// PTX: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX: cvt.rn.bf16x2.f32
// PTX: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32

// CHECK: k_odd_1 cuda:attention {{.*}} ok
nn.kernel @k_odd_1 {
^bb0(%q: tensor<2x1x4xbf16>, %k: tensor<2x1x4xbf16>, %v: tensor<2x1x4xbf16>):
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.3 : (tensor<2x1x4xbf16>, tensor<2x1x4xbf16>, tensor<2x1x4xbf16>) -> (tensor<2x1x4xbf16>, tensor<2x1x1xf32>)
  nn.yield %o, %lse : tensor<2x1x4xbf16>, tensor<2x1x1xf32>
}

// CHECK: k_odd_7_33 cuda:attention {{.*}} ok
nn.kernel @k_odd_7_33 {
^bb0(%q: tensor<1x7x12xbf16>, %k: tensor<1x33x12xbf16>, %v: tensor<1x33x6xbf16>):
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.3 : (tensor<1x7x12xbf16>, tensor<1x33x12xbf16>, tensor<1x33x6xbf16>) -> (tensor<1x7x6xbf16>, tensor<1x2x7xf32>)
  nn.yield %o, %lse : tensor<1x7x6xbf16>, tensor<1x2x7xf32>
}

// CHECK: k_197 cuda:attention {{.*}} ok
nn.kernel @k_197 {
^bb0(%q: tensor<1x197x64xbf16>, %k: tensor<1x197x64xbf16>, %v: tensor<1x197x64xbf16>):
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.3 : (tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>) -> (tensor<1x197x64xbf16>, tensor<1x1x197xf32>)
  nn.yield %o, %lse : tensor<1x197x64xbf16>, tensor<1x1x197xf32>
}

// CHECK: k_wide cuda:attention {{.*}} ok
nn.kernel @k_wide {
^bb0(%q: tensor<1x33x128xbf16>, %k: tensor<1x40x128xbf16>, %v: tensor<1x40x72xbf16>):
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.3 : (tensor<1x33x128xbf16>, tensor<1x40x128xbf16>, tensor<1x40x72xbf16>) -> (tensor<1x33x72xbf16>, tensor<1x1x33xf32>)
  nn.yield %o, %lse : tensor<1x33x72xbf16>, tensor<1x1x33xf32>
}

// CHECK: k_odd_1_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_1_backward {
^bb0(%do: tensor<2x1x4xbf16>, %q: tensor<2x1x4xbf16>, %k: tensor<2x1x4xbf16>, %v: tensor<2x1x4xbf16>, %o: tensor<2x1x4xbf16>, %lse: tensor<2x1x1xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<2x1x4xbf16>, tensor<2x1x4xbf16>, tensor<2x1x4xbf16>, tensor<2x1x4xbf16>, tensor<2x1x4xbf16>, tensor<2x1x1xf32>) -> (tensor<2x1x4xbf16>, tensor<2x1x4xbf16>, tensor<2x1x4xbf16>)
  nn.yield %dq, %dk, %dv : tensor<2x1x4xbf16>, tensor<2x1x4xbf16>, tensor<2x1x4xbf16>
}

// CHECK: k_odd_7_33_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_7_33_backward {
^bb0(%do: tensor<1x7x6xbf16>, %q: tensor<1x7x12xbf16>, %k: tensor<1x33x12xbf16>, %v: tensor<1x33x6xbf16>, %o: tensor<1x7x6xbf16>, %lse: tensor<1x2x7xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.3 : (tensor<1x7x6xbf16>, tensor<1x7x12xbf16>, tensor<1x33x12xbf16>, tensor<1x33x6xbf16>, tensor<1x7x6xbf16>, tensor<1x2x7xf32>) -> (tensor<1x7x12xbf16>, tensor<1x33x12xbf16>, tensor<1x33x6xbf16>)
  nn.yield %dq, %dk, %dv : tensor<1x7x12xbf16>, tensor<1x33x12xbf16>, tensor<1x33x6xbf16>
}

// CHECK: k_197_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_197_backward {
^bb0(%do: tensor<1x197x64xbf16>, %q: tensor<1x197x64xbf16>, %k: tensor<1x70x64xbf16>, %v: tensor<1x70x64xbf16>, %o: tensor<1x197x64xbf16>, %lse: tensor<1x1x197xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x70x64xbf16>, tensor<1x70x64xbf16>, tensor<1x197x64xbf16>, tensor<1x1x197xf32>) -> (tensor<1x197x64xbf16>, tensor<1x70x64xbf16>, tensor<1x70x64xbf16>)
  nn.yield %dq, %dk, %dv : tensor<1x197x64xbf16>, tensor<1x70x64xbf16>, tensor<1x70x64xbf16>
}

// CHECK: k_wide_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_wide_backward {
^bb0(%do: tensor<1x33x72xbf16>, %q: tensor<1x33x128xbf16>, %k: tensor<1x40x128xbf16>, %v: tensor<1x40x72xbf16>, %o: tensor<1x33x72xbf16>, %lse: tensor<1x1x33xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<1x33x72xbf16>, tensor<1x33x128xbf16>, tensor<1x40x128xbf16>, tensor<1x40x72xbf16>, tensor<1x33x72xbf16>, tensor<1x1x33xf32>) -> (tensor<1x33x128xbf16>, tensor<1x40x128xbf16>, tensor<1x40x72xbf16>)
  nn.yield %dq, %dk, %dv : tensor<1x33x128xbf16>, tensor<1x40x128xbf16>, tensor<1x40x72xbf16>
}

// CHECK: k_odd_bias cuda:attention {{.*}} ok
nn.kernel @k_odd_bias {
^bb0(%q: tensor<2x13x18xbf16>, %k: tensor<2x21x18xbf16>, %v: tensor<2x21x10xbf16>, %m: tensor<2x13x21xf32>):
  %o, %lse = nn.attention %q, %k, %v bias %m heads 2 scale 0.35 : (tensor<2x13x18xbf16>, tensor<2x21x18xbf16>, tensor<2x21x10xbf16>, tensor<2x13x21xf32>) -> (tensor<2x13x10xbf16>, tensor<2x2x13xf32>)
  nn.yield %o, %lse : tensor<2x13x10xbf16>, tensor<2x2x13xf32>
}

// CHECK: k_odd_bias_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_bias_backward {
^bb0(%do: tensor<2x13x10xbf16>, %q: tensor<2x13x18xbf16>, %k: tensor<2x21x18xbf16>, %v: tensor<2x21x10xbf16>, %o: tensor<2x13x10xbf16>, %lse: tensor<2x2x13xf32>, %m: tensor<2x13x21xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse bias %m heads 2 scale 0.35 : (tensor<2x13x10xbf16>, tensor<2x13x18xbf16>, tensor<2x21x18xbf16>, tensor<2x21x10xbf16>, tensor<2x13x10xbf16>, tensor<2x2x13xf32>, tensor<2x13x21xf32>) -> (tensor<2x13x18xbf16>, tensor<2x21x18xbf16>, tensor<2x21x10xbf16>)
  nn.yield %dq, %dk, %dv : tensor<2x13x18xbf16>, tensor<2x21x18xbf16>, tensor<2x21x10xbf16>
}

// CHECK: k_odd_bias_gradient cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_bias_gradient {
^bb0(%do: tensor<3x70x12xbf16>, %q: tensor<3x70x20xbf16>, %k: tensor<3x67x20xbf16>, %v: tensor<3x67x12xbf16>, %o: tensor<3x70x12xbf16>, %lse: tensor<3x2x70xf32>, %m: tensor<2x70x67xf32>):
  %dq, %dk, %dv, %dm = nn.attention_backward %do, %q, %k, %v, %o, %lse bias %m heads 2 scale 0.35 bias_gradient : (tensor<3x70x12xbf16>, tensor<3x70x20xbf16>, tensor<3x67x20xbf16>, tensor<3x67x12xbf16>, tensor<3x70x12xbf16>, tensor<3x2x70xf32>, tensor<2x70x67xf32>) -> (tensor<3x70x20xbf16>, tensor<3x67x20xbf16>, tensor<3x67x12xbf16>, tensor<2x70x67xf32>)
  nn.yield %dq, %dk, %dv, %dm : tensor<3x70x20xbf16>, tensor<3x67x20xbf16>, tensor<3x67x12xbf16>, tensor<2x70x67xf32>
}

// CHECK: k_odd_bias_gradient_sample cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_bias_gradient_sample {
^bb0(%do: tensor<2x13x10xbf16>, %q: tensor<2x13x18xbf16>, %k: tensor<2x66x18xbf16>, %v: tensor<2x66x10xbf16>, %o: tensor<2x13x10xbf16>, %lse: tensor<2x2x13xf32>, %m: tensor<2x2x13x66xf32>):
  %dq, %dk, %dv, %dm = nn.attention_backward %do, %q, %k, %v, %o, %lse bias %m heads 2 scale 0.35 bias_gradient : (tensor<2x13x10xbf16>, tensor<2x13x18xbf16>, tensor<2x66x18xbf16>, tensor<2x66x10xbf16>, tensor<2x13x10xbf16>, tensor<2x2x13xf32>, tensor<2x2x13x66xf32>) -> (tensor<2x13x18xbf16>, tensor<2x66x18xbf16>, tensor<2x66x10xbf16>, tensor<2x2x13x66xf32>)
  nn.yield %dq, %dk, %dv, %dm : tensor<2x13x18xbf16>, tensor<2x66x18xbf16>, tensor<2x66x10xbf16>, tensor<2x2x13x66xf32>
}

// Whole tiles of keys, and of queries.
// CHECK: k_whole cuda:attention {{.*}} ok
nn.kernel @k_whole {
^bb0(%q: tensor<1x64x64xbf16>, %k: tensor<1x128x64xbf16>, %v: tensor<1x128x64xbf16>):
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.3 : (tensor<1x64x64xbf16>, tensor<1x128x64xbf16>, tensor<1x128x64xbf16>) -> (tensor<1x64x64xbf16>, tensor<1x2x64xf32>)
  nn.yield %o, %lse : tensor<1x64x64xbf16>, tensor<1x2x64xf32>
}
// CHECK: k_whole_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_whole_backward {
^bb0(%do: tensor<1x64x64xbf16>, %q: tensor<1x64x64xbf16>, %k: tensor<1x128x64xbf16>, %v: tensor<1x128x64xbf16>, %o: tensor<1x64x64xbf16>, %lse: tensor<1x2x64xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.3 : (tensor<1x64x64xbf16>, tensor<1x64x64xbf16>, tensor<1x128x64xbf16>, tensor<1x128x64xbf16>, tensor<1x64x64xbf16>, tensor<1x2x64xf32>) -> (tensor<1x64x64xbf16>, tensor<1x128x64xbf16>, tensor<1x128x64xbf16>)
  nn.yield %dq, %dk, %dv : tensor<1x64x64xbf16>, tensor<1x128x64xbf16>, tensor<1x128x64xbf16>
}

// All keys of a head in a block of seven warps: one launch. And more than fit: three.
// CHECK: k_odd_head_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_head_backward {
^bb0(%do: tensor<1x70x64xbf16>, %q: tensor<1x70x64xbf16>, %k: tensor<1x197x64xbf16>, %v: tensor<1x197x64xbf16>, %o: tensor<1x70x64xbf16>, %lse: tensor<1x1x70xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<1x70x64xbf16>, tensor<1x70x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x70x64xbf16>, tensor<1x1x70xf32>) -> (tensor<1x70x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>)
  nn.yield %dq, %dk, %dv : tensor<1x70x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>
}
// CHECK: k_odd_long_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_long_backward {
^bb0(%do: tensor<1x35x24xbf16>, %q: tensor<1x35x24xbf16>, %k: tensor<1x230x24xbf16>, %v: tensor<1x230x24xbf16>, %o: tensor<1x35x24xbf16>, %lse: tensor<1x1x35xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<1x35x24xbf16>, tensor<1x35x24xbf16>, tensor<1x230x24xbf16>, tensor<1x230x24xbf16>, tensor<1x35x24xbf16>, tensor<1x1x35xf32>) -> (tensor<1x35x24xbf16>, tensor<1x230x24xbf16>, tensor<1x230x24xbf16>)
  nn.yield %dq, %dk, %dv : tensor<1x35x24xbf16>, tensor<1x230x24xbf16>, tensor<1x230x24xbf16>
}
// PTX: .entry k_odd_head_backward_0(
// PTX-NOT: .entry k_odd_head_backward_1(
// PTX: .entry k_odd_long_backward_2(
