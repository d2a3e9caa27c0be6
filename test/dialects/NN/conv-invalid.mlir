// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<4x5xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: x and w need the same rank, at least 3}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<4x5xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: x and w need the same rank, at least 3}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x2x3xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: needs a stride and a dilation}}
  %0 = nn.conv %x, %w strides [1] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: needs a stride and a dilation}}
  %0 = nn.conv %x, %w strides [1, 0] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: needs a stride and a dilation}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, -1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: needs a stride and a dilation}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [0, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: 3 groups do not fit 4 channels}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 3 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: 0 groups do not fit}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 0 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<5x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: 2 groups do not fit 4 channels and weights [5, 2, ..]}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<5x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x4x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: 2 groups do not fit 4 channels and weights [6, 4, ..]}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x4x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x2x6xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: the kernel does not fit into the padded x}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x2x6xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %w: tensor<6x2x3x2xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C5: x and w must have one element type}}
  %0 = nn.conv %x, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<6x2x3x2xf64>) -> (tensor<1x6x3x3xf32>)
  return
}

// -----

func.func @f(%d: tensor<1x6x3x3xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+1 {{C3: 3 groups}}
  %0 = nn.conv_backward_input %d, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 3 : (tensor<1x6x3x3xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x4x5x6xf32>)
  return
}

// -----

func.func @f(%d: tensor<1x6x3x4xf32>, %w: tensor<6x2x3x2xf32>) {
  // expected-error@+1 {{C6: the cotangent must be}}
  %0 = nn.conv_backward_input %d, %w strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x6x3x4xf32>, tensor<6x2x3x2xf32>) -> (tensor<1x4x5x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x2x6xf32>, %d: tensor<1x6x3x3xf32>) {
  // expected-error@+1 {{C4: the kernel does not fit}}
  %0 = nn.conv_backward_weight %x, %d strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x2x6xf32>, tensor<1x6x3x3xf32>) -> (tensor<6x2x3x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x5x6xf32>, %d: tensor<1x6x2x3xf32>) {
  // expected-error@+1 {{C6: the cotangent must be}}
  %0 = nn.conv_backward_weight %x, %d strides [1, 2] pad_low [0, 1] pad_high [0, 0] dilations [1, 1] groups 2 : (tensor<1x4x5x6xf32>, tensor<1x6x2x3xf32>) -> (tensor<6x2x3x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: x needs a batch, a channel and a spatial axis}}
  %0:2 = nn.max_pool %x kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [1, 2] : (tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xi32>)
  return
}

// -----

func.func @f(%x: tensor<1x2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: needs a kernel extent}}
  %0:2 = nn.max_pool %x kernel [2] strides [1, 2] pad_low [0, 1] pad_high [1, 2] : (tensor<1x2x5x6xf32>) -> (tensor<1x2x5x4xf32>, tensor<1x2x5x4xi32>)
  return
}

// -----

func.func @f(%x: tensor<1x2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: needs a kernel extent}}
  %0:2 = nn.max_pool %x kernel [2, 3] strides [1, 2] pad_low [2, 1] pad_high [1, 2] : (tensor<1x2x5x6xf32>) -> (tensor<1x2x5x4xf32>, tensor<1x2x5x4xi32>)
  return
}

// -----

func.func @f(%x: tensor<1x2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: needs a kernel extent}}
  %0:2 = nn.max_pool %x kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [1, 3] : (tensor<1x2x5x6xf32>) -> (tensor<1x2x5x4xf32>, tensor<1x2x5x4xi32>)
  return
}

// -----

func.func @f(%x: tensor<1x2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the kernel does not fit}}
  %0:2 = nn.max_pool %x kernel [9, 3] strides [1, 2] pad_low [0, 1] pad_high [1, 2] : (tensor<1x2x5x6xf32>) -> (tensor<1x2x5x4xf32>, tensor<1x2x5x4xi32>)
  return
}

// -----

func.func @f(%x: tensor<1x1x2147483648xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: argmax cannot count}}
  %0:2 = nn.max_pool %x kernel [1] strides [1] pad_low [0] pad_high [0] : (tensor<1x1x2147483648xf32>) -> (tensor<1x1x2147483648xf32>, tensor<1x1x2147483648xi32>)
  return
}

// -----

func.func @f(%d: tensor<1x2x5x5xf32>, %a: tensor<1x2x5x4xi32>) {
  // expected-error@+1 {{C5: the cotangent must be}}
  %0 = nn.max_pool_backward %d, %a kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [1, 2] : (tensor<1x2x5x5xf32>, tensor<1x2x5x4xi32>) -> (tensor<1x2x5x6xf32>)
  return
}

// -----

func.func @f(%d: tensor<1x2x5x4xf32>, %a: tensor<1x2x5x5xi32>) {
  // expected-error@+1 {{C5: the cotangent must be}}
  %0 = nn.max_pool_backward %d, %a kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [1, 2] : (tensor<1x2x5x4xf32>, tensor<1x2x5x5xi32>) -> (tensor<1x2x5x6xf32>)
  return
}

// -----

func.func @f(%d: tensor<1x2x5x4xf32>, %a: tensor<1x2x5x4xi32>) {
  // expected-error@+1 {{C3: the kernel does not fit}}
  %0 = nn.max_pool_backward %d, %a kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [1, 2] : (tensor<1x2x5x4xf32>, tensor<1x2x5x4xi32>) -> (tensor<1x2x0x6xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: x needs a batch, a channel and a spatial axis}}
  %0 = nn.avg_pool %x kernel [2, 3] strides [1, 2] pad_low [0, 1] pad_high [1, 2] : (tensor<2x3xf32>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: needs a kernel extent}}
  %0 = nn.avg_pool %x kernel [2, 3] strides [1, 0] pad_low [0, 1] pad_high [1, 2] : (tensor<1x2x5x6xf32>) -> (tensor<1x2x5x4xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the kernel does not fit}}
  %0 = nn.avg_pool %x kernel [9, 3] strides [1, 2] pad_low [0, 1] pad_high [1, 2] : (tensor<1x2x5x6xf32>) -> (tensor<1x2x5x4xf32>)
  return
}
