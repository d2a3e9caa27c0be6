// RUN: mome-opt %s --split-input-file --verify-diagnostics

func.func @random() {
  // expected-error@+1 {{C1: the range is empty}}
  %x = check.random from 1.0 to 1.0 seed 1 : tensor<3xf64>
  return
}

// -----

func.func @tolerance(%x: tensor<3xf64>) {
  // expected-error@+1 {{C1: tolerances must not be negative}}
  check.expect_close %x, %x rel -1.0 : tensor<3xf64>
  return
}

// -----

func.func @missing(%x: tensor<3xf64>) {
  // expected-error@+1 {{C1: no function with a body: @f}}
  check.expect_grad @f(%x) : tensor<3xf64>
  return
}

// -----

func.func private @f(%x: tensor<4xf64>) -> tensor<4xf64> {
  return %x : tensor<4xf64>
}
func.func @operands(%x: tensor<3xf64>) {
  // expected-error@+1 {{C1: @f takes other operands}}
  check.expect_forms @f(%x) : tensor<3xf64>
  return
}

// -----

func.func private @f(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}
func.func @precision(%x: tensor<3xf32>) {
  // expected-error@+1 {{C2: float arguments and results of @f must be f64, not 'tensor<3xf32>'}}
  check.expect_grad @f(%x) : tensor<3xf32>
  return
}

// -----

func.func private @f(%x: tensor<3xf64>, %i: tensor<3xi32>) -> tensor<3xf64> {
  return %x : tensor<3xf64>
}
func.func @wrt(%x: tensor<3xf64>, %i: tensor<3xi32>) {
  // expected-error@+1 {{C3: argument 1 is not a float argument}}
  check.expect_grad @f(%x, %i) wrt [0, 1] : tensor<3xf64>, tensor<3xi32>
  return
}

// -----

func.func private @f(%x: tensor<3xf64>) -> tensor<3xi1> {
  %0 = nn.is_finite %x : tensor<3xf64> -> tensor<3xi1>
  return %0 : tensor<3xi1>
}
func.func @no_float(%x: tensor<3xf64>) {
  // expected-error@+1 {{C4: no result is a float}}
  check.expect_grad @f(%x) : tensor<3xf64>
  return
}
