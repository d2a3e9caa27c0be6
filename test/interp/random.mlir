// Expected numbers come from an independent implementation of Philox4x32-10 and its keys.
// RUN: mome-interp %s

func.func @masks() {
  %x = nn.constant dense<1.0> : tensor<3x4xf64>
  %rate = nn.constant dense<0.5> : tensor<f64>
  %seed = nn.constant dense<1234567890123456> : tensor<i64> // more than 32 bits
  %step = nn.constant dense<17> : tensor<i64>
  %sample = nn.constant dense<4294967295> : tensor<i64> // the next ones wrap to 0 and 1
  %0 = nn.dropout %x, %rate, %seed, %step, %sample rng_id 4000000000 : (tensor<3x4xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<3x4xf64>
  %e0 = nn.constant dense<[[2.0, 0.0, 2.0, 2.0], [2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]> : tensor<3x4xf64>
  check.expect_close %0, %e0 : tensor<3x4xf64>
  %1 = nn.dropout %x, %rate, %seed, %step, %sample rng_id 9 per_sample : (tensor<3x4xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<3x4xf64>
  %e1 = nn.constant dense<[[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]> : tensor<3x4xf64>
  check.expect_close %1, %e1 : tensor<3x4xf64>
  return
}

func.func @initial() {
  %seed = nn.constant dense<1234567890123456> : tensor<i64>
  %0 = nn.random_uniform %seed rng_id 5 low -1.0 high 2.0 : (tensor<i64>) -> tensor<4xf64>
  %e0 = nn.constant dense<[-0.027826905250549316, 1.0806583762168884, 0.9304237365722656, -0.019503295421600342]> : tensor<4xf64>
  check.expect_close %0, %e0 : tensor<4xf64>
  %1 = nn.random_normal %seed rng_id 5 mean 1.0 std 0.5 : (tensor<i64>) -> tensor<2x2xf64>
  %e1 = nn.constant dense<[[0.7718091035656783, 1.2529731441592853], [1.1838809485052122, 0.7756613965039285]]> : tensor<2x2xf64>
  check.expect_close %1, %e1 : tensor<2x2xf64>
  %2 = nn.random_normal %seed rng_id 5 mean 1.0 std 0.5 truncated : (tensor<i64>) -> tensor<2x2xf64>
  %e2 = nn.constant dense<[[0.7828883505860049, 1.2405061441272458], [1.1751543426598958, 0.7865299001951558]]> : tensor<2x2xf64>
  check.expect_close %2, %e2 : tensor<2x2xf64>
  return
}

func.func @index() {
  %seed = nn.constant dense<1234567890123456> : tensor<i64>
  %step0 = nn.constant dense<0> : tensor<i64>
  %0 = nn.random_index %seed, %step0 rng_id 5 n 12 : (tensor<i64>, tensor<i64>) -> tensor<i32>
  %e0 = nn.constant dense<3> : tensor<i32>
  check.expect_close %0, %e0 : tensor<i32>
  %step1 = nn.constant dense<1> : tensor<i64>
  %1 = nn.random_index %seed, %step1 rng_id 5 n 12 : (tensor<i64>, tensor<i64>) -> tensor<i32>
  %e1 = nn.constant dense<7> : tensor<i32>
  check.expect_close %1, %e1 : tensor<i32>
  %step2 = nn.constant dense<2> : tensor<i64>
  %2 = nn.random_index %seed, %step2 rng_id 5 n 12 : (tensor<i64>, tensor<i64>) -> tensor<i32>
  %e2 = nn.constant dense<10> : tensor<i32>
  check.expect_close %2, %e2 : tensor<i32>
  return
}

// Shares and moments of 10^5 draws, within five deviations of the mean.
func.func @moments() {
  %seed = nn.constant dense<1> : tensor<i64>
  %step = nn.constant dense<0> : tensor<i64>
  %rate = nn.constant dense<0.1> : tensor<f64>
  %x = nn.constant dense<1.0e-5> : tensor<10x10000xf64>
  %kept = nn.dropout %x, %rate, %seed, %step, %step rng_id 1 : (tensor<10x10000xf64>, tensor<f64>, tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<10x10000xf64>
  %mean = nn.reduce_sum %kept axes [0, 1] : tensor<10x10000xf64> -> tensor<f64>
  %one = nn.constant dense<1.0> : tensor<f64>
  check.expect_close %mean, %one abs 5.0e-3 : tensor<f64>

  %n = nn.random_normal %seed rng_id 2 mean 0.0 std 1.0 : (tensor<i64>) -> tensor<100000xf64>
  %share = nn.constant dense<1.0e-5> : tensor<100000xf64>
  %weighted = nn.mul %n, %share : tensor<100000xf64>
  %first = nn.reduce_sum %weighted axes [0] : tensor<100000xf64> -> tensor<f64>
  %zero = nn.constant dense<0.0> : tensor<f64>
  check.expect_close %first, %zero abs 1.6e-2 : tensor<f64>
  %squares = nn.mul %weighted, %n : tensor<100000xf64>
  %second = nn.reduce_sum %squares axes [0] : tensor<100000xf64> -> tensor<f64>
  check.expect_close %second, %one abs 2.3e-2 : tensor<f64>

  // Truncated at two deviations, whose variance is 0.774.
  %t = nn.random_normal %seed rng_id 3 mean 0.0 std 1.0 truncated : (tensor<i64>) -> tensor<100000xf64>
  %size = nn.abs %t : tensor<100000xf64>
  %largest = nn.reduce_max %size axes [0] : tensor<100000xf64> -> tensor<f64>
  %two = nn.constant dense<2.0> : tensor<f64>
  %inside = nn.compare le %largest, %two : tensor<f64> -> tensor<i1>
  %true = nn.constant dense<true> : tensor<i1>
  check.expect_close %inside, %true : tensor<i1>
  check.expect_close %largest, %two abs 1.0e-3 : tensor<f64>
  %t_weighted = nn.mul %t, %share : tensor<100000xf64>
  %t_squares = nn.mul %t_weighted, %t : tensor<100000xf64>
  %t_second = nn.reduce_sum %t_squares axes [0] : tensor<100000xf64> -> tensor<f64>
  %variance = nn.constant dense<0.774> : tensor<f64>
  check.expect_close %t_second, %variance abs 1.5e-2 : tensor<f64>
  return
}
