// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<f32>, %r: tensor<f32>, %s: tensor<i64>) {
  // expected-error@+1 {{C1: x needs a batch axis}}
  %0 = nn.dropout %x, %r, %s, %s, %s rng_id 1 : (tensor<f32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<f32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %r: tensor<f32>, %s: tensor<i64>) {
  // expected-error@+1 {{C2: rng_id 4294967296 does not fit 32 bits}}
  %0 = nn.dropout %x, %r, %s, %s, %s rng_id 4294967296 : (tensor<2x3xf32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %r: tensor<f32>, %s: tensor<i64>) {
  // expected-error@+1 {{C2: rng_id -1 does not fit 32 bits}}
  %0 = nn.dropout %x, %r, %s, %s, %s rng_id -1 : (tensor<2x3xf32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x4294967297xf32>, %r: tensor<f32>, %s: tensor<i64>) {
  // expected-error@+1 {{C3: 4294967297 elements exceed the 32-bit counter}}
  %0 = nn.dropout %x, %r, %s, %s, %s rng_id 1 : (tensor<2x4294967297xf32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<2x4294967297xf32>)
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %r: tensor<f64>, %s: tensor<i64>) {
  // expected-error@+1 {{C4: the rate must have the element type 'f32'}}
  %0 = nn.dropout %x, %r, %s, %s, %s rng_id 1 : (tensor<2x3xf32>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<2x3xf32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C1: low must not exceed high}}
  %0 = nn.random_uniform %s rng_id 1 low 1.0 high 0.0 : (tensor<i64>) -> (tensor<3xf32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C2: rng_id -1}}
  %0 = nn.random_uniform %s rng_id -1 low 0.0 high 1.0 : (tensor<i64>) -> (tensor<3xf32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C3: 4294967297 elements}}
  %0 = nn.random_uniform %s rng_id 1 low 0.0 high 1.0 : (tensor<i64>) -> (tensor<4294967297xf32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C1: std must not be negative}}
  %0 = nn.random_normal %s rng_id 1 mean 0.0 std -1.0 : (tensor<i64>) -> (tensor<3xf32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C2: rng_id -1}}
  %0 = nn.random_normal %s rng_id -1 mean 0.0 std 1.0 : (tensor<i64>) -> (tensor<3xf32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C3: 4294967297 elements}}
  %0 = nn.random_normal %s rng_id 1 mean 0.0 std 1.0 : (tensor<i64>) -> (tensor<4294967297xf32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C1: n must be in [1, 2^31), not 0}}
  %0 = nn.random_index %s, %s rng_id 1 n 0 : (tensor<i64>, tensor<i64>) -> (tensor<i32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C1: n must be in [1, 2^31), not 2147483648}}
  %0 = nn.random_index %s, %s rng_id 1 n 2147483648 : (tensor<i64>, tensor<i64>) -> (tensor<i32>)
  return
}

// -----

func.func @f(%s: tensor<i64>) {
  // expected-error@+1 {{C2: rng_id -1}}
  %0 = nn.random_index %s, %s rng_id -1 n 3 : (tensor<i64>, tensor<i64>) -> (tensor<i32>)
  return
}
