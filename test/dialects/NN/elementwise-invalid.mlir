// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @same_type(%x: tensor<4xf32>, %y: tensor<5xf32>) {
  // expected-error@+1 {{requires the same type for all operands and results}}
  %0 = "nn.add"(%x, %y) : (tensor<4xf32>, tensor<5xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @float_only(%x: tensor<4xi32>) {
  // expected-error@+1 {{operand #0 must be ranked tensor of 32-bit float or 64-bit float or bfloat16 type values}}
  %0 = nn.exp %x : tensor<4xi32>
  return
}

// -----

func.func @compare_c1(%x: tensor<4xf32>, %y: tensor<4xf64>) {
  // expected-error@+1 {{requires all operands to have the same type}}
  %0 = "nn.compare"(%x, %y) <{kind = 2 : i32}> : (tensor<4xf32>, tensor<4xf64>) -> tensor<4xi1>
  return
}

// -----

func.func @compare_c2(%x: tensor<4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{inferred type(s) 'tensor<4xi1>' are incompatible with return type(s) of operation 'tensor<5xi1>'}}
  %0 = nn.compare lt %x, %x : tensor<4xf32> -> tensor<5xi1>
  return
}

// -----

func.func @compare_kind(%x: tensor<4xf32>) {
  // expected-error@+2 {{expected one of [eq, ne, lt, le, gt, ge] for comparison of two numbers, got: less}}
  // expected-error@+1 {{invalid value for property kind, expected comparison of two numbers}}
  %0 = nn.compare less %x, %x : tensor<4xf32> -> tensor<4xi1>
  return
}

// -----

func.func @select_c1(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf64>) {
  // expected-error@+1 {{failed to verify that all of {on_true, on_false, result} have same type}}
  %0 = "nn.select"(%c, %x, %y) : (tensor<4xi1>, tensor<4xf32>, tensor<4xf64>) -> tensor<4xf32>
  return
}

// -----

func.func @select_c2(%c: tensor<5xi1>, %x: tensor<4xf32>) {
  // expected-error@+1 {{the condition has the result's shape}}
  %0 = "nn.select"(%c, %x, %x) : (tensor<5xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @cast_c1(%x: tensor<4xf32>) {
  // expected-error@+1 {{requires the same shape for all operands and results}}
  %0 = nn.cast %x : tensor<4xf32> -> tensor<5xf64>
  return
}

// -----

func.func @cast_c2(%x: tensor<4xf32>) {
  // expected-error@+1 {{C2: cannot cast to booleans; use nn.compare}}
  %0 = nn.cast %x : tensor<4xf32> -> tensor<4xi1>
  return
}

// -----

func.func @is_finite_c1(%x: tensor<4xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{inferred type(s) 'tensor<4xi1>' are incompatible with return type(s) of operation 'tensor<2x2xi1>'}}
  %0 = nn.is_finite %x : tensor<4xf32> -> tensor<2x2xi1>
  return
}

// -----

func.func @iota_c1() {
  // expected-error@+1 {{C1: axis 2 is not an axis of 'tensor<2x3xi32>'}}
  %0 = nn.iota axis 2 : tensor<2x3xi32>
  return
}
