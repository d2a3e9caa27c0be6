// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @reduce_sum_c1(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: axes must be axes of 'tensor<2x3xf32>' in increasing order}}
  %0 = nn.reduce_sum %x axes [1, 0] : tensor<2x3xf32> -> tensor<f32>
  return
}

// -----

func.func @reduce_sum_result(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{inferred type(s) 'tensor<2xf32>' are incompatible with return type(s) of operation 'tensor<3xf32>'}}
  %0 = nn.reduce_sum %x axes [1] : tensor<2x3xf32> -> tensor<3xf32>
  return
}

// -----

func.func @reduce_max_c1(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: axes must be axes of 'tensor<2x3xf32>' in increasing order}}
  %0 = nn.reduce_max %x axes [2] : tensor<2x3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @reduce_max_c2(%x: tensor<2x0xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: no element to take the maximum of in 'tensor<2x0xf32>'}}
  %0 = nn.reduce_max %x axes [1] : tensor<2x0xf32> -> tensor<2xf32>
  return
}

// -----

func.func @argmax_c1(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: axis 2 is not an axis of 'tensor<2x3xf32>'}}
  %0 = nn.argmax %x axis 2 : tensor<2x3xf32> -> tensor<2xi32>
  return
}

// -----

func.func @argmax_c2(%x: tensor<2x0xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: no element to take the maximum of in 'tensor<2x0xf32>'}}
  %0 = nn.argmax %x axis 1 : tensor<2x0xf32> -> tensor<2xi32>
  return
}
