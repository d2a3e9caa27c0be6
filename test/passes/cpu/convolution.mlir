// Convolutions and both their derivatives against the interpreter: every mixture of axes, strides, dilations, padding and groups.
// RUN: mome-check-kernels %s --tolerance=5e-6 | FileCheck %s

// One axis.
// CHECK: line conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @line {
^bb0(%x: tensor<2x3x37xf32>, %w: tensor<5x3x4xf32>):
  %y = nn.conv %x, %w strides [1] pad_low [1] pad_high [2] dilations [1] groups 1 : (tensor<2x3x37xf32>, tensor<5x3x4xf32>) -> (tensor<2x5x37xf32>)
  nn.yield %y : tensor<2x5x37xf32>
}
// CHECK: line_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @line_input {
^bb0(%d: tensor<2x5x37xf32>, %w: tensor<5x3x4xf32>):
  %y = nn.conv_backward_input %d, %w strides [1] pad_low [1] pad_high [2] dilations [1] groups 1 : (tensor<2x5x37xf32>, tensor<5x3x4xf32>) -> (tensor<2x3x37xf32>)
  nn.yield %y : tensor<2x3x37xf32>
}
// CHECK: line_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @line_weight {
^bb0(%x: tensor<2x3x37xf32>, %d: tensor<2x5x37xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1] pad_low [1] pad_high [2] dilations [1] groups 1 : (tensor<2x3x37xf32>, tensor<2x5x37xf32>) -> (tensor<5x3x4xf32>)
  nn.yield %y : tensor<5x3x4xf32>
}

// A stride of three: three phases, and a dilation.
// CHECK: line_stride conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @line_stride {
^bb0(%x: tensor<2x4x41xf32>, %w: tensor<6x2x5xf32>):
  %y = nn.conv %x, %w strides [3] pad_low [2] pad_high [1] dilations [2] groups 2 : (tensor<2x4x41xf32>, tensor<6x2x5xf32>) -> (tensor<2x6x12xf32>)
  nn.yield %y : tensor<2x6x12xf32>
}
// CHECK: line_stride_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @line_stride_input {
^bb0(%d: tensor<2x6x12xf32>, %w: tensor<6x2x5xf32>):
  %y = nn.conv_backward_input %d, %w strides [3] pad_low [2] pad_high [1] dilations [2] groups 2 : (tensor<2x6x12xf32>, tensor<6x2x5xf32>) -> (tensor<2x4x41xf32>)
  nn.yield %y : tensor<2x4x41xf32>
}
// CHECK: line_stride_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @line_stride_weight {
^bb0(%x: tensor<2x4x41xf32>, %d: tensor<2x6x12xf32>):
  %y = nn.conv_backward_weight %x, %d strides [3] pad_low [2] pad_high [1] dilations [2] groups 2 : (tensor<2x4x41xf32>, tensor<2x6x12xf32>) -> (tensor<6x2x5xf32>)
  nn.yield %y : tensor<6x2x5xf32>
}

// 3 x 3, more channels than a register tile.
// CHECK: plane conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @plane {
^bb0(%x: tensor<1x5x9x14xf32>, %w: tensor<7x5x3x3xf32>):
  %y = nn.conv %x, %w strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x5x9x14xf32>, tensor<7x5x3x3xf32>) -> (tensor<1x7x9x14xf32>)
  nn.yield %y : tensor<1x7x9x14xf32>
}
// CHECK: plane_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @plane_input {
^bb0(%d: tensor<1x7x9x14xf32>, %w: tensor<7x5x3x3xf32>):
  %y = nn.conv_backward_input %d, %w strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x7x9x14xf32>, tensor<7x5x3x3xf32>) -> (tensor<1x5x9x14xf32>)
  nn.yield %y : tensor<1x5x9x14xf32>
}
// CHECK: plane_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @plane_weight {
^bb0(%x: tensor<1x5x9x14xf32>, %d: tensor<1x7x9x14xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x5x9x14xf32>, tensor<1x7x9x14xf32>) -> (tensor<7x5x3x3xf32>)
  nn.yield %y : tensor<7x5x3x3xf32>
}

// Stride two.
// CHECK: plane_stride conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @plane_stride {
^bb0(%x: tensor<2x3x11x12xf32>, %w: tensor<8x3x3x3xf32>):
  %y = nn.conv %x, %w strides [2, 2] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<2x3x11x12xf32>, tensor<8x3x3x3xf32>) -> (tensor<2x8x6x6xf32>)
  nn.yield %y : tensor<2x8x6x6xf32>
}
// CHECK: plane_stride_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @plane_stride_input {
^bb0(%d: tensor<2x8x6x6xf32>, %w: tensor<8x3x3x3xf32>):
  %y = nn.conv_backward_input %d, %w strides [2, 2] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<2x8x6x6xf32>, tensor<8x3x3x3xf32>) -> (tensor<2x3x11x12xf32>)
  nn.yield %y : tensor<2x3x11x12xf32>
}
// CHECK: plane_stride_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @plane_stride_weight {
^bb0(%x: tensor<2x3x11x12xf32>, %d: tensor<2x8x6x6xf32>):
  %y = nn.conv_backward_weight %x, %d strides [2, 2] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<2x3x11x12xf32>, tensor<2x8x6x6xf32>) -> (tensor<8x3x3x3xf32>)
  nn.yield %y : tensor<8x3x3x3xf32>
}

// Several tiles of columns.
// CHECK: wide conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @wide {
^bb0(%x: tensor<1x2x3x67xf32>, %w: tensor<4x2x3x3xf32>):
  %y = nn.conv %x, %w strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x2x3x67xf32>, tensor<4x2x3x3xf32>) -> (tensor<1x4x3x67xf32>)
  nn.yield %y : tensor<1x4x3x67xf32>
}
// CHECK: wide_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @wide_input {
^bb0(%d: tensor<1x4x3x67xf32>, %w: tensor<4x2x3x3xf32>):
  %y = nn.conv_backward_input %d, %w strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x4x3x67xf32>, tensor<4x2x3x3xf32>) -> (tensor<1x2x3x67xf32>)
  nn.yield %y : tensor<1x2x3x67xf32>
}
// CHECK: wide_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @wide_weight {
^bb0(%x: tensor<1x2x3x67xf32>, %d: tensor<1x4x3x67xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<1x2x3x67xf32>, tensor<1x4x3x67xf32>) -> (tensor<4x2x3x3xf32>)
  nn.yield %y : tensor<4x2x3x3xf32>
}

// 7 x 7 with stride two.
// CHECK: stem conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @stem {
^bb0(%x: tensor<1x3x10x18xf32>, %w: tensor<6x3x7x7xf32>):
  %y = nn.conv %x, %w strides [2, 2] pad_low [3, 3] pad_high [3, 3] dilations [1, 1] groups 1 : (tensor<1x3x10x18xf32>, tensor<6x3x7x7xf32>) -> (tensor<1x6x5x9xf32>)
  nn.yield %y : tensor<1x6x5x9xf32>
}
// CHECK: stem_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @stem_input {
^bb0(%d: tensor<1x6x5x9xf32>, %w: tensor<6x3x7x7xf32>):
  %y = nn.conv_backward_input %d, %w strides [2, 2] pad_low [3, 3] pad_high [3, 3] dilations [1, 1] groups 1 : (tensor<1x6x5x9xf32>, tensor<6x3x7x7xf32>) -> (tensor<1x3x10x18xf32>)
  nn.yield %y : tensor<1x3x10x18xf32>
}
// CHECK: stem_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @stem_weight {
^bb0(%x: tensor<1x3x10x18xf32>, %d: tensor<1x6x5x9xf32>):
  %y = nn.conv_backward_weight %x, %d strides [2, 2] pad_low [3, 3] pad_high [3, 3] dilations [1, 1] groups 1 : (tensor<1x3x10x18xf32>, tensor<1x6x5x9xf32>) -> (tensor<6x3x7x7xf32>)
  nn.yield %y : tensor<6x3x7x7xf32>
}

// Groups, a dilation and one-sided padding.
// CHECK: grouped conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @grouped {
^bb0(%x: tensor<2x6x5x7xf32>, %w: tensor<9x2x2x3xf32>):
  %y = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 3 : (tensor<2x6x5x7xf32>, tensor<9x2x2x3xf32>) -> (tensor<2x9x4x3xf32>)
  nn.yield %y : tensor<2x9x4x3xf32>
}
// CHECK: grouped_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @grouped_input {
^bb0(%d: tensor<2x9x4x3xf32>, %w: tensor<9x2x2x3xf32>):
  %y = nn.conv_backward_input %d, %w strides [1, 2] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 3 : (tensor<2x9x4x3xf32>, tensor<9x2x2x3xf32>) -> (tensor<2x6x5x7xf32>)
  nn.yield %y : tensor<2x6x5x7xf32>
}
// CHECK: grouped_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @grouped_weight {
^bb0(%x: tensor<2x6x5x7xf32>, %d: tensor<2x9x4x3xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 2] pad_low [0, 1] pad_high [1, 0] dilations [2, 1] groups 3 : (tensor<2x6x5x7xf32>, tensor<2x9x4x3xf32>) -> (tensor<9x2x2x3xf32>)
  nn.yield %y : tensor<9x2x2x3xf32>
}

// Depthwise over space and time.
// CHECK: depthwise3d conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @depthwise3d {
^bb0(%x: tensor<1x9x4x5x6xf32>, %w: tensor<9x1x3x3x3xf32>):
  %y = nn.conv %x, %w strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 9 : (tensor<1x9x4x5x6xf32>, tensor<9x1x3x3x3xf32>) -> (tensor<1x9x4x5x6xf32>)
  nn.yield %y : tensor<1x9x4x5x6xf32>
}
// CHECK: depthwise3d_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @depthwise3d_input {
^bb0(%d: tensor<1x9x4x5x6xf32>, %w: tensor<9x1x3x3x3xf32>):
  %y = nn.conv_backward_input %d, %w strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 9 : (tensor<1x9x4x5x6xf32>, tensor<9x1x3x3x3xf32>) -> (tensor<1x9x4x5x6xf32>)
  nn.yield %y : tensor<1x9x4x5x6xf32>
}
// CHECK: depthwise3d_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @depthwise3d_weight {
^bb0(%x: tensor<1x9x4x5x6xf32>, %d: tensor<1x9x4x5x6xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 9 : (tensor<1x9x4x5x6xf32>, tensor<1x9x4x5x6xf32>) -> (tensor<9x1x3x3x3xf32>)
  nn.yield %y : tensor<9x1x3x3x3xf32>
}

// One channel per group: five rows of results share the registers, and the last chunk has four.
// CHECK: depthwise conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @depthwise {
^bb0(%x: tensor<1x6x29x19xf32>, %w: tensor<6x1x3x3xf32>):
  %y = nn.conv %x, %w strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 6 : (tensor<1x6x29x19xf32>, tensor<6x1x3x3xf32>) -> (tensor<1x6x29x19xf32>)
  nn.yield %y : tensor<1x6x29x19xf32>
}
// CHECK: depthwise_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @depthwise_input {
^bb0(%d: tensor<1x6x29x19xf32>, %w: tensor<6x1x3x3xf32>):
  %y = nn.conv_backward_input %d, %w strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 6 : (tensor<1x6x29x19xf32>, tensor<6x1x3x3xf32>) -> (tensor<1x6x29x19xf32>)
  nn.yield %y : tensor<1x6x29x19xf32>
}
// CHECK: depthwise_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @depthwise_weight {
^bb0(%x: tensor<1x6x29x19xf32>, %d: tensor<1x6x29x19xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 6 : (tensor<1x6x29x19xf32>, tensor<1x6x29x19xf32>) -> (tensor<6x1x3x3xf32>)
  nn.yield %y : tensor<6x1x3x3xf32>
}

// Depthwise over time only.
// CHECK: temporal conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @temporal {
^bb0(%x: tensor<2x10x4x3x3xf32>, %w: tensor<10x1x3x1x1xf32>):
  %y = nn.conv %x, %w strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 10 : (tensor<2x10x4x3x3xf32>, tensor<10x1x3x1x1xf32>) -> (tensor<2x10x4x3x3xf32>)
  nn.yield %y : tensor<2x10x4x3x3xf32>
}
// CHECK: temporal_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @temporal_input {
^bb0(%d: tensor<2x10x4x3x3xf32>, %w: tensor<10x1x3x1x1xf32>):
  %y = nn.conv_backward_input %d, %w strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 10 : (tensor<2x10x4x3x3xf32>, tensor<10x1x3x1x1xf32>) -> (tensor<2x10x4x3x3xf32>)
  nn.yield %y : tensor<2x10x4x3x3xf32>
}
// CHECK: temporal_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @temporal_weight {
^bb0(%x: tensor<2x10x4x3x3xf32>, %d: tensor<2x10x4x3x3xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 1, 1] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 10 : (tensor<2x10x4x3x3xf32>, tensor<2x10x4x3x3xf32>) -> (tensor<10x1x3x1x1xf32>)
  nn.yield %y : tensor<10x1x3x1x1xf32>
}

// Patches over three frames.
// CHECK: patches3d conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @patches3d {
^bb0(%x: tensor<1x3x4x8x8xf32>, %w: tensor<6x3x3x4x4xf32>):
  %y = nn.conv %x, %w strides [2, 4, 4] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x3x4x8x8xf32>, tensor<6x3x3x4x4xf32>) -> (tensor<1x6x2x2x2xf32>)
  nn.yield %y : tensor<1x6x2x2x2xf32>
}
// CHECK: patches3d_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @patches3d_input {
^bb0(%d: tensor<1x6x2x2x2xf32>, %w: tensor<6x3x3x4x4xf32>):
  %y = nn.conv_backward_input %d, %w strides [2, 4, 4] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x6x2x2x2xf32>, tensor<6x3x3x4x4xf32>) -> (tensor<1x3x4x8x8xf32>)
  nn.yield %y : tensor<1x3x4x8x8xf32>
}
// CHECK: patches3d_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @patches3d_weight {
^bb0(%x: tensor<1x3x4x8x8xf32>, %d: tensor<1x6x2x2x2xf32>):
  %y = nn.conv_backward_weight %x, %d strides [2, 4, 4] pad_low [1, 0, 0] pad_high [1, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x3x4x8x8xf32>, tensor<1x6x2x2x2xf32>) -> (tensor<6x3x3x4x4xf32>)
  nn.yield %y : tensor<6x3x3x4x4xf32>
}

// One tap.
// CHECK: pointwise3d conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @pointwise3d {
^bb0(%x: tensor<1x5x2x3x3xf32>, %w: tensor<4x5x1x1x1xf32>):
  %y = nn.conv %x, %w strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x5x2x3x3xf32>, tensor<4x5x1x1x1xf32>) -> (tensor<1x4x2x3x3xf32>)
  nn.yield %y : tensor<1x4x2x3x3xf32>
}
// CHECK: pointwise3d_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @pointwise3d_input {
^bb0(%d: tensor<1x4x2x3x3xf32>, %w: tensor<4x5x1x1x1xf32>):
  %y = nn.conv_backward_input %d, %w strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x4x2x3x3xf32>, tensor<4x5x1x1x1xf32>) -> (tensor<1x5x2x3x3xf32>)
  nn.yield %y : tensor<1x5x2x3x3xf32>
}
// CHECK: pointwise3d_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @pointwise3d_weight {
^bb0(%x: tensor<1x5x2x3x3xf32>, %d: tensor<1x4x2x3x3xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 1, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<1x5x2x3x3xf32>, tensor<1x4x2x3x3xf32>) -> (tensor<4x5x1x1x1xf32>)
  nn.yield %y : tensor<4x5x1x1x1xf32>
}

// One result per channel.
// CHECK: one_result conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @one_result {
^bb0(%x: tensor<2x3x4x4xf32>, %w: tensor<5x3x4x4xf32>):
  %y = nn.conv %x, %w strides [1, 1] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<2x3x4x4xf32>, tensor<5x3x4x4xf32>) -> (tensor<2x5x1x1xf32>)
  nn.yield %y : tensor<2x5x1x1xf32>
}
// CHECK: one_result_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @one_result_input {
^bb0(%d: tensor<2x5x1x1xf32>, %w: tensor<5x3x4x4xf32>):
  %y = nn.conv_backward_input %d, %w strides [1, 1] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<2x5x1x1xf32>, tensor<5x3x4x4xf32>) -> (tensor<2x3x4x4xf32>)
  nn.yield %y : tensor<2x3x4x4xf32>
}
// CHECK: one_result_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @one_result_weight {
^bb0(%x: tensor<2x3x4x4xf32>, %d: tensor<2x5x1x1xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 1] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<2x3x4x4xf32>, tensor<2x5x1x1xf32>) -> (tensor<5x3x4x4xf32>)
  nn.yield %y : tensor<5x3x4x4xf32>
}

// A rim of x that no window sees.
// CHECK: unused_rim conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @unused_rim {
^bb0(%x: tensor<1x2x7x8xf32>, %w: tensor<3x2x2x2xf32>):
  %y = nn.conv %x, %w strides [3, 3] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<1x2x7x8xf32>, tensor<3x2x2x2xf32>) -> (tensor<1x3x2x3xf32>)
  nn.yield %y : tensor<1x3x2x3xf32>
}
// CHECK: unused_rim_input conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @unused_rim_input {
^bb0(%d: tensor<1x3x2x3xf32>, %w: tensor<3x2x2x2xf32>):
  %y = nn.conv_backward_input %d, %w strides [3, 3] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<1x3x2x3xf32>, tensor<3x2x2x2xf32>) -> (tensor<1x2x7x8xf32>)
  nn.yield %y : tensor<1x2x7x8xf32>
}
// CHECK: unused_rim_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @unused_rim_weight {
^bb0(%x: tensor<1x2x7x8xf32>, %d: tensor<1x3x2x3xf32>):
  %y = nn.conv_backward_weight %x, %d strides [3, 3] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<1x2x7x8xf32>, tensor<1x3x2x3xf32>) -> (tensor<3x2x2x2xf32>)
  nn.yield %y : tensor<3x2x2x2xf32>
}

// A bias, an activation, and the sum before it as a second result.
// CHECK: epilogue conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @epilogue {
^bb0(%x: tensor<2x3x6x9xf32>, %w: tensor<7x3x3x3xf32>, %b: tensor<7xf32>):
  %y = nn.conv %x, %w strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<2x3x6x9xf32>, tensor<7x3x3x3xf32>) -> (tensor<2x7x6x9xf32>)
  %c = nn.broadcast %b dims [1] : tensor<7xf32> -> tensor<2x7x6x9xf32>
  %s = nn.add %y, %c : tensor<2x7x6x9xf32>
  %r = nn.relu %s : tensor<2x7x6x9xf32>
  nn.yield %r, %s : tensor<2x7x6x9xf32>, tensor<2x7x6x9xf32>
}
// CHECK: epilogue_weight conv chunks={{[0-9]+}} {{.*}} ok
nn.kernel @epilogue_weight {
^bb0(%x: tensor<2x3x6x9xf32>, %d: tensor<2x5x6x9xf32>, %a: tensor<5x3x3x3xf32>):
  %y = nn.conv_backward_weight %x, %d strides [1, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1 : (tensor<2x3x6x9xf32>, tensor<2x5x6x9xf32>) -> (tensor<5x3x3x3xf32>)
  %s = nn.add %y, %a : tensor<5x3x3x3xf32>
  nn.yield %s : tensor<5x3x3x3xf32>
}
