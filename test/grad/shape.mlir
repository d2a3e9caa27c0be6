// Derivatives and index maps of the ops that move elements.
// RUN: mome-interp %s

func.func private @reshape(%x: tensor<2x6xf64>)
    -> (tensor<3x4xf64>, tensor<12xf64>, tensor<2x3x1x2xf64>, tensor<1x2x6x1xf64>) {
  %0 = nn.reshape %x : tensor<2x6xf64> -> tensor<3x4xf64>
  %1 = nn.reshape %x : tensor<2x6xf64> -> tensor<12xf64>
  %2 = nn.reshape %x : tensor<2x6xf64> -> tensor<2x3x1x2xf64>
  %3 = nn.reshape %x : tensor<2x6xf64> -> tensor<1x2x6x1xf64>
  return %0, %1, %2, %3 : tensor<3x4xf64>, tensor<12xf64>, tensor<2x3x1x2xf64>, tensor<1x2x6x1xf64>
}
func.func private @reshape_scalar(%x: tensor<f64>) -> tensor<f64> {
  %0 = nn.reshape %x : tensor<f64> -> tensor<1x1xf64>
  %1 = nn.reshape %0 : tensor<1x1xf64> -> tensor<f64>
  return %1 : tensor<f64>
}
func.func @test_reshape() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<2x6xf64>
  check.expect_grad @reshape(%x) : tensor<2x6xf64>
  check.expect_forms @reshape(%x) : tensor<2x6xf64>
  %s = check.random from -2.0 to 2.0 seed 2 : tensor<f64>
  check.expect_grad @reshape_scalar(%s) : tensor<f64>
  check.expect_forms @reshape_scalar(%s) : tensor<f64>
  return
}

func.func private @transpose(%x: tensor<2x3x4xf64>) -> (tensor<4x2x3xf64>, tensor<2x4x3xf64>) {
  %0 = nn.transpose %x permutation [2, 0, 1] : tensor<2x3x4xf64> -> tensor<4x2x3xf64>
  %1 = nn.transpose %x permutation [0, 2, 1] : tensor<2x3x4xf64> -> tensor<2x4x3xf64>
  return %0, %1 : tensor<4x2x3xf64>, tensor<2x4x3xf64>
}
func.func @test_transpose() {
  %x = check.random from -2.0 to 2.0 seed 3 : tensor<2x3x4xf64>
  check.expect_grad @transpose(%x) : tensor<2x3x4xf64>
  check.expect_forms @transpose(%x) : tensor<2x3x4xf64>
  return
}

func.func private @broadcast(%s: tensor<f64>, %x: tensor<3xf64>, %y: tensor<2x1x4xf64>)
    -> (tensor<2x3xf64>, tensor<2x3x4xf64>, tensor<2x3x4xf64>, tensor<5x2x1x4xf64>) {
  %0 = nn.broadcast %s dims [] : tensor<f64> -> tensor<2x3xf64>
  %1 = nn.broadcast %x dims [1] : tensor<3xf64> -> tensor<2x3x4xf64>
  %2 = nn.broadcast %y dims [0, 1, 2] : tensor<2x1x4xf64> -> tensor<2x3x4xf64>
  %3 = nn.broadcast %y dims [1, 2, 3] : tensor<2x1x4xf64> -> tensor<5x2x1x4xf64>
  return %0, %1, %2, %3 : tensor<2x3xf64>, tensor<2x3x4xf64>, tensor<2x3x4xf64>, tensor<5x2x1x4xf64>
}
func.func @test_broadcast() {
  %s = check.random from -2.0 to 2.0 seed 4 : tensor<f64>
  %x = check.random from -2.0 to 2.0 seed 5 : tensor<3xf64>
  %y = check.random from -2.0 to 2.0 seed 6 : tensor<2x1x4xf64>
  check.expect_grad @broadcast(%s, %x, %y) : tensor<f64>, tensor<3xf64>, tensor<2x1x4xf64>
  check.expect_forms @broadcast(%s, %x, %y) : tensor<f64>, tensor<3xf64>, tensor<2x1x4xf64>
  return
}

func.func private @slice(%x: tensor<5x4xf64>) -> (tensor<2x4xf64>, tensor<2x2xf64>, tensor<1x1xf64>) {
  %0 = nn.slice %x offsets [3, 0] sizes [2, 4] strides [1, 1] : tensor<5x4xf64> -> tensor<2x4xf64>
  %1 = nn.slice %x offsets [0, 1] sizes [2, 2] strides [3, 2] : tensor<5x4xf64> -> tensor<2x2xf64>
  %2 = nn.slice %x offsets [4, 3] sizes [1, 1] strides [1, 1] : tensor<5x4xf64> -> tensor<1x1xf64>
  return %0, %1, %2 : tensor<2x4xf64>, tensor<2x2xf64>, tensor<1x1xf64>
}
func.func @test_slice() {
  %x = check.random from -2.0 to 2.0 seed 7 : tensor<5x4xf64>
  check.expect_grad @slice(%x) : tensor<5x4xf64>
  check.expect_forms @slice(%x) : tensor<5x4xf64>
  return
}

func.func private @pad(%x: tensor<2x3xf64>) -> (tensor<6x5xf64>, tensor<2x7xf64>, tensor<2x4xf64>) {
  %0 = nn.pad %x low [1, 2] high [2, 0] interior [1, 0] value 0.0 : tensor<2x3xf64> -> tensor<6x5xf64>
  %1 = nn.pad %x low [0, 0] high [0, 0] interior [0, 2] value -1.0 : tensor<2x3xf64> -> tensor<2x7xf64>
  %2 = nn.pad %x low [0, 0] high [0, 1] interior [0, 0] value 3.0 : tensor<2x3xf64> -> tensor<2x4xf64>
  return %0, %1, %2 : tensor<6x5xf64>, tensor<2x7xf64>, tensor<2x4xf64>
}
func.func @test_pad() {
  %x = check.random from -2.0 to 2.0 seed 8 : tensor<2x3xf64>
  check.expect_grad @pad(%x) : tensor<2x3xf64>
  check.expect_forms @pad(%x) : tensor<2x3xf64>
  return
}

func.func private @concat(%x: tensor<2x3xf64>, %y: tensor<2x1xf64>, %z: tensor<4x3xf64>)
    -> (tensor<2x7xf64>, tensor<6x3xf64>) {
  %0 = nn.concat %x, %y, %x axis 1 : (tensor<2x3xf64>, tensor<2x1xf64>, tensor<2x3xf64>) -> tensor<2x7xf64>
  %1 = nn.concat %z, %x axis 0 : (tensor<4x3xf64>, tensor<2x3xf64>) -> tensor<6x3xf64>
  return %0, %1 : tensor<2x7xf64>, tensor<6x3xf64>
}
func.func @test_concat() {
  %x = check.random from -2.0 to 2.0 seed 9 : tensor<2x3xf64>
  %y = check.random from -2.0 to 2.0 seed 10 : tensor<2x1xf64>
  %z = check.random from -2.0 to 2.0 seed 11 : tensor<4x3xf64>
  check.expect_grad @concat(%x, %y, %z) : tensor<2x3xf64>, tensor<2x1xf64>, tensor<4x3xf64>
  check.expect_forms @concat(%x, %y, %z) : tensor<2x3xf64>, tensor<2x1xf64>, tensor<4x3xf64>
  return
}

func.func private @move(%x: tensor<2x5xf64>)
    -> (tensor<2x5xf64>, tensor<2x5xf64>, tensor<2x5xf64>, tensor<2x5xf64>, tensor<2x5xf64>, tensor<2x5xf64>) {
  %0 = nn.roll %x shift 2 axis 1 : tensor<2x5xf64>
  %1 = nn.roll %x shift -8 axis 1 : tensor<2x5xf64>
  %2 = nn.roll %x shift 1 axis 0 : tensor<2x5xf64>
  %3 = nn.shift %x by 2 axis 1 : tensor<2x5xf64>
  %4 = nn.shift %x by -1 axis 0 : tensor<2x5xf64>
  %5 = nn.shift %x by 7 axis 1 : tensor<2x5xf64>
  return %0, %1, %2, %3, %4, %5
      : tensor<2x5xf64>, tensor<2x5xf64>, tensor<2x5xf64>, tensor<2x5xf64>, tensor<2x5xf64>, tensor<2x5xf64>
}
func.func @test_move() {
  %x = check.random from -2.0 to 2.0 seed 12 : tensor<2x5xf64>
  check.expect_grad @move(%x) : tensor<2x5xf64>
  check.expect_forms @move(%x) : tensor<2x5xf64>
  return
}

// Integers and booleans move too.
func.func private @integers(%i: tensor<2x3xi32>) -> (tensor<3x2xi32>, tensor<4x3xi32>, tensor<2x3xi1>) {
  %0 = nn.transpose %i permutation [1, 0] : tensor<2x3xi32> -> tensor<3x2xi32>
  %1 = nn.concat %i, %i axis 0 : (tensor<2x3xi32>, tensor<2x3xi32>) -> tensor<4x3xi32>
  %2 = nn.compare gt %i, %i : tensor<2x3xi32> -> tensor<2x3xi1>
  %3 = nn.roll %2 shift 1 axis 1 : tensor<2x3xi1>
  return %0, %1, %3 : tensor<3x2xi32>, tensor<4x3xi32>, tensor<2x3xi1>
}
func.func @test_integers() {
  %i = check.random from -9.0 to 9.0 seed 13 : tensor<2x3xi32>
  check.expect_forms @integers(%i) : tensor<2x3xi32>
  return
}

// Some indices are outside: they read zeros and get no cotangent. Others repeat: their cotangents add up.
func.func private @take(%x: tensor<4x3xf64>, %i: tensor<2x3xi32>, %j: tensor<i64>)
    -> (tensor<2x3x3xf64>, tensor<4x2x3xf64>, tensor<3xf64>) {
  %0 = nn.take %x, %i axis 0 : tensor<4x3xf64>, tensor<2x3xi32> -> tensor<2x3x3xf64>
  %1 = nn.take %x, %i axis 1 : tensor<4x3xf64>, tensor<2x3xi32> -> tensor<4x2x3xf64>
  %2 = nn.take %x, %j axis 0 : tensor<4x3xf64>, tensor<i64> -> tensor<3xf64>
  return %0, %1, %2 : tensor<2x3x3xf64>, tensor<4x2x3xf64>, tensor<3xf64>
}
func.func @test_take() {
  %x = check.random from -2.0 to 2.0 seed 14 : tensor<4x3xf64>
  %i = nn.constant dense<[[0, 3, -1], [3, 4, 1]]> : tensor<2x3xi32>
  %j = nn.constant dense<2> : tensor<i64>
  check.expect_grad @take(%x, %i, %j) : tensor<4x3xf64>, tensor<2x3xi32>, tensor<i64>
  return
}

func.func private @one_hot(%i: tensor<2x2xi32>, %j: tensor<i64>) -> (tensor<2x2x3xf64>, tensor<4xf64>) {
  %0 = nn.one_hot %i : tensor<2x2xi32> -> tensor<2x2x3xf64>
  %1 = nn.one_hot %j : tensor<i64> -> tensor<4xf64>
  return %0, %1 : tensor<2x2x3xf64>, tensor<4xf64>
}
func.func @test_one_hot() {
  %i = nn.constant dense<[[0, 2], [-1, 3]]> : tensor<2x2xi32>
  %j = nn.constant dense<1> : tensor<i64>
  check.expect_forms @one_hot(%i, %j) : tensor<2x2xi32>, tensor<i64>
  return
}
