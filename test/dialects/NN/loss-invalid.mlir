// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @f(%z: tensor<f32>, %l: tensor<i32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: 'tensor<f32>' has no last axis}}
  %0:2 = nn.cross_entropy %z, %l : (tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @f(%z: tensor<2x3xf32>, %l: tensor<3xi32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: labels 'tensor<3xi32>' do not fit logits}}
  %0:2 = nn.cross_entropy %z, %l : (tensor<2x3xf32>, tensor<3xi32>) -> (tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @f(%z: tensor<2x3xf32>, %l: tensor<2xi32>, %s: tensor<f64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: smoothing must have the element type 'f32'}}
  %0:2 = nn.cross_entropy %z, %l smoothing %s : (tensor<2x3xf32>, tensor<2xi32>, tensor<f64>) -> (tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @f(%z: tensor<2x3xf32>, %l: tensor<3xi32>, %s: tensor<2xf32>, %d: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: labels 'tensor<3xi32>' do not fit logits}}
  %0 = nn.cross_entropy_backward %z, %l, %s, %d : (tensor<2x3xf32>, tensor<3xi32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%z: tensor<2x3xf32>, %l: tensor<2xi32>, %s: tensor<3xf32>, %d: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: lse and the cotangent must be}}
  %0 = nn.cross_entropy_backward %z, %l, %s, %d : (tensor<2x3xf32>, tensor<2xi32>, tensor<3xf32>, tensor<2xf32>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%z: tensor<2x3xf32>, %l: tensor<2xi32>, %s: tensor<2xf32>, %d: tensor<2x1xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: lse and the cotangent must be}}
  %0 = nn.cross_entropy_backward %z, %l, %s, %d : (tensor<2x3xf32>, tensor<2xi32>, tensor<2xf32>, tensor<2x1xf32>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%z: tensor<2x0xf32>, %t: tensor<2x0xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: 'tensor<2x0xf32>' has no last axis}}
  %0 = nn.soft_cross_entropy %z, %t : (tensor<2x0xf32>, tensor<2x0xf32>) -> (tensor<2xf32>)
  return
}

// -----

func.func @f(%z: tensor<2x3xf32>, %t: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: the targets must be}}
  %0 = nn.soft_cross_entropy %z, %t : (tensor<2x3xf32>, tensor<3xf32>) -> (tensor<2xf32>)
  return
}

// -----

func.func @f(%a: tensor<f32>, %b: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: 'tensor<f32>' has no last axis}}
  %0:3 = nn.kl %a, %b : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: the student must have the teacher's type}}
  %0:3 = nn.kl %a, %b : (tensor<2x3xf32>, tensor<2x4xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>, %la: tensor<2xf32>, %lb: tensor<2xf32>, %d: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: the student must have the teacher's type}}
  %0 = nn.kl_backward %a, %b, %la, %lb, %d : (tensor<2x3xf32>, tensor<2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>, %la: tensor<3xf32>, %lb: tensor<2xf32>, %d: tensor<2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the lse and the cotangent must be}}
  %0 = nn.kl_backward %a, %b, %la, %lb, %d : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<3xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>, %la: tensor<2xf32>, %lb: tensor<2xf32>, %d: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the lse and the cotangent must be}}
  %0 = nn.kl_backward %a, %b, %la, %lb, %d : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<f32>) -> (tensor<2x3xf32>)
  return
}
