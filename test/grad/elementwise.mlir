// Derivative and scalar code of every elementwise op.
// RUN: mome-interp %s

func.func private @arithmetic(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>)
    -> (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>) {
  %add = nn.add %x, %y : tensor<2x3xf64>
  %sub = nn.sub %x, %y : tensor<2x3xf64>
  %mul = nn.mul %x, %y : tensor<2x3xf64>
  %div = nn.div %x, %y : tensor<2x3xf64>
  %max = nn.maximum %x, %y : tensor<2x3xf64>
  %min = nn.minimum %x, %y : tensor<2x3xf64>
  return %add, %sub, %mul, %div, %max, %min
      : tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xf64>
}
func.func @test_arithmetic() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<2x3xf64>
  %y = nn.constant dense<[[-2.5, -1.0, -0.5], [0.5, 1.25, 3.0]]> : tensor<2x3xf64>
  check.expect_grad @arithmetic(%x, %y) : tensor<2x3xf64>, tensor<2x3xf64>
  check.expect_grad @arithmetic(%y, %x) wrt [1] rel 1.0e-6 : tensor<2x3xf64>, tensor<2x3xf64>
  check.expect_forms @arithmetic(%x, %y) : tensor<2x3xf64>, tensor<2x3xf64>
  return
}

// A tie splits the cotangent in half, as central differences do.
func.func private @extrema(%x: tensor<2xf64>, %y: tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>) {
  %max = nn.maximum %x, %y : tensor<2xf64>
  %min = nn.minimum %x, %y : tensor<2xf64>
  return %max, %min : tensor<2xf64>, tensor<2xf64>
}
func.func @test_ties() {
  %x = nn.constant dense<[0.0, -1.5]> : tensor<2xf64>
  check.expect_grad @extrema(%x, %x) : tensor<2xf64>, tensor<2xf64>
  return
}

func.func private @pow(%x: tensor<6xf64>, %y: tensor<6xf64>) -> tensor<6xf64> {
  %0 = nn.pow %x, %y : tensor<6xf64>
  return %0 : tensor<6xf64>
}
func.func @test_pow() {
  %x = nn.constant dense<[0.1, 0.5, 1.0, 1.5, 2.0, 3.0]> : tensor<6xf64>
  %y = check.random from -2.0 to 2.0 seed 2 : tensor<6xf64>
  check.expect_grad @pow(%x, %y) rel 1.0e-6 : tensor<6xf64>, tensor<6xf64>
  check.expect_forms @pow(%x, %y) : tensor<6xf64>, tensor<6xf64>
  %zero = nn.constant dense<0.0> : tensor<6xf64>
  check.expect_forms @pow(%x, %zero) : tensor<6xf64>, tensor<6xf64>
  return
}

// Functions of any number. 0 is a kink of |x| with derivative 0, the mean of both sides.
func.func private @everywhere(%x: tensor<5xf64>)
    -> (tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>,
        tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>) {
  %neg = nn.neg %x : tensor<5xf64>
  %abs = nn.abs %x : tensor<5xf64>
  %square = nn.square %x : tensor<5xf64>
  %exp = nn.exp %x : tensor<5xf64>
  %sin = nn.sin %x : tensor<5xf64>
  %cos = nn.cos %x : tensor<5xf64>
  %erf = nn.erf %x : tensor<5xf64>
  %tanh = nn.tanh %x : tensor<5xf64>
  %sigmoid = nn.sigmoid %x : tensor<5xf64>
  %gelu = nn.gelu %x : tensor<5xf64>
  %quick_gelu = nn.quick_gelu %x : tensor<5xf64>
  %silu = nn.silu %x : tensor<5xf64>
  %softplus = nn.softplus %x : tensor<5xf64>
  return %neg, %abs, %square, %exp, %sin, %cos, %erf, %tanh, %sigmoid, %gelu, %quick_gelu, %silu, %softplus
      : tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>,
        tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>, tensor<5xf64>
}
func.func @test_everywhere() {
  %x = check.random from -3.0 to 3.0 seed 3 : tensor<5xf64>
  check.expect_grad @everywhere(%x) : tensor<5xf64>
  check.expect_forms @everywhere(%x) : tensor<5xf64>
  %edges = nn.constant dense<[0.0, 5.0, -5.0, 8.0, -8.0]> : tensor<5xf64>
  check.expect_grad @everywhere(%edges) rel 1.0e-6 : tensor<5xf64>
  check.expect_forms @everywhere(%edges) abs 1.0e-12 : tensor<5xf64>
  return
}

// Functions of positive numbers.
func.func private @positive(%x: tensor<4xf64>) -> (tensor<4xf64>, tensor<4xf64>, tensor<4xf64>) {
  %log = nn.log %x : tensor<4xf64>
  %sqrt = nn.sqrt %x : tensor<4xf64>
  %rsqrt = nn.rsqrt %x : tensor<4xf64>
  return %log, %sqrt, %rsqrt : tensor<4xf64>, tensor<4xf64>, tensor<4xf64>
}
func.func @test_positive() {
  %x = nn.constant dense<[0.1, 0.75, 1.0, 40.0]> : tensor<4xf64>
  check.expect_grad @positive(%x) rel 1.0e-6 : tensor<4xf64>
  check.expect_forms @positive(%x) : tensor<4xf64>
  return
}

// Single precision is all that the scalar code of erfinv promises.
func.func private @erfinv(%x: tensor<5xf64>) -> tensor<5xf64> {
  %0 = nn.erfinv %x : tensor<5xf64>
  return %0 : tensor<5xf64>
}
func.func @test_erfinv() {
  %x = nn.constant dense<[-0.97, -0.5, 0.0, 0.3, 0.95]> : tensor<5xf64>
  check.expect_grad @erfinv(%x) rel 1.0e-5 : tensor<5xf64>
  check.expect_forms @erfinv(%x) rel 1.0e-6 : tensor<5xf64>
  %near_one = nn.constant dense<[-0.9999, -0.999, 0.0, 0.9999, 0.99999]> : tensor<5xf64>
  check.expect_forms @erfinv(%near_one) rel 1.0e-6 : tensor<5xf64>
  return
}

func.func private @relu(%x: tensor<4xf64>) -> tensor<4xf64> {
  %0 = nn.relu %x : tensor<4xf64>
  return %0 : tensor<4xf64>
}
func.func private @relu_gradient_at_zero(%x: tensor<1xf64>) -> tensor<1xf64> {
  %0 = nn.relu %x : tensor<1xf64>
  return %0 : tensor<1xf64>
}
func.func @test_relu() {
  %x = nn.constant dense<[-2.0, -0.1, 0.1, 2.0]> : tensor<4xf64>
  check.expect_grad @relu(%x) : tensor<4xf64>
  check.expect_forms @relu(%x) : tensor<4xf64>
  return
}

func.func private @select(%c: tensor<4xi1>, %x: tensor<4xf64>, %y: tensor<4xf64>) -> tensor<4xf64> {
  %0 = nn.select %c, %x, %y : tensor<4xf64>
  return %0 : tensor<4xf64>
}
func.func @test_select() {
  %c = nn.constant dense<[true, false, true, false]> : tensor<4xi1>
  %x = check.random from -2.0 to 2.0 seed 4 : tensor<4xf64>
  %y = check.random from -2.0 to 2.0 seed 5 : tensor<4xf64>
  check.expect_grad @select(%c, %x, %y) : tensor<4xi1>, tensor<4xf64>, tensor<4xf64>
  check.expect_forms @select(%c, %x, %y) : tensor<4xi1>, tensor<4xf64>, tensor<4xf64>
  return
}

// Through f32 and back: the interpreter keeps f64, so the derivative is exact.
func.func private @cast(%x: tensor<4xf64>, %i: tensor<4xi32>) -> (tensor<4xf64>, tensor<4xf64>) {
  %0 = nn.cast %x : tensor<4xf64> -> tensor<4xf32>
  %1 = nn.square %0 : tensor<4xf32>
  %2 = nn.cast %1 : tensor<4xf32> -> tensor<4xf64>
  %3 = nn.cast %i : tensor<4xi32> -> tensor<4xf64>
  %4 = nn.mul %x, %3 : tensor<4xf64>
  return %2, %4 : tensor<4xf64>, tensor<4xf64>
}
func.func @test_cast() {
  %x = check.random from -2.0 to 2.0 seed 6 : tensor<4xf64>
  %i = nn.constant dense<[-3, 0, 7, 100]> : tensor<4xi32>
  check.expect_grad @cast(%x, %i) : tensor<4xf64>, tensor<4xi32>
  return
}

// The derivative ignores the stopped path: of x stop(x) it is x, where differences would give 2x.
func.func private @stop_gradient(%x: tensor<4xf64>, %y: tensor<4xf64>) -> tensor<4xf64> {
  %0 = nn.stop_gradient %x : tensor<4xf64>
  %1 = nn.mul %0, %y : tensor<4xf64>
  return %1 : tensor<4xf64>
}
func.func @test_stop_gradient() {
  %x = check.random from -2.0 to 2.0 seed 7 : tensor<4xf64>
  %y = check.random from -2.0 to 2.0 seed 8 : tensor<4xf64>
  check.expect_grad @stop_gradient(%x, %y) wrt [1] : tensor<4xf64>, tensor<4xf64>
  check.expect_forms @stop_gradient(%x, %y) : tensor<4xf64>, tensor<4xf64>
  return
}

// No derivative: comparisons, positions, conversions to and from integers.
func.func private @discrete(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>, %i: tensor<2x3xi32>, %j: tensor<2x3xi64>)
    -> (tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>,
        tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi32>, tensor<2x3xf64>, tensor<2x3xi64>, tensor<2x3xi32>,
        tensor<2x3xi32>, tensor<2x3xf64>, tensor<2x3xi64>) {
  %eq = nn.compare eq %x, %y : tensor<2x3xf64> -> tensor<2x3xi1>
  %ne = nn.compare ne %x, %y : tensor<2x3xf64> -> tensor<2x3xi1>
  %lt = nn.compare lt %x, %y : tensor<2x3xf64> -> tensor<2x3xi1>
  %le = nn.compare le %x, %y : tensor<2x3xf64> -> tensor<2x3xi1>
  %gt = nn.compare gt %x, %y : tensor<2x3xf64> -> tensor<2x3xi1>
  %ge = nn.compare ge %x, %y : tensor<2x3xf64> -> tensor<2x3xi1>
  %positions = nn.iota axis 1 : tensor<2x3xi32>
  %less = nn.compare lt %i, %positions : tensor<2x3xi32> -> tensor<2x3xi1>
  %bools = nn.compare gt %eq, %ne : tensor<2x3xi1> -> tensor<2x3xi1>
  %rows = nn.iota axis 0 : tensor<2x3xf64>
  %whole = nn.cast %x : tensor<2x3xf64> -> tensor<2x3xi32>
  %wide = nn.cast %i : tensor<2x3xi32> -> tensor<2x3xi64>
  %narrow = nn.cast %j : tensor<2x3xi64> -> tensor<2x3xi32>
  %one = nn.cast %lt : tensor<2x3xi1> -> tensor<2x3xf64>
  %bit = nn.cast %lt : tensor<2x3xi1> -> tensor<2x3xi64>
  return %eq, %ne, %lt, %le, %gt, %ge, %less, %bools, %positions, %rows, %wide, %narrow, %whole, %one, %bit
      : tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>,
        tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi32>, tensor<2x3xf64>, tensor<2x3xi64>, tensor<2x3xi32>,
        tensor<2x3xi32>, tensor<2x3xf64>, tensor<2x3xi64>
}
func.func @test_discrete() {
  %x = nn.constant dense<[[-1.5, 0.0, 2.0], [0x7FF8000000000000, 1.5, -0.5]]> : tensor<2x3xf64>
  %y = nn.constant dense<[[-1.5, 1.0, 1.0], [1.0, 0x7FF0000000000000, 0.0]]> : tensor<2x3xf64>
  %i = nn.constant dense<[[-1, 2, 1], [0, 3, 2]]> : tensor<2x3xi32>
  %j = nn.constant dense<[[-1, 2, 1], [0, 3, 2]]> : tensor<2x3xi64>
  %x_finite = nn.constant dense<[[-1.5, 0.0, 2.0], [2.5, 1.5, -0.5]]> : tensor<2x3xf64>
  check.expect_forms @discrete(%x_finite, %y, %i, %j) : tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x3xi32>, tensor<2x3xi64>
  check.expect_forms @compare(%x, %y) : tensor<2x3xf64>, tensor<2x3xf64>
  return
}
func.func private @compare(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>)
    -> (tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>) {
  %ne = nn.compare ne %x, %y : tensor<2x3xf64> -> tensor<2x3xi1>
  %lt = nn.compare lt %x, %y : tensor<2x3xf64> -> tensor<2x3xi1>
  %fx = nn.is_finite %x : tensor<2x3xf64> -> tensor<2x3xi1>
  %fy = nn.is_finite %y : tensor<2x3xf64> -> tensor<2x3xi1>
  return %ne, %lt, %fx, %fy : tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>
}
