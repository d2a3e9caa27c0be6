// RUN: mome-interp %s

func.func private @dropout(%x: tensor<4x3x5xf64>, %rate: tensor<f64>, %seed: tensor<i64>, %step: tensor<i64>, %sample: tensor<i64>) -> (tensor<4x3x5xf64>, tensor<4x3x5xf64>) {
  %0 = nn.dropout %x, %rate, %seed, %step, %sample rng_id 4000000000 : (tensor<4x3x5xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<4x3x5xf64>
  %1 = nn.dropout %x, %rate, %seed, %step, %sample rng_id 5 per_sample : (tensor<4x3x5xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<4x3x5xf64>
  return %0, %1 : tensor<4x3x5xf64>, tensor<4x3x5xf64>
}
func.func @test_dropout() {
  %x = check.random from -2.0 to 2.0 seed 1 : tensor<4x3x5xf64>
  %rate = nn.constant dense<0.4> : tensor<f64>
  %seed = nn.constant dense<1234567890123456> : tensor<i64>
  %step = nn.constant dense<17> : tensor<i64>
  %sample = nn.constant dense<4294967294> : tensor<i64> // the counter wraps within the batch
  check.expect_grad @dropout(%x, %rate, %seed, %step, %sample) wrt [0] : tensor<4x3x5xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>
  check.expect_forms @dropout(%x, %rate, %seed, %step, %sample) : tensor<4x3x5xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>
  // Rates 0 and 1 are legal.
  %zero = nn.constant dense<0.0> : tensor<f64>
  %one = nn.constant dense<1.0> : tensor<f64>
  check.expect_forms @dropout(%x, %zero, %seed, %step, %sample) : tensor<4x3x5xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>
  check.expect_forms @dropout(%x, %one, %seed, %step, %sample) : tensor<4x3x5xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>
  return
}

func.func private @initial(%seed: tensor<i64>, %step: tensor<i64>) -> (tensor<3x7xf64>, tensor<3x7xf64>, tensor<3x7xf64>, tensor<i32>) {
  %0 = nn.random_uniform %seed rng_id 7 low -1.0 high 2.0 : (tensor<i64>) -> tensor<3x7xf64>
  %1 = nn.random_normal %seed rng_id 7 mean 1.0 std 2.0 : (tensor<i64>) -> tensor<3x7xf64>
  %2 = nn.random_normal %seed rng_id 3000000000 mean 1.0 std 2.0 truncated : (tensor<i64>) -> tensor<3x7xf64>
  %3 = nn.random_index %seed, %step rng_id 7 n 12 : (tensor<i64>, tensor<i64>) -> tensor<i32>
  return %0, %1, %2, %3 : tensor<3x7xf64>, tensor<3x7xf64>, tensor<3x7xf64>, tensor<i32>
}
func.func @test_initial() {
  %seed = nn.constant dense<42> : tensor<i64>
  %step = nn.constant dense<5> : tensor<i64>
  // The scalar code of erfinv has single precision.
  check.expect_forms @initial(%seed, %step) rel 1.0e-5 abs 1.0e-6 : tensor<i64>, tensor<i64>
  return
}
