// RUN: mome-interp %s

func.func private @patch(%x: tensor<2x3x4x4xf64>, %w: tensor<2x3x2x2xf64>) -> tensor<2x2x2x2xf64> {
  %0 = nn.conv %x, %w strides [2, 2] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<2x3x4x4xf64>, tensor<2x3x2x2xf64>) -> tensor<2x2x2x2xf64>
  return %0 : tensor<2x2x2x2xf64>
}
func.func @test_patch() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<2x3x4x4xf64>
  %w = check.random from -2.0 to 2.0 seed 2 : tensor<2x3x2x2xf64>
  check.expect_grad @patch(%x, %w) : tensor<2x3x4x4xf64>, tensor<2x3x2x2xf64>
  return
}

func.func private @strided(%x: tensor<1x4x5x4xf64>, %w: tensor<2x2x3x2xf64>) -> tensor<1x2x3x3xf64> {
  %0 = nn.conv %x, %w strides [2, 1] pad_low [2, 0] pad_high [1, 1] dilations [1, 2] groups 2 : (tensor<1x4x5x4xf64>, tensor<2x2x3x2xf64>) -> tensor<1x2x3x3xf64>
  return %0 : tensor<1x2x3x3xf64>
}
func.func @test_strided() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<1x4x5x4xf64>
  %w = check.random from -2.0 to 2.0 seed 2 : tensor<2x2x3x2xf64>
  check.expect_grad @strided(%x, %w) : tensor<1x4x5x4xf64>, tensor<2x2x3x2xf64>
  return
}

func.func private @depthwise_3d(%x: tensor<1x2x2x3x3xf64>, %w: tensor<2x1x3x3x3xf64>) -> tensor<1x2x2x3x3xf64> {
  %0 = nn.conv %x, %w strides [1, 1, 1] pad_low [1, 1, 1] pad_high [1, 1, 1] dilations [1, 1, 1] groups 2 : (tensor<1x2x2x3x3xf64>, tensor<2x1x3x3x3xf64>) -> tensor<1x2x2x3x3xf64>
  return %0 : tensor<1x2x2x3x3xf64>
}
func.func @test_depthwise_3d() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<1x2x2x3x3xf64>
  %w = check.random from -2.0 to 2.0 seed 2 : tensor<2x1x3x3x3xf64>
  check.expect_grad @depthwise_3d(%x, %w) : tensor<1x2x2x3x3xf64>, tensor<2x1x3x3x3xf64>
  return
}

func.func private @line(%x: tensor<2x1x7xf64>, %w: tensor<3x1x3xf64>) -> tensor<2x3x2xf64> {
  %0 = nn.conv %x, %w strides [3] pad_low [0] pad_high [1] dilations [2] groups 1 : (tensor<2x1x7xf64>, tensor<3x1x3xf64>) -> tensor<2x3x2xf64>
  return %0 : tensor<2x3x2xf64>
}
func.func @test_line() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<2x1x7xf64>
  %w = check.random from -2.0 to 2.0 seed 2 : tensor<3x1x3xf64>
  check.expect_grad @line(%x, %w) : tensor<2x1x7xf64>, tensor<3x1x3xf64>
  return
}

// Overlapping windows: an element may win several.
func.func private @max_overlapping(%x: tensor<1x2x5x5xf64>) -> tensor<1x2x3x3xf64> {
  %y, %argmax = nn.max_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] : (tensor<1x2x5x5xf64>) -> (tensor<1x2x3x3xf64>, tensor<1x2x3x3xi32>)
  return %y : tensor<1x2x3x3xf64>
}
func.func @test_max_overlapping() {
  %x = check.random from -2.0 to 2.0 seed 3 : tensor<1x2x5x5xf64>
  check.expect_grad @max_overlapping(%x) : tensor<1x2x5x5xf64>
  return
}

func.func private @max_3d(%x: tensor<2x1x2x4x3xf64>) -> tensor<2x1x1x2x2xf64> {
  %y, %argmax = nn.max_pool %x kernel [2, 2, 2] strides [2, 2, 1] pad_low [0, 0, 0] pad_high [0, 0, 0] : (tensor<2x1x2x4x3xf64>) -> (tensor<2x1x1x2x2xf64>, tensor<2x1x1x2x2xi32>)
  return %y : tensor<2x1x1x2x2xf64>
}
func.func @test_max_3d() {
  %x = check.random from -2.0 to 2.0 seed 4 : tensor<2x1x2x4x3xf64>
  check.expect_grad @max_3d(%x) : tensor<2x1x2x4x3xf64>
  return
}

func.func private @avg_inner(%x: tensor<1x2x5x5xf64>) -> tensor<1x2x3x3xf64> {
  %y = nn.avg_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] : (tensor<1x2x5x5xf64>) -> tensor<1x2x3x3xf64>
  return %y : tensor<1x2x3x3xf64>
}
func.func @test_avg_inner() {
  %x = check.random from -2.0 to 2.0 seed 5 : tensor<1x2x5x5xf64>
  check.expect_grad @avg_inner(%x) : tensor<1x2x5x5xf64>
  return
}

func.func private @avg_all(%x: tensor<1x2x5x5xf64>) -> tensor<1x2x3x3xf64> {
  %y = nn.avg_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1] count_include_pad : (tensor<1x2x5x5xf64>) -> tensor<1x2x3x3xf64>
  return %y : tensor<1x2x3x3xf64>
}
func.func @test_avg_all() {
  %x = check.random from -2.0 to 2.0 seed 6 : tensor<1x2x5x5xf64>
  check.expect_grad @avg_all(%x) : tensor<1x2x5x5xf64>
  return
}

func.func private @avg_line(%x: tensor<2x2x7xf64>) -> tensor<2x2x3xf64> {
  %y = nn.avg_pool %x kernel [3] strides [2] pad_low [0] pad_high [0] : (tensor<2x2x7xf64>) -> tensor<2x2x3xf64>
  return %y : tensor<2x2x3xf64>
}
func.func @test_avg_line() {
  %x = check.random from -2.0 to 2.0 seed 7 : tensor<2x2x7xf64>
  check.expect_grad @avg_line(%x) : tensor<2x2x7xf64>
  return
}
