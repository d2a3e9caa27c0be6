// Convolutions in tf32 on CUDA, forward, for x and for weights: by tiles on tensor cores; depthwise ones stay f32, and directly. On the
// stand-in driver with all checkers on, against the interpreter; inputs of ten bits of mantissa are multiplied exactly.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{check} = mome-check-kernels --cuda %s --tolerance=5e-6 --mantissa-bits=10
// RUN: %{driver} %{check} --ptx=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_80 sm_89 sm_90 sm_100
// RUN: %{driver} MOME_FAKECUDA=seed=1 %{check}
// RUN: %{driver} MOME_FAKECUDA=seed=2,perturb=1 %{check}
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 %{check}
// RUN: %{driver} mome-check-kernels --cuda %s --tolerance=1e-3

// PTX-LABEL: .entry k_patches_0(
// PTX: cp.async.cg.shared.global
// PTX: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
// PTX-LABEL: .entry k_depthwise_0(
// PTX-NOT: mma.sync
// PTX-LABEL: .entry k_depthwise_input_0(

// Patches over three frames.
// CHECK: k_patches cuda:conv {{.*}} ok
nn.kernel @k_patches {
^bb0(%a: tensor<1x3x4x16x32xf32>, %b: tensor<9x3x3x8x8xf32>):
  %y = nn.conv %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 {nn.precision = "tf32"} : (tensor<1x3x4x16x32xf32>, tensor<9x3x3x8x8xf32>) -> (tensor<1x9x2x2x4xf32>)
  nn.yield %y : tensor<1x9x2x2x4xf32>
}
// CHECK: k_patches_input cuda:conv {{.*}} ok
nn.kernel @k_patches_input {
^bb0(%a: tensor<1x9x2x2x4xf32>, %b: tensor<9x3x3x8x8xf32>):
  %y = nn.conv_backward_input %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 {nn.precision = "tf32"} : (tensor<1x9x2x2x4xf32>, tensor<9x3x3x8x8xf32>) -> (tensor<1x3x4x16x32xf32>)
  nn.yield %y : tensor<1x3x4x16x32xf32>
}
// CHECK: k_patches_weight cuda:conv {{.*}} ok
nn.kernel @k_patches_weight {
^bb0(%a: tensor<1x3x4x16x32xf32>, %b: tensor<1x9x2x2x4xf32>):
  %y = nn.conv_backward_weight %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 {nn.precision = "tf32"} : (tensor<1x3x4x16x32xf32>, tensor<1x9x2x2x4xf32>) -> (tensor<9x3x3x8x8xf32>)
  nn.yield %y : tensor<9x3x3x8x8xf32>
}
// One tap: plain matrix products.
// CHECK: k_pointwise cuda:conv {{.*}} ok
nn.kernel @k_pointwise {
^bb0(%a: tensor<2x40x2x4x6xf32>, %b: tensor<24x40x1x1x1xf32>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 {nn.precision = "tf32"} : (tensor<2x40x2x4x6xf32>, tensor<24x40x1x1x1xf32>) -> (tensor<2x24x2x4x6xf32>)
  nn.yield %y : tensor<2x24x2x4x6xf32>
}
// CHECK: k_pointwise_input cuda:conv {{.*}} ok
nn.kernel @k_pointwise_input {
^bb0(%a: tensor<2x24x2x4x6xf32>, %b: tensor<24x40x1x1x1xf32>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 {nn.precision = "tf32"} : (tensor<2x24x2x4x6xf32>, tensor<24x40x1x1x1xf32>) -> (tensor<2x40x2x4x6xf32>)
  nn.yield %y : tensor<2x40x2x4x6xf32>
}
// CHECK: k_pointwise_weight cuda:conv {{.*}} ok
nn.kernel @k_pointwise_weight {
^bb0(%a: tensor<2x40x2x4x6xf32>, %b: tensor<2x24x2x4x6xf32>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 {nn.precision = "tf32"} : (tensor<2x40x2x4x6xf32>, tensor<2x24x2x4x6xf32>) -> (tensor<24x40x1x1x1xf32>)
  nn.yield %y : tensor<24x40x1x1x1xf32>
}
// Depthwise over space and time.
// CHECK: k_depthwise cuda:conv {{.*}} ok
nn.kernel @k_depthwise {
^bb0(%a: tensor<1x6x4x5x7xf32>, %b: tensor<6x1x3x3x3xf32>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 {nn.precision = "tf32"} : (tensor<1x6x4x5x7xf32>, tensor<6x1x3x3x3xf32>) -> (tensor<1x6x4x5x7xf32>)
  nn.yield %y : tensor<1x6x4x5x7xf32>
}
// CHECK: k_depthwise_input cuda:conv {{.*}} ok
nn.kernel @k_depthwise_input {
^bb0(%a: tensor<1x6x4x5x7xf32>, %b: tensor<6x1x3x3x3xf32>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 {nn.precision = "tf32"} : (tensor<1x6x4x5x7xf32>, tensor<6x1x3x3x3xf32>) -> (tensor<1x6x4x5x7xf32>)
  nn.yield %y : tensor<1x6x4x5x7xf32>
}
// CHECK: k_depthwise_weight cuda:conv {{.*}} ok
nn.kernel @k_depthwise_weight {
^bb0(%a: tensor<1x6x4x5x7xf32>, %b: tensor<1x6x4x5x7xf32>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 {nn.precision = "tf32"} : (tensor<1x6x4x5x7xf32>, tensor<1x6x4x5x7xf32>) -> (tensor<6x1x3x3x3xf32>)
  nn.yield %y : tensor<6x1x3x3x3xf32>
}
// CHECK: k_temporal cuda:conv {{.*}} ok
nn.kernel @k_temporal {
^bb0(%a: tensor<2x16x4x3x4xf32>, %b: tensor<16x1x3x1x1xf32>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 {nn.precision = "tf32"} : (tensor<2x16x4x3x4xf32>, tensor<16x1x3x1x1xf32>) -> (tensor<2x16x4x3x4xf32>)
  nn.yield %y : tensor<2x16x4x3x4xf32>
}
// CHECK: k_temporal_input cuda:conv {{.*}} ok
nn.kernel @k_temporal_input {
^bb0(%a: tensor<2x16x4x3x4xf32>, %b: tensor<16x1x3x1x1xf32>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 {nn.precision = "tf32"} : (tensor<2x16x4x3x4xf32>, tensor<16x1x3x1x1xf32>) -> (tensor<2x16x4x3x4xf32>)
  nn.yield %y : tensor<2x16x4x3x4xf32>
}
// CHECK: k_temporal_weight cuda:conv {{.*}} ok
nn.kernel @k_temporal_weight {
^bb0(%a: tensor<2x16x4x3x4xf32>, %b: tensor<2x16x4x3x4xf32>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 {nn.precision = "tf32"} : (tensor<2x16x4x3x4xf32>, tensor<2x16x4x3x4xf32>) -> (tensor<16x1x3x1x1xf32>)
  nn.yield %y : tensor<16x1x3x1x1xf32>
}
// CHECK: k_grouped cuda:conv {{.*}} ok
nn.kernel @k_grouped {
^bb0(%a: tensor<2x16x9x11xf32>, %b: tensor<24x8x3x5xf32>):
  %y = nn.conv %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 {nn.precision = "tf32"} : (tensor<2x16x9x11xf32>, tensor<24x8x3x5xf32>) -> (tensor<2x24x3x8xf32>)
  nn.yield %y : tensor<2x24x3x8xf32>
}
// CHECK: k_grouped_input cuda:conv {{.*}} ok
nn.kernel @k_grouped_input {
^bb0(%a: tensor<2x24x3x8xf32>, %b: tensor<24x8x3x5xf32>):
  %y = nn.conv_backward_input %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 {nn.precision = "tf32"} : (tensor<2x24x3x8xf32>, tensor<24x8x3x5xf32>) -> (tensor<2x16x9x11xf32>)
  nn.yield %y : tensor<2x16x9x11xf32>
}
// CHECK: k_grouped_weight cuda:conv {{.*}} ok
nn.kernel @k_grouped_weight {
^bb0(%a: tensor<2x16x9x11xf32>, %b: tensor<2x24x3x8xf32>):
  %y = nn.conv_backward_weight %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 {nn.precision = "tf32"} : (tensor<2x16x9x11xf32>, tensor<2x24x3x8xf32>) -> (tensor<24x8x3x5xf32>)
  nn.yield %y : tensor<24x8x3x5xf32>
}
// CHECK: k_stride cuda:conv {{.*}} ok
nn.kernel @k_stride {
^bb0(%a: tensor<2x8x10x7xf32>, %b: tensor<16x8x3x2xf32>):
  %y = nn.conv %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 {nn.precision = "tf32"} : (tensor<2x8x10x7xf32>, tensor<16x8x3x2xf32>) -> (tensor<2x16x5x3xf32>)
  nn.yield %y : tensor<2x16x5x3xf32>
}
// CHECK: k_stride_input cuda:conv {{.*}} ok
nn.kernel @k_stride_input {
^bb0(%a: tensor<2x16x5x3xf32>, %b: tensor<16x8x3x2xf32>):
  %y = nn.conv_backward_input %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 {nn.precision = "tf32"} : (tensor<2x16x5x3xf32>, tensor<16x8x3x2xf32>) -> (tensor<2x8x10x7xf32>)
  nn.yield %y : tensor<2x8x10x7xf32>
}
// CHECK: k_stride_weight cuda:conv {{.*}} ok
nn.kernel @k_stride_weight {
^bb0(%a: tensor<2x8x10x7xf32>, %b: tensor<2x16x5x3xf32>):
  %y = nn.conv_backward_weight %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 {nn.precision = "tf32"} : (tensor<2x8x10x7xf32>, tensor<2x16x5x3xf32>) -> (tensor<16x8x3x2xf32>)
  nn.yield %y : tensor<16x8x3x2xf32>
}
// CHECK: k_long cuda:conv {{.*}} ok
nn.kernel @k_long {
^bb0(%a: tensor<1x10x16x40xf32>, %b: tensor<12x10x3x3xf32>):
  %y = nn.conv %a, %b strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 {nn.precision = "tf32"} : (tensor<1x10x16x40xf32>, tensor<12x10x3x3xf32>) -> (tensor<1x12x16x40xf32>)
  nn.yield %y : tensor<1x12x16x40xf32>
}
// CHECK: k_long_input cuda:conv {{.*}} ok
nn.kernel @k_long_input {
^bb0(%a: tensor<1x12x16x40xf32>, %b: tensor<12x10x3x3xf32>):
  %y = nn.conv_backward_input %a, %b strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 {nn.precision = "tf32"} : (tensor<1x12x16x40xf32>, tensor<12x10x3x3xf32>) -> (tensor<1x10x16x40xf32>)
  nn.yield %y : tensor<1x10x16x40xf32>
}
// CHECK: k_long_weight cuda:conv {{.*}} ok
nn.kernel @k_long_weight {
^bb0(%a: tensor<1x10x16x40xf32>, %b: tensor<1x12x16x40xf32>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 {nn.precision = "tf32"} : (tensor<1x10x16x40xf32>, tensor<1x12x16x40xf32>) -> (tensor<12x10x3x3xf32>)
  nn.yield %y : tensor<12x10x3x3xf32>
}
