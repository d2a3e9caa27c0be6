// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<f32>, %w: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: x needs an axis and w two}}
  %0 = nn.linear %x, %w : (tensor<f32>, tensor<2x3xf32>) -> (tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<3xf32>, %w: tensor<2x3x1xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: x needs an axis and w two}}
  %0 = nn.linear %x, %w : (tensor<3xf32>, tensor<2x3x1xf32>) -> (tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<4xf32>, %w: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: the last axes of x and w differ}}
  %0 = nn.linear %x, %w : (tensor<4xf32>, tensor<2x3xf32>) -> (tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<3xf32>, %w: tensor<2x3xf32>, %b: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the bias 'tensor<3xf32>' does not fit w}}
  %0 = nn.linear %x, %w, %b : (tensor<3xf32>, tensor<2x3xf32>, tensor<3xf32>) -> (tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<3xf32>, %w: tensor<2x3xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: x, w and b must have one element type}}
  %0 = nn.linear %x, %w : (tensor<3xf32>, tensor<2x3xf64>) -> (tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<3xf32>, %w: tensor<2x3xf32>, %b: tensor<2xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: x, w and b must have one element type}}
  %0 = nn.linear %x, %w, %b : (tensor<3xf32>, tensor<2x3xf32>, tensor<2xf64>) -> (tensor<2xf32>)
  return
}

// -----

func.func @f(%x: tensor<3xf32>, %w: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{incompatible with return type}}
  %0 = nn.linear %x, %w : (tensor<3xf32>, tensor<2x3xf32>) -> (tensor<3xf32>)
  return
}

// -----

func.func @f(%a: tensor<3xf32>, %b: tensor<3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: operands need equal ranks of at least 2}}
  %0 = nn.matmul %a, %b : (tensor<3xf32>, tensor<3xf32>) -> (tensor<f32>)
  return
}

// -----

func.func @f(%a: tensor<1x2x3xf32>, %b: tensor<3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: operands need equal ranks of at least 2}}
  %0 = nn.matmul %a, %b : (tensor<1x2x3xf32>, tensor<3x2xf32>) -> (tensor<1x2x2xf32>)
  return
}

// -----

func.func @f(%a: tensor<1x2x3xf32>, %b: tensor<2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: the leading axes differ}}
  %0 = nn.matmul %a, %b : (tensor<1x2x3xf32>, tensor<2x3x2xf32>) -> (tensor<1x2x2xf32>)
  return
}

// -----

func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the contracted axes differ}}
  %0 = nn.matmul %a, %b : (tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%a: tensor<3x2xf32>, %b: tensor<3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the contracted axes differ}}
  %0 = nn.matmul %a, %b transpose_a transpose_b : (tensor<3x2xf32>, tensor<3x2xf32>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%a: tensor<2x3xf32>, %b: tensor<3x2xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: operands must have one element type}}
  %0 = nn.matmul %a, %b : (tensor<2x3xf32>, tensor<3x2xf64>) -> (tensor<2x2xf32>)
  return
}
