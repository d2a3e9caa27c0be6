// RUN: mome-opt %s -split-input-file -verify-diagnostics -nn-verify-entries

// A correct pair of entries: what has a batch axis may differ, the parameter may not.
func.func @predict(%x: tensor<2x3xf32> {nn.bind = #nn.bind<input, "x">}, %w: tensor<3xf32> {nn.bind = #nn.bind<param, "w">})
    -> (tensor<2x3xf32> {nn.bind = #nn.bind<output, "y">}) {
  %0 = nn.broadcast %w dims [1] : tensor<3xf32> -> tensor<2x3xf32>
  %1 = nn.mul %x, %0 : tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}
func.func @fit.apply(%w: tensor<3xf32> {nn.bind = #nn.bind<param, "w">}, %g: tensor<3xf32> {nn.bind = #nn.bind<grad, "w">},
                     %m: tensor<3xf32> {nn.bind = #nn.bind<moment, "m/w">})
    -> (tensor<3xf32> {nn.bind = #nn.bind<param, "w">}, tensor<3xf32> {nn.bind = #nn.bind<moment, "m/w">}) {
  return %g, %w : tensor<3xf32>, tensor<3xf32>
}

// -----

// expected-error @below {{E1: is no entry}}
func.func private @f()

// -----

func.func @f() {
  // expected-error @below {{E2: cannot stand in an entry}}
  %0 = arith.constant 1 : i32
  return
}

// -----

// expected-error @below {{E3: argument 0 has no nn.bind}}
func.func @f(%x: tensor<f32>) {
  return
}

// -----

// expected-error @below {{E3: result 0 has no nn.bind}}
func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<param, "w">}) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

// expected-error @below {{must be tensor<Bxi32>, not 'tensor<2xf32>'}}
func.func @f(%x: tensor<2xf32> {nn.bind = #nn.bind<label, "y">}) {
  return
}

// -----

// expected-error @below {{must be tensor<f32> or tensor<i64>, not 'tensor<1xf32>'}}
func.func @f(%x: tensor<1xf32> {nn.bind = #nn.bind<scalar, "alpha">}) {
  return
}

// -----

// expected-error @below {{is bound to two arguments}}
func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<param, "w">}, %y: tensor<f32> {nn.bind = #nn.bind<param, "w">}) {
  return
}

// -----

func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<param, "w">}) {
  return
}
// expected-error @below {{is 'tensor<1xf32>', but 'tensor<f32>' in @f}}
func.func @g(%x: tensor<1xf32> {nn.bind = #nn.bind<param, "w">}) {
  return
}

// -----

// expected-error @below {{is 'tensor<1xf32>', but its parameter 'tensor<f32>'}}
func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<param, "w">}, %m: tensor<1xf32> {nn.bind = #nn.bind<moment, "m/w">}) {
  return
}

// -----

// expected-error @below {{E6: #nn.bind<grad, "w"> has no parameter}}
func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<grad, "w">}) {
  return
}

// -----

// expected-error @below {{E7: #nn.bind<output, "z"> cannot be an argument}}
func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<output, "z">}) {
  return
}

// -----

// expected-error @below {{E7: #nn.bind<scalar, "alpha"> cannot be a result}}
func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<param, "w">}) -> (tensor<f32> {nn.bind = #nn.bind<scalar, "alpha">}) {
  return %x : tensor<f32>
}

// -----

func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<param, "w">}) -> (tensor<f32> {nn.bind = #nn.bind<grad, "w">}) {
  // expected-error @below {{E8: must be gone after stage 'simplify'}}
  %0 = nn.gradient %x wrt %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @f(%x: tensor<f32> {nn.bind = #nn.bind<param, "w">}) -> (tensor<f32> {nn.bind = #nn.bind<output, "w">}) {
  // expected-error @below {{E9: comes with stage 'fuse' only}}
  %0 = nn.dispatch(%x) : (tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    %1 = nn.exp %a : tensor<f32>
    nn.yield %1 : tensor<f32>
  }
  return %0 : tensor<f32>
}
