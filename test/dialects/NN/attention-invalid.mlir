// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @f(%q: tensor<3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: q, k, v must be}}
  %0:2 = nn.attention %q, %k, %v heads 2 scale 1.0 : (tensor<3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<1x5x4xf32>, %v: tensor<2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: q, k, v must be}}
  %0:2 = nn.attention %q, %k, %v heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<1x5x4xf32>, tensor<2x5x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x2xf32>, %v: tensor<2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: q, k, v must be}}
  %0:2 = nn.attention %q, %k, %v heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x2xf32>, tensor<2x5x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x4x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: q, k, v must be}}
  %0:2 = nn.attention %q, %k, %v heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x4x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x0x4xf32>, %v: tensor<2x0x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C1: q, k, v must be}}
  %0:2 = nn.attention %q, %k, %v heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x0x4xf32>, tensor<2x0x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: 3 heads do not divide the channels 4 and 6}}
  %0:2 = nn.attention %q, %k, %v heads 3 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: 4 heads do not divide the channels 4 and 6}}
  %0:2 = nn.attention %q, %k, %v heads 4 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: 0 heads do not divide}}
  %0:2 = nn.attention %q, %k, %v heads 0 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %b: tensor<1x3x5xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the bias must be}}
  %0:2 = nn.attention %q, %k, %v bias %b heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<1x3x5xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %b: tensor<1x2x3x5xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C3: the bias must be}}
  %0:2 = nn.attention %q, %k, %v bias %b heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<1x2x3x5xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf64>, %v: tensor<2x5x6xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: q, k, v and the bias must have one element type}}
  %0:2 = nn.attention %q, %k, %v heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x4xf64>, tensor<2x5x6xf32>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %b: tensor<2x3x5xf64>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C4: q, k, v and the bias must have one element type}}
  %0:2 = nn.attention %q, %k, %v bias %b heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x5xf64>) -> (tensor<2x3x6xf32>, tensor<2x2x3xf32>)
  return
}

// -----

func.func @f(%dy: tensor<2x3x6xf32>, %q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %o: tensor<2x3x6xf32>, %l: tensor<2x2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C2: 3 heads do not divide}}
  %0:3 = nn.attention_backward %dy, %q, %k, %v, %o, %l heads 3 scale 1.0 : (tensor<2x3x6xf32>, tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x6xf32>, tensor<2x2x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>)
  return
}

// -----

func.func @f(%dy: tensor<2x3x4xf32>, %q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %o: tensor<2x3x6xf32>, %l: tensor<2x2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C5: the cotangent and the result must be}}
  %0:3 = nn.attention_backward %dy, %q, %k, %v, %o, %l heads 2 scale 1.0 : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x6xf32>, tensor<2x2x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>)
  return
}

// -----

func.func @f(%dy: tensor<2x3x6xf32>, %q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %o: tensor<2x3x6xf32>, %l: tensor<2x3x2xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C5: the cotangent and the result must be}}
  %0:3 = nn.attention_backward %dy, %q, %k, %v, %o, %l heads 2 scale 1.0 : (tensor<2x3x6xf32>, tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x6xf32>, tensor<2x3x2xf32>) -> (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>)
  return
}

// -----

func.func @f(%dy: tensor<2x3x6xf32>, %q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x6xf32>, %o: tensor<2x3x6xf32>, %l: tensor<2x2x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{C6: bias_gradient needs a bias}}
  %0:3 = nn.attention_backward %dy, %q, %k, %v, %o, %l heads 2 scale 1.0 bias_gradient : (tensor<2x3x6xf32>, tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>, tensor<2x3x6xf32>, tensor<2x2x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x6xf32>)
  return
}
