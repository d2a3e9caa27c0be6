// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @f(%p: tensor<3xf32>, %g: tensor<2xf32>, %s: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: gradient and moments must have the parameter's type}}
  %0:3 = nn.adamw %p, %g, %p, %p, %s, %s, %s, %s, %s, %s, %s, %s : (tensor<3xf32>, tensor<2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%p: tensor<3xf32>, %g: tensor<3xf32>, %s: tensor<f64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: the scalars must have the parameter's element type}}
  %0:3 = nn.adamw %p, %g, %p, %p, %s, %s, %s, %s, %s, %s, %s, %s : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%p: tensor<3xf32>, %g: tensor<1x3xf32>, %s: tensor<f32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: gradient and moments must have the parameter's type}}
  %0:2 = nn.sgd %p, %g, %p, %s, %s, %s, %s : (tensor<3xf32>, tensor<1x3xf32>, tensor<3xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @f(%p: tensor<3xf32>, %g: tensor<3xf32>, %s: tensor<f64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: the scalars must have the parameter's element type}}
  %0:2 = nn.sgd %p, %g, %p, %s, %s, %s, %s : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<3xf32>, tensor<3xf32>)
  return
}
