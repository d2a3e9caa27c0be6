// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: 'tensor<f32>' has no last axis to normalise}}
  %0:3 = nn.layer_norm %x eps 0.0 : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @f(%x: tensor<2x0xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: 'tensor<2x0xf32>' has no last axis to normalise}}
  %0:3 = nn.layer_norm %x eps 0.0 : (tensor<2x0xf32>) -> (tensor<2x0xf32>, tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %g: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: 'tensor<2xf32>' does not fit the last axis}}
  %0:3 = nn.layer_norm %x gamma %g eps 0.0 : (tensor<2x3xf32>, tensor<2xf32>) -> (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %b: tensor<1x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: 'tensor<1x3xf32>' does not fit the last axis}}
  %0:3 = nn.layer_norm %x beta %b eps 0.0 : (tensor<2x3xf32>, tensor<1x3xf32>) -> (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %g: tensor<3xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: gamma and beta must have the element type of x}}
  %0:3 = nn.layer_norm %x gamma %g eps 0.0 : (tensor<2x3xf32>, tensor<3xf64>) -> (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: eps must not be negative}}
  %0:3 = nn.layer_norm %x eps -1.0 : (tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @f(%dy: tensor<2x4xf32>, %x: tensor<2x3xf32>, %m: tensor<2xf32>, %r: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: dy and x must have one type}}
  %0:3 = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<2x4xf32>, tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%dy: tensor<f32>, %x: tensor<f32>, %m: tensor<2xf32>, %r: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: dy and x must have one type with a last axis}}
  %0:3 = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<f32>, tensor<f32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<f32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%dy: tensor<2x3xf32>, %x: tensor<2x3xf32>, %m: tensor<3xf32>, %r: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: mean and rstd must be}}
  %0:3 = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<3xf32>, tensor<2xf32>) -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%dy: tensor<2x3xf32>, %x: tensor<2x3xf32>, %m: tensor<2xf32>, %r: tensor<2xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: mean and rstd must be}}
  %0:3 = nn.layer_norm_backward %dy, %x, %m, %r : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xf32>, tensor<2xf64>) -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%dy: tensor<2x3xf32>, %x: tensor<2x3xf32>, %m: tensor<2xf32>, %r: tensor<2xf32>, %g: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: 'tensor<2xf32>' does not fit the last axis}}
  %0:3 = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%x: tensor<f32>) {
  // expected-error@+1 {{C1: 'tensor<f32>' has no last axis to sum over}}
  %0 = nn.softmax %x : tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<2x0xf32>) {
  // expected-error@+1 {{C1: 'tensor<2x0xf32>' has no last axis to sum over}}
  %0 = nn.log_softmax %x : tensor<2x0xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>) {
  // expected-error@+1 {{C1: 'tensor<f32>' has no last axis to sum over}}
  %0 = nn.softmax_backward %x, %x : tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: 'tensor<f32>' has no last axis to sum over}}
  %0 = nn.logsumexp %x : (tensor<f32>) -> (tensor<f32>)
  return
}

// -----

func.func @f(%x: tensor<3xf32>, %g: tensor<3xf32>, %b: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: x needs a batch and a channel axis}}
  %0:3 = nn.batch_norm %x, %g, %b eps 0.0 : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %g: tensor<2xf32>, %b: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: gamma and beta must be}}
  %0:3 = nn.batch_norm %x, %g, %b eps 0.0 : (tensor<2x3xf32>, tensor<2xf32>, tensor<3xf32>) -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %g: tensor<3xf32>, %b: tensor<3xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: gamma and beta must be}}
  %0:3 = nn.batch_norm %x, %g, %b eps 0.0 : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf64>) -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %g: tensor<3xf32>, %b: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: eps must not be negative}}
  %0:3 = nn.batch_norm %x, %g, %b eps -0.1 : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}
