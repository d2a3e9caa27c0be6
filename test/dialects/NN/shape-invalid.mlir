// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @reshape_c1(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{C1: 'tensor<2x3xf32>' and 'tensor<5xf32>' have different numbers of elements}}
  %0 = nn.reshape %x : tensor<2x3xf32> -> tensor<5xf32>
  return
}

// -----

func.func @reshape_c2(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{all of {operand, result} have same element type}}
  %0 = nn.reshape %x : tensor<2x3xf32> -> tensor<6xf64>
  return
}

// -----

func.func @transpose_c1(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: permutation must hold each of the 2 axes once}}
  %0 = nn.transpose %x permutation [1, 1] : tensor<2x3xf32> -> tensor<3x3xf32>
  return
}

// -----

func.func @broadcast_c1(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{C1: dims must name one axis of the result, in increasing order, for each of the 2 operand axes}}
  %0 = nn.broadcast %x dims [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  return
}

// -----

func.func @broadcast_c1_range(%x: tensor<2xf32>) {
  // expected-error@+1 {{C1: dims must name}}
  %0 = nn.broadcast %x dims [2] : tensor<2xf32> -> tensor<3x2xf32>
  return
}

// -----

func.func @broadcast_c2(%x: tensor<2xf32>) {
  // expected-error@+1 {{C2: operand axis 0 of extent 2 cannot become result axis 0 of extent 3}}
  %0 = nn.broadcast %x dims [0] : tensor<2xf32> -> tensor<3x2xf32>
  return
}

// -----

func.func @broadcast_c3(%x: tensor<2xf32>) {
  // expected-error@+1 {{all of {operand, result} have same element type}}
  %0 = nn.broadcast %x dims [0] : tensor<2xf32> -> tensor<2x2xf64>
  return
}

// -----

func.func @slice_c1(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: needs one offset, size and stride for each of the 2 axes}}
  %0 = nn.slice %x offsets [0] sizes [1, 1] strides [1, 1] : tensor<2x3xf32> -> tensor<1x1xf32>
  return
}

// -----

func.func @slice_c2(%x: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: axis 0: needs offset >= 0, size >= 1 and stride >= 1}}
  %0 = nn.slice %x offsets [0] sizes [1] strides [0] : tensor<3xf32> -> tensor<1xf32>
  return
}

// -----

func.func @slice_c3(%x: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: axis 0: leaves the operand's extent 3}}
  %0 = nn.slice %x offsets [1] sizes [2] strides [2] : tensor<3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @pad_c1(%x: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: needs one low, high and interior for each of the 1 axes}}
  %0 = nn.pad %x low [1, 1] high [0] interior [0] value 0.0 : tensor<3xf32> -> tensor<4xf32>
  return
}

// -----

func.func @pad_c2(%x: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: axis 0: low, high and interior must not be negative}}
  %0 = nn.pad %x low [-1] high [0] interior [0] value 0.0 : tensor<3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @concat_c1() {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: needs at least one operand}}
  %0 = "nn.concat"() <{axis = 0 : i64}> : () -> tensor<2xf32>
  return
}

// -----

func.func @concat_c2(%x: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: axis 1 is not an axis of 'tensor<3xf32>'}}
  %0 = nn.concat %x, %x axis 1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>
  return
}

// -----

func.func @concat_c3(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: 'tensor<2x4xf32>' and 'tensor<2x3xf32>' differ in more than the extent of axis 0}}
  %0 = nn.concat %x, %y axis 0 : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @concat_c3_rank(%x: tensor<2x3xf32>, %y: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: 'tensor<3xf32>' and 'tensor<2x3xf32>' differ}}
  %0 = nn.concat %x, %y axis 0 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @roll_c1(%x: tensor<3xf32>) {
  // expected-error@+1 {{C1: axis 1 is not an axis of 'tensor<3xf32>'}}
  %0 = nn.roll %x shift 1 axis 1 : tensor<3xf32>
  return
}

// -----

func.func @shift_c1(%x: tensor<3xf32>) {
  // expected-error@+1 {{C1: axis -1 is not an axis of 'tensor<3xf32>'}}
  %0 = nn.shift %x by 1 axis -1 : tensor<3xf32>
  return
}

// -----

func.func @take_c1(%x: tensor<3xf32>, %i: tensor<2xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: axis 1 is not an axis of 'tensor<3xf32>'}}
  %0 = nn.take %x, %i axis 1 : tensor<3xf32>, tensor<2xi32> -> tensor<2xf32>
  return
}

// -----

func.func @take_backward_c1(%dy: tensor<2xf32>, %i: tensor<2xi32>) {
  // expected-error@+1 {{C1: axis 1 is not an axis of 'tensor<3xf32>'}}
  %0 = nn.take_backward %dy, %i axis 1 : tensor<2xf32>, tensor<2xi32> -> tensor<3xf32>
  return
}

// -----

func.func @take_backward_c2(%dy: tensor<4xf32>, %i: tensor<2xi32>) {
  // expected-error@+1 {{C2: the cotangent must be 'tensor<2xf32>'}}
  %0 = nn.take_backward %dy, %i axis 0 : tensor<4xf32>, tensor<2xi32> -> tensor<3xf32>
  return
}

// -----

func.func @one_hot_c1(%i: tensor<2xi32>) {
  // expected-error@+1 {{C1: 'tensor<5x2xf32>' is not 'tensor<2xi32>' with one more axis}}
  %0 = nn.one_hot %i : tensor<2xi32> -> tensor<5x2xf32>
  return
}
