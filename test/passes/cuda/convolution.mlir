// Convolutions on CUDA, forward, for x and for weights, f32 and bf16: by tiles (tensor cores for bf16), depthwise ones directly; on the
// stand-in driver with all checkers on, against the interpreter.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// RUN: %{driver} mome-check-kernels --cuda %s --tolerance=5e-6 --ptx=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_80
// RUN: %{driver} MOME_FAKECUDA=seed=1 mome-check-kernels --cuda %s --tolerance=5e-6
// RUN: %{driver} MOME_FAKECUDA=seed=2,perturb=1 mome-check-kernels --cuda %s --tolerance=5e-6
// RUN: %{driver} MOME_FAKECUDA=seed=3,perturb=1 mome-check-kernels --cuda %s --tolerance=5e-6

// Neighbouring taps, or places, move 16 bytes at a time.
// PTX-LABEL: .entry k_patches_bf16_0(
// PTX: cp.async.cg.shared.global
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-LABEL: .entry k_pointwise_bf16_0(
// PTX: cp.async.cg.shared.global
// PTX: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16

// Patches over three frames.
// CHECK: k_patches_bf16 cuda:conv {{.*}} ok
nn.kernel @k_patches_bf16 {
^bb0(%a: tensor<1x3x4x16x32xbf16>, %b: tensor<9x3x3x8x8xbf16>):
  %y = nn.conv %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x3x4x16x32xbf16>, tensor<9x3x3x8x8xbf16>) -> (tensor<1x9x2x2x4xf32>)
  nn.yield %y : tensor<1x9x2x2x4xf32>
}
// CHECK: k_patches_bf16_input cuda:conv {{.*}} ok
nn.kernel @k_patches_bf16_input {
^bb0(%a: tensor<1x9x2x2x4xbf16>, %b: tensor<9x3x3x8x8xbf16>):
  %y = nn.conv_backward_input %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x9x2x2x4xbf16>, tensor<9x3x3x8x8xbf16>) -> (tensor<1x3x4x16x32xf32>)
  nn.yield %y : tensor<1x3x4x16x32xf32>
}
// CHECK: k_patches_bf16_weight cuda:conv {{.*}} ok
nn.kernel @k_patches_bf16_weight {
^bb0(%a: tensor<1x3x4x16x32xbf16>, %b: tensor<1x9x2x2x4xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x3x4x16x32xbf16>, tensor<1x9x2x2x4xbf16>) -> (tensor<9x3x3x8x8xf32>)
  nn.yield %y : tensor<9x3x3x8x8xf32>
}

// One tap: plain matrix products.
// CHECK: k_pointwise_bf16 cuda:conv {{.*}} ok
nn.kernel @k_pointwise_bf16 {
^bb0(%a: tensor<2x40x2x4x6xbf16>, %b: tensor<24x40x1x1x1xbf16>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<2x40x2x4x6xbf16>, tensor<24x40x1x1x1xbf16>) -> (tensor<2x24x2x4x6xf32>)
  nn.yield %y : tensor<2x24x2x4x6xf32>
}
// CHECK: k_pointwise_bf16_input cuda:conv {{.*}} ok
nn.kernel @k_pointwise_bf16_input {
^bb0(%a: tensor<2x24x2x4x6xbf16>, %b: tensor<24x40x1x1x1xbf16>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<2x24x2x4x6xbf16>, tensor<24x40x1x1x1xbf16>) -> (tensor<2x40x2x4x6xf32>)
  nn.yield %y : tensor<2x40x2x4x6xf32>
}
// CHECK: k_pointwise_bf16_weight cuda:conv {{.*}} ok
nn.kernel @k_pointwise_bf16_weight {
^bb0(%a: tensor<2x40x2x4x6xbf16>, %b: tensor<2x24x2x4x6xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<2x40x2x4x6xbf16>, tensor<2x24x2x4x6xbf16>) -> (tensor<24x40x1x1x1xf32>)
  nn.yield %y : tensor<24x40x1x1x1xf32>
}

// Depthwise over space and time.
// CHECK: k_depthwise_bf16 cuda:conv {{.*}} ok
nn.kernel @k_depthwise_bf16 {
^bb0(%a: tensor<1x6x4x5x7xbf16>, %b: tensor<6x1x3x3x3xbf16>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 : (tensor<1x6x4x5x7xbf16>, tensor<6x1x3x3x3xbf16>) -> (tensor<1x6x4x5x7xf32>)
  nn.yield %y : tensor<1x6x4x5x7xf32>
}
// CHECK: k_depthwise_bf16_input cuda:conv {{.*}} ok
nn.kernel @k_depthwise_bf16_input {
^bb0(%a: tensor<1x6x4x5x7xbf16>, %b: tensor<6x1x3x3x3xbf16>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 : (tensor<1x6x4x5x7xbf16>, tensor<6x1x3x3x3xbf16>) -> (tensor<1x6x4x5x7xf32>)
  nn.yield %y : tensor<1x6x4x5x7xf32>
}
// CHECK: k_depthwise_bf16_weight cuda:conv {{.*}} ok
nn.kernel @k_depthwise_bf16_weight {
^bb0(%a: tensor<1x6x4x5x7xbf16>, %b: tensor<1x6x4x5x7xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 : (tensor<1x6x4x5x7xbf16>, tensor<1x6x4x5x7xbf16>) -> (tensor<6x1x3x3x3xf32>)
  nn.yield %y : tensor<6x1x3x3x3xf32>
}

// Depthwise over time: the axes of space are one.
// CHECK: k_temporal_bf16 cuda:conv {{.*}} ok
nn.kernel @k_temporal_bf16 {
^bb0(%a: tensor<2x16x4x3x4xbf16>, %b: tensor<16x1x3x1x1xbf16>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 : (tensor<2x16x4x3x4xbf16>, tensor<16x1x3x1x1xbf16>) -> (tensor<2x16x4x3x4xf32>)
  nn.yield %y : tensor<2x16x4x3x4xf32>
}
// CHECK: k_temporal_bf16_input cuda:conv {{.*}} ok
nn.kernel @k_temporal_bf16_input {
^bb0(%a: tensor<2x16x4x3x4xbf16>, %b: tensor<16x1x3x1x1xbf16>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 : (tensor<2x16x4x3x4xbf16>, tensor<16x1x3x1x1xbf16>) -> (tensor<2x16x4x3x4xf32>)
  nn.yield %y : tensor<2x16x4x3x4xf32>
}
// CHECK: k_temporal_bf16_weight cuda:conv {{.*}} ok
nn.kernel @k_temporal_bf16_weight {
^bb0(%a: tensor<2x16x4x3x4xbf16>, %b: tensor<2x16x4x3x4xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 : (tensor<2x16x4x3x4xbf16>, tensor<2x16x4x3x4xbf16>) -> (tensor<16x1x3x1x1xf32>)
  nn.yield %y : tensor<16x1x3x1x1xf32>
}

// Groups, a stride and a dilation, one-sided padding.
// CHECK: k_grouped_bf16 cuda:conv {{.*}} ok
nn.kernel @k_grouped_bf16 {
^bb0(%a: tensor<2x16x9x11xbf16>, %b: tensor<24x8x3x5xbf16>):
  %y = nn.conv %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 : (tensor<2x16x9x11xbf16>, tensor<24x8x3x5xbf16>) -> (tensor<2x24x3x8xf32>)
  nn.yield %y : tensor<2x24x3x8xf32>
}
// CHECK: k_grouped_bf16_input cuda:conv {{.*}} ok
nn.kernel @k_grouped_bf16_input {
^bb0(%a: tensor<2x24x3x8xbf16>, %b: tensor<24x8x3x5xbf16>):
  %y = nn.conv_backward_input %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 : (tensor<2x24x3x8xbf16>, tensor<24x8x3x5xbf16>) -> (tensor<2x16x9x11xf32>)
  nn.yield %y : tensor<2x16x9x11xf32>
}
// CHECK: k_grouped_bf16_weight cuda:conv {{.*}} ok
nn.kernel @k_grouped_bf16_weight {
^bb0(%a: tensor<2x16x9x11xbf16>, %b: tensor<2x24x3x8xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 : (tensor<2x16x9x11xbf16>, tensor<2x24x3x8xbf16>) -> (tensor<24x8x3x5xf32>)
  nn.yield %y : tensor<24x8x3x5xf32>
}

// Strides that are no multiple of the taps: phases of different lengths.
// CHECK: k_stride_bf16 cuda:conv {{.*}} ok
nn.kernel @k_stride_bf16 {
^bb0(%a: tensor<2x8x10x7xbf16>, %b: tensor<16x8x3x2xbf16>):
  %y = nn.conv %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 : (tensor<2x8x10x7xbf16>, tensor<16x8x3x2xbf16>) -> (tensor<2x16x5x3xf32>)
  nn.yield %y : tensor<2x16x5x3xf32>
}
// CHECK: k_stride_bf16_input cuda:conv {{.*}} ok
nn.kernel @k_stride_bf16_input {
^bb0(%a: tensor<2x16x5x3xbf16>, %b: tensor<16x8x3x2xbf16>):
  %y = nn.conv_backward_input %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 : (tensor<2x16x5x3xbf16>, tensor<16x8x3x2xbf16>) -> (tensor<2x8x10x7xf32>)
  nn.yield %y : tensor<2x8x10x7xf32>
}
// CHECK: k_stride_bf16_weight cuda:conv {{.*}} ok
nn.kernel @k_stride_bf16_weight {
^bb0(%a: tensor<2x8x10x7xbf16>, %b: tensor<2x16x5x3xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 : (tensor<2x8x10x7xbf16>, tensor<2x16x5x3xbf16>) -> (tensor<16x8x3x2xf32>)
  nn.yield %y : tensor<16x8x3x2xf32>
}

// Patches over three frames.
// CHECK: k_patches_f32 cuda:conv {{.*}} ok
nn.kernel @k_patches_f32 {
^bb0(%a: tensor<1x3x4x16x32xf32>, %b: tensor<9x3x3x8x8xf32>):
  %y = nn.conv %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x3x4x16x32xf32>, tensor<9x3x3x8x8xf32>) -> (tensor<1x9x2x2x4xf32>)
  nn.yield %y : tensor<1x9x2x2x4xf32>
}
// CHECK: k_patches_f32_input cuda:conv {{.*}} ok
nn.kernel @k_patches_f32_input {
^bb0(%a: tensor<1x9x2x2x4xf32>, %b: tensor<9x3x3x8x8xf32>):
  %y = nn.conv_backward_input %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x9x2x2x4xf32>, tensor<9x3x3x8x8xf32>) -> (tensor<1x3x4x16x32xf32>)
  nn.yield %y : tensor<1x3x4x16x32xf32>
}
// CHECK: k_patches_f32_weight cuda:conv {{.*}} ok
nn.kernel @k_patches_f32_weight {
^bb0(%a: tensor<1x3x4x16x32xf32>, %b: tensor<1x9x2x2x4xf32>):
  %y = nn.conv_backward_weight %a, %b strides [2, 8, 8] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x3x4x16x32xf32>, tensor<1x9x2x2x4xf32>) -> (tensor<9x3x3x8x8xf32>)
  nn.yield %y : tensor<9x3x3x8x8xf32>
}

// One tap: plain matrix products.
// CHECK: k_pointwise_f32 cuda:conv {{.*}} ok
nn.kernel @k_pointwise_f32 {
^bb0(%a: tensor<2x40x2x4x6xf32>, %b: tensor<24x40x1x1x1xf32>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<2x40x2x4x6xf32>, tensor<24x40x1x1x1xf32>) -> (tensor<2x24x2x4x6xf32>)
  nn.yield %y : tensor<2x24x2x4x6xf32>
}
// CHECK: k_pointwise_f32_input cuda:conv {{.*}} ok
nn.kernel @k_pointwise_f32_input {
^bb0(%a: tensor<2x24x2x4x6xf32>, %b: tensor<24x40x1x1x1xf32>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<2x24x2x4x6xf32>, tensor<24x40x1x1x1xf32>) -> (tensor<2x40x2x4x6xf32>)
  nn.yield %y : tensor<2x40x2x4x6xf32>
}
// CHECK: k_pointwise_f32_weight cuda:conv {{.*}} ok
nn.kernel @k_pointwise_f32_weight {
^bb0(%a: tensor<2x40x2x4x6xf32>, %b: tensor<2x24x2x4x6xf32>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<2x40x2x4x6xf32>, tensor<2x24x2x4x6xf32>) -> (tensor<24x40x1x1x1xf32>)
  nn.yield %y : tensor<24x40x1x1x1xf32>
}

// Depthwise over space and time.
// CHECK: k_depthwise_f32 cuda:conv {{.*}} ok
nn.kernel @k_depthwise_f32 {
^bb0(%a: tensor<1x6x4x5x7xf32>, %b: tensor<6x1x3x3x3xf32>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 : (tensor<1x6x4x5x7xf32>, tensor<6x1x3x3x3xf32>) -> (tensor<1x6x4x5x7xf32>)
  nn.yield %y : tensor<1x6x4x5x7xf32>
}
// CHECK: k_depthwise_f32_input cuda:conv {{.*}} ok
nn.kernel @k_depthwise_f32_input {
^bb0(%a: tensor<1x6x4x5x7xf32>, %b: tensor<6x1x3x3x3xf32>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 : (tensor<1x6x4x5x7xf32>, tensor<6x1x3x3x3xf32>) -> (tensor<1x6x4x5x7xf32>)
  nn.yield %y : tensor<1x6x4x5x7xf32>
}
// CHECK: k_depthwise_f32_weight cuda:conv {{.*}} ok
nn.kernel @k_depthwise_f32_weight {
^bb0(%a: tensor<1x6x4x5x7xf32>, %b: tensor<1x6x4x5x7xf32>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 6 : (tensor<1x6x4x5x7xf32>, tensor<1x6x4x5x7xf32>) -> (tensor<6x1x3x3x3xf32>)
  nn.yield %y : tensor<6x1x3x3x3xf32>
}

// Depthwise over time: the axes of space are one.
// CHECK: k_temporal_f32 cuda:conv {{.*}} ok
nn.kernel @k_temporal_f32 {
^bb0(%a: tensor<2x16x4x3x4xf32>, %b: tensor<16x1x3x1x1xf32>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 : (tensor<2x16x4x3x4xf32>, tensor<16x1x3x1x1xf32>) -> (tensor<2x16x4x3x4xf32>)
  nn.yield %y : tensor<2x16x4x3x4xf32>
}
// CHECK: k_temporal_f32_input cuda:conv {{.*}} ok
nn.kernel @k_temporal_f32_input {
^bb0(%a: tensor<2x16x4x3x4xf32>, %b: tensor<16x1x3x1x1xf32>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 : (tensor<2x16x4x3x4xf32>, tensor<16x1x3x1x1xf32>) -> (tensor<2x16x4x3x4xf32>)
  nn.yield %y : tensor<2x16x4x3x4xf32>
}
// CHECK: k_temporal_f32_weight cuda:conv {{.*}} ok
nn.kernel @k_temporal_f32_weight {
^bb0(%a: tensor<2x16x4x3x4xf32>, %b: tensor<2x16x4x3x4xf32>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 16 : (tensor<2x16x4x3x4xf32>, tensor<2x16x4x3x4xf32>) -> (tensor<16x1x3x1x1xf32>)
  nn.yield %y : tensor<16x1x3x1x1xf32>
}

// Groups, a stride and a dilation, one-sided padding.
// CHECK: k_grouped_f32 cuda:conv {{.*}} ok
nn.kernel @k_grouped_f32 {
^bb0(%a: tensor<2x16x9x11xf32>, %b: tensor<24x8x3x5xf32>):
  %y = nn.conv %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 : (tensor<2x16x9x11xf32>, tensor<24x8x3x5xf32>) -> (tensor<2x24x3x8xf32>)
  nn.yield %y : tensor<2x24x3x8xf32>
}
// CHECK: k_grouped_f32_input cuda:conv {{.*}} ok
nn.kernel @k_grouped_f32_input {
^bb0(%a: tensor<2x24x3x8xf32>, %b: tensor<24x8x3x5xf32>):
  %y = nn.conv_backward_input %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 : (tensor<2x24x3x8xf32>, tensor<24x8x3x5xf32>) -> (tensor<2x16x9x11xf32>)
  nn.yield %y : tensor<2x16x9x11xf32>
}
// CHECK: k_grouped_f32_weight cuda:conv {{.*}} ok
nn.kernel @k_grouped_f32_weight {
^bb0(%a: tensor<2x16x9x11xf32>, %b: tensor<2x24x3x8xf32>):
  %y = nn.conv_backward_weight %a, %b strides [2, 1] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 2 : (tensor<2x16x9x11xf32>, tensor<2x24x3x8xf32>) -> (tensor<24x8x3x5xf32>)
  nn.yield %y : tensor<24x8x3x5xf32>
}

// Strides that are no multiple of the taps: phases of different lengths.
// CHECK: k_stride_f32 cuda:conv {{.*}} ok
nn.kernel @k_stride_f32 {
^bb0(%a: tensor<2x8x10x7xf32>, %b: tensor<16x8x3x2xf32>):
  %y = nn.conv %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 : (tensor<2x8x10x7xf32>, tensor<16x8x3x2xf32>) -> (tensor<2x16x5x3xf32>)
  nn.yield %y : tensor<2x16x5x3xf32>
}
// CHECK: k_stride_f32_input cuda:conv {{.*}} ok
nn.kernel @k_stride_f32_input {
^bb0(%a: tensor<2x16x5x3xf32>, %b: tensor<16x8x3x2xf32>):
  %y = nn.conv_backward_input %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 : (tensor<2x16x5x3xf32>, tensor<16x8x3x2xf32>) -> (tensor<2x8x10x7xf32>)
  nn.yield %y : tensor<2x8x10x7xf32>
}
// CHECK: k_stride_f32_weight cuda:conv {{.*}} ok
nn.kernel @k_stride_f32_weight {
^bb0(%a: tensor<2x8x10x7xf32>, %b: tensor<2x16x5x3xf32>):
  %y = nn.conv_backward_weight %a, %b strides [2, 3] pad_low [1, 0] pad_high [0, 1] dilations [1, 1] groups 1 : (tensor<2x8x10x7xf32>, tensor<2x16x5x3xf32>) -> (tensor<16x8x3x2xf32>)
  nn.yield %y : tensor<16x8x3x2xf32>
}

// A long sum for the weights: in parts.
// CHECK: k_long_bf16 cuda:conv {{.*}} ok
nn.kernel @k_long_bf16 {
^bb0(%a: tensor<1x10x16x40xbf16>, %b: tensor<12x10x3x3xbf16>):
  %y = nn.conv %a, %b strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x10x16x40xbf16>, tensor<12x10x3x3xbf16>) -> (tensor<1x12x16x40xf32>)
  nn.yield %y : tensor<1x12x16x40xf32>
}
// CHECK: k_long_bf16_input cuda:conv {{.*}} ok
nn.kernel @k_long_bf16_input {
^bb0(%a: tensor<1x12x16x40xbf16>, %b: tensor<12x10x3x3xbf16>):
  %y = nn.conv_backward_input %a, %b strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x12x16x40xbf16>, tensor<12x10x3x3xbf16>) -> (tensor<1x10x16x40xf32>)
  nn.yield %y : tensor<1x10x16x40xf32>
}
// CHECK: k_long_bf16_weight cuda:conv {{.*}} ok
nn.kernel @k_long_bf16_weight {
^bb0(%a: tensor<1x10x16x40xbf16>, %b: tensor<1x12x16x40xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x10x16x40xbf16>, tensor<1x12x16x40xbf16>) -> (tensor<12x10x3x3xf32>)
  nn.yield %y : tensor<12x10x3x3xf32>
}

// A bias, an activation, and the sum before it as a second result.
// CHECK: k_epilogue cuda:conv {{.*}} ok
nn.kernel @k_epilogue {
^bb0(%x: tensor<2x8x6x8xbf16>, %w: tensor<12x8x3x3xbf16>, %b: tensor<12xf32>):
  %y = nn.conv %x, %w strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<2x8x6x8xbf16>, tensor<12x8x3x3xbf16>) -> (tensor<2x12x6x8xf32>)
  %c = nn.broadcast %b dims [1] : tensor<12xf32> -> tensor<2x12x6x8xf32>
  %s = nn.add %y, %c : tensor<2x12x6x8xf32>
  %r = nn.relu %s : tensor<2x12x6x8xf32>
  nn.yield %r, %s : tensor<2x12x6x8xf32>, tensor<2x12x6x8xf32>
}

// Depthwise: longer than a thread's column of results, a plane of more places than threads, a dilation.
nn.kernel @k_depthwise_long {
^bb0(%a: tensor<2x3x11x16x19xbf16>, %b: tensor<3x1x2x3x3xbf16>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 1, 0] pad_high [1, 1, 2] dilations [2, 1, 1] groups 3 : (tensor<2x3x11x16x19xbf16>, tensor<3x1x2x3x3xbf16>) -> (tensor<2x3x11x16x19xf32>)
  nn.yield %y : tensor<2x3x11x16x19xf32>
}
nn.kernel @k_depthwise_long_input {
^bb0(%a: tensor<2x3x11x16x19xbf16>, %b: tensor<3x1x2x3x3xbf16>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 1, 0] pad_high [1, 1, 2] dilations [2, 1, 1] groups 3 : (tensor<2x3x11x16x19xbf16>, tensor<3x1x2x3x3xbf16>) -> (tensor<2x3x11x16x19xf32>)
  nn.yield %y : tensor<2x3x11x16x19xf32>
}
nn.kernel @k_depthwise_long_weight {
^bb0(%a: tensor<2x3x11x16x19xbf16>, %b: tensor<2x3x11x16x19xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 1, 0] pad_high [1, 1, 2] dilations [2, 1, 1] groups 3 : (tensor<2x3x11x16x19xbf16>, tensor<2x3x11x16x19xbf16>) -> (tensor<3x1x2x3x3xf32>)
  nn.yield %y : tensor<3x1x2x3x3xf32>
}

// Even rows: pairs of neighbours, volumes of several channels or samples, a first axis that columns do not divide.
// CHECK: k_depthwise_pairs_bf16 cuda:conv {{.*}} ok
nn.kernel @k_depthwise_pairs_bf16 {
^bb0(%a: tensor<3x6x9x6x10xbf16>, %b: tensor<6x1x3x3x3xbf16>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 1, 2] pad_high [1, 1, 2] dilations [1, 1, 2] groups 6 : (tensor<3x6x9x6x10xbf16>, tensor<6x1x3x3x3xbf16>) -> (tensor<3x6x9x6x10xf32>)
  nn.yield %y : tensor<3x6x9x6x10xf32>
}
// CHECK: k_depthwise_pairs_bf16_input cuda:conv {{.*}} ok
nn.kernel @k_depthwise_pairs_bf16_input {
^bb0(%a: tensor<3x6x9x6x10xbf16>, %b: tensor<6x1x3x3x3xbf16>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 1, 2] pad_high [1, 1, 2] dilations [1, 1, 2] groups 6 : (tensor<3x6x9x6x10xbf16>, tensor<6x1x3x3x3xbf16>) -> (tensor<3x6x9x6x10xf32>)
  nn.yield %y : tensor<3x6x9x6x10xf32>
}
// CHECK: k_depthwise_pairs_bf16_weight cuda:conv {{.*}} ok
nn.kernel @k_depthwise_pairs_bf16_weight {
^bb0(%a: tensor<3x6x9x6x10xbf16>, %b: tensor<3x6x9x6x10xbf16>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 1, 2] pad_high [1, 1, 2] dilations [1, 1, 2] groups 6 : (tensor<3x6x9x6x10xbf16>, tensor<3x6x9x6x10xbf16>) -> (tensor<6x1x3x3x3xf32>)
  nn.yield %y : tensor<6x1x3x3x3xf32>
}
// CHECK: k_depthwise_pairs_f32 cuda:conv {{.*}} ok
nn.kernel @k_depthwise_pairs_f32 {
^bb0(%a: tensor<3x6x9x6x10xf32>, %b: tensor<6x1x3x3x3xf32>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [1, 1, 2] pad_high [1, 1, 2] dilations [1, 1, 2] groups 6 : (tensor<3x6x9x6x10xf32>, tensor<6x1x3x3x3xf32>) -> (tensor<3x6x9x6x10xf32>)
  nn.yield %y : tensor<3x6x9x6x10xf32>
}
// CHECK: k_depthwise_pairs_f32_input cuda:conv {{.*}} ok
nn.kernel @k_depthwise_pairs_f32_input {
^bb0(%a: tensor<3x6x9x6x10xf32>, %b: tensor<6x1x3x3x3xf32>):
  %y = nn.conv_backward_input %a, %b strides [1, 1, 1] pad_low [1, 1, 2] pad_high [1, 1, 2] dilations [1, 1, 2] groups 6 : (tensor<3x6x9x6x10xf32>, tensor<6x1x3x3x3xf32>) -> (tensor<3x6x9x6x10xf32>)
  nn.yield %y : tensor<3x6x9x6x10xf32>
}
// CHECK: k_depthwise_pairs_f32_weight cuda:conv {{.*}} ok
nn.kernel @k_depthwise_pairs_f32_weight {
^bb0(%a: tensor<3x6x9x6x10xf32>, %b: tensor<3x6x9x6x10xf32>):
  %y = nn.conv_backward_weight %a, %b strides [1, 1, 1] pad_low [1, 1, 2] pad_high [1, 1, 2] dilations [1, 1, 2] groups 6 : (tensor<3x6x9x6x10xf32>, tensor<3x6x9x6x10xf32>) -> (tensor<6x1x3x3x3xf32>)
  nn.yield %y : tensor<6x1x3x3x3xf32>
}
// More pairs in a plane than a block has threads.
// CHECK: k_depthwise_wide cuda:conv {{.*}} ok
nn.kernel @k_depthwise_wide {
^bb0(%a: tensor<1x3x2x30x40xbf16>, %b: tensor<3x1x1x3x3xbf16>):
  %y = nn.conv %a, %b strides [1, 1, 1] pad_low [0, 1, 1] pad_high [0, 1, 1] dilations [1, 1, 1] groups 3 : (tensor<1x3x2x30x40xbf16>, tensor<3x1x1x3x3xbf16>) -> (tensor<1x3x2x30x40xf32>)
  nn.yield %y : tensor<1x3x2x30x40xf32>
}
