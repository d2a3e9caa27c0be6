// RUN: mome-interp %s

func.func private @linear(%x: tensor<3x4xf64>, %w: tensor<5x4xf64>, %b: tensor<5xf64>) -> tensor<3x5xf64> {
  %0 = nn.linear %x, %w, %b : (tensor<3x4xf64>, tensor<5x4xf64>, tensor<5xf64>) -> tensor<3x5xf64>
  return %0 : tensor<3x5xf64>
}
func.func private @linear_4d(%x: tensor<2x1x3x7xf64>, %w: tensor<1x7xf64>) -> tensor<2x1x3x1xf64> {
  %0 = nn.linear %x, %w : (tensor<2x1x3x7xf64>, tensor<1x7xf64>) -> tensor<2x1x3x1xf64>
  return %0 : tensor<2x1x3x1xf64>
}
func.func private @linear_vector(%x: tensor<3xf64>, %w: tensor<2x3xf64>, %b: tensor<2xf64>) -> tensor<2xf64> {
  %0 = nn.linear %x, %w, %b : (tensor<3xf64>, tensor<2x3xf64>, tensor<2xf64>) -> tensor<2xf64>
  return %0 : tensor<2xf64>
}
func.func @test_linear() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<3x4xf64>
  %w = check.random from -2.0 to 2.0 seed 2 : tensor<5x4xf64>
  %b = check.random from -2.0 to 2.0 seed 3 : tensor<5xf64>
  check.expect_grad @linear(%x, %w, %b) : tensor<3x4xf64>, tensor<5x4xf64>, tensor<5xf64>
  %x4 = check.random from -2.0 to 2.0 seed 4 : tensor<2x1x3x7xf64>
  %w4 = check.random from -2.0 to 2.0 seed 5 : tensor<1x7xf64>
  check.expect_grad @linear_4d(%x4, %w4) : tensor<2x1x3x7xf64>, tensor<1x7xf64>
  %x1 = check.random from -2.0 to 2.0 seed 6 : tensor<3xf64>
  %w1 = check.random from -2.0 to 2.0 seed 7 : tensor<2x3xf64>
  %b1 = check.random from -2.0 to 2.0 seed 8 : tensor<2xf64>
  check.expect_grad @linear_vector(%x1, %w1, %b1) : tensor<3xf64>, tensor<2x3xf64>, tensor<2xf64>
  return
}

func.func private @matmul(%a: tensor<3x4xf64>, %b: tensor<4x5xf64>) -> tensor<3x5xf64> {
  %0 = nn.matmul %a, %b : (tensor<3x4xf64>, tensor<4x5xf64>) -> tensor<3x5xf64>
  return %0 : tensor<3x5xf64>
}
func.func private @matmul_ta(%a: tensor<2x4x3xf64>, %b: tensor<2x4x5xf64>) -> tensor<2x3x5xf64> {
  %0 = nn.matmul %a, %b transpose_a : (tensor<2x4x3xf64>, tensor<2x4x5xf64>) -> tensor<2x3x5xf64>
  return %0 : tensor<2x3x5xf64>
}
func.func private @matmul_tb(%a: tensor<2x3x4xf64>, %b: tensor<2x5x4xf64>) -> tensor<2x3x5xf64> {
  %0 = nn.matmul %a, %b transpose_b : (tensor<2x3x4xf64>, tensor<2x5x4xf64>) -> tensor<2x3x5xf64>
  return %0 : tensor<2x3x5xf64>
}
func.func private @matmul_tab(%a: tensor<2x1x4x3xf64>, %b: tensor<2x1x5x4xf64>) -> tensor<2x1x3x5xf64> {
  %0 = nn.matmul %a, %b transpose_a transpose_b : (tensor<2x1x4x3xf64>, tensor<2x1x5x4xf64>) -> tensor<2x1x3x5xf64>
  return %0 : tensor<2x1x3x5xf64>
}
func.func @test_matmul() {
  %a = check.random from -2.0 to 2.0 seed 1 : tensor<3x4xf64>
  %b = check.random from -2.0 to 2.0 seed 2 : tensor<4x5xf64>
  check.expect_grad @matmul(%a, %b) : tensor<3x4xf64>, tensor<4x5xf64>
  %at = check.random from -2.0 to 2.0 seed 3 : tensor<2x4x3xf64>
  %b3 = check.random from -2.0 to 2.0 seed 4 : tensor<2x4x5xf64>
  check.expect_grad @matmul_ta(%at, %b3) : tensor<2x4x3xf64>, tensor<2x4x5xf64>
  %a3 = check.random from -2.0 to 2.0 seed 5 : tensor<2x3x4xf64>
  %bt = check.random from -2.0 to 2.0 seed 6 : tensor<2x5x4xf64>
  check.expect_grad @matmul_tb(%a3, %bt) : tensor<2x3x4xf64>, tensor<2x5x4xf64>
  %at4 = check.random from -2.0 to 2.0 seed 7 : tensor<2x1x4x3xf64>
  %bt4 = check.random from -2.0 to 2.0 seed 8 : tensor<2x1x5x4xf64>
  check.expect_grad @matmul_tab(%at4, %bt4) : tensor<2x1x4x3xf64>, tensor<2x1x5x4xf64>
  return
}
