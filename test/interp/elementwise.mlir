// Values against numbers computed by hand (transcendental ones: Python).
// RUN: mome-interp %s

func.func @arithmetic() {
  %x = nn.constant dense<[1.0, -2.0, 0.0, 8.0]> : tensor<4xf64>
  %y = nn.constant dense<[4.0, 0.5, -3.0, 2.0]> : tensor<4xf64>
  %add = nn.add %x, %y : tensor<4xf64>
  %add_e = nn.constant dense<[5.0, -1.5, -3.0, 10.0]> : tensor<4xf64>
  check.expect_close %add, %add_e : tensor<4xf64>
  %sub = nn.sub %x, %y : tensor<4xf64>
  %sub_e = nn.constant dense<[-3.0, -2.5, 3.0, 6.0]> : tensor<4xf64>
  check.expect_close %sub, %sub_e : tensor<4xf64>
  %mul = nn.mul %x, %y : tensor<4xf64>
  %mul_e = nn.constant dense<[4.0, -1.0, 0.0, 16.0]> : tensor<4xf64>
  check.expect_close %mul, %mul_e : tensor<4xf64>
  %div = nn.div %x, %y : tensor<4xf64>
  %div_e = nn.constant dense<[0.25, -4.0, 0.0, 4.0]> : tensor<4xf64>
  check.expect_close %div, %div_e : tensor<4xf64>
  %max = nn.maximum %x, %y : tensor<4xf64>
  %max_e = nn.constant dense<[4.0, 0.5, 0.0, 8.0]> : tensor<4xf64>
  check.expect_close %max, %max_e : tensor<4xf64>
  %min = nn.minimum %x, %y : tensor<4xf64>
  %min_e = nn.constant dense<[1.0, -2.0, -3.0, 2.0]> : tensor<4xf64>
  check.expect_close %min, %min_e : tensor<4xf64>
  %pow = nn.pow %x, %y : tensor<4xf64>
  %pow_e = nn.constant dense<[1.0, 0x7FF8000000000000, 0x7FF0000000000000, 64.0]> : tensor<4xf64>
  check.expect_close %pow, %pow_e : tensor<4xf64>
  return
}

func.func @nan() {
  %nan = nn.constant dense<[0x7FF8000000000000, 1.0]> : tensor<2xf64>
  %one = nn.constant dense<[1.0, 0x7FF8000000000000]> : tensor<2xf64>
  %e = nn.constant dense<0x7FF8000000000000> : tensor<2xf64>
  %max = nn.maximum %nan, %one : tensor<2xf64>
  check.expect_close %max, %e : tensor<2xf64>
  %min = nn.minimum %nan, %one : tensor<2xf64>
  check.expect_close %min, %e : tensor<2xf64>
  return
}

func.func @functions() {
  %x = nn.constant dense<[-1.5, 0.0, 0.5]> : tensor<3xf64>
  %neg = nn.neg %x : tensor<3xf64>
  %neg_e = nn.constant dense<[1.5, 0.0, -0.5]> : tensor<3xf64>
  check.expect_close %neg, %neg_e : tensor<3xf64>
  %abs = nn.abs %x : tensor<3xf64>
  %abs_e = nn.constant dense<[1.5, 0.0, 0.5]> : tensor<3xf64>
  check.expect_close %abs, %abs_e : tensor<3xf64>
  %square = nn.square %x : tensor<3xf64>
  %square_e = nn.constant dense<[2.25, 0.0, 0.25]> : tensor<3xf64>
  check.expect_close %square, %square_e : tensor<3xf64>
  %sqrt = nn.sqrt %square : tensor<3xf64>
  check.expect_close %sqrt, %abs : tensor<3xf64>
  %exp = nn.exp %x : tensor<3xf64>
  %exp_e = nn.constant dense<[0.22313016014842982, 1.0, 1.6487212707001282]> : tensor<3xf64>
  check.expect_close %exp, %exp_e : tensor<3xf64>
  %log = nn.log %exp : tensor<3xf64>
  check.expect_close %log, %x : tensor<3xf64>
  %rsqrt = nn.rsqrt %exp : tensor<3xf64>
  %rsqrt_e = nn.constant dense<[2.1170000166126748, 1.0, 0.77880078307140487]> : tensor<3xf64>
  check.expect_close %rsqrt, %rsqrt_e : tensor<3xf64>
  %sin = nn.sin %x : tensor<3xf64>
  %sin_e = nn.constant dense<[-0.99749498660405444, 0.0, 0.47942553860420301]> : tensor<3xf64>
  check.expect_close %sin, %sin_e : tensor<3xf64>
  %cos = nn.cos %x : tensor<3xf64>
  %cos_e = nn.constant dense<[0.070737201667702906, 1.0, 0.87758256189037276]> : tensor<3xf64>
  check.expect_close %cos, %cos_e : tensor<3xf64>
  %erf = nn.erf %x : tensor<3xf64>
  %erf_e = nn.constant dense<[-0.96610514647531076, 0.0, 0.52049987781304652]> : tensor<3xf64>
  check.expect_close %erf, %erf_e : tensor<3xf64>
  %erfinv = nn.erfinv %erf : tensor<3xf64>
  check.expect_close %erfinv, %x : tensor<3xf64>
  return
}

func.func @activations() {
  %x = nn.constant dense<[-1.5, 0.0, 0.5]> : tensor<3xf64>
  %tanh = nn.tanh %x : tensor<3xf64>
  %tanh_e = nn.constant dense<[-0.90514825364486640, 0.0, 0.46211715726000979]> : tensor<3xf64>
  check.expect_close %tanh, %tanh_e : tensor<3xf64>
  %sigmoid = nn.sigmoid %x : tensor<3xf64>
  %sigmoid_e = nn.constant dense<[0.18242552380635635, 0.5, 0.62245933120185459]> : tensor<3xf64>
  check.expect_close %sigmoid, %sigmoid_e : tensor<3xf64>
  %relu = nn.relu %x : tensor<3xf64>
  %relu_e = nn.constant dense<[0.0, 0.0, 0.5]> : tensor<3xf64>
  check.expect_close %relu, %relu_e : tensor<3xf64>
  %gelu = nn.gelu %x : tensor<3xf64>
  %gelu_e = nn.constant dense<[-0.10021080190328700, 0.0, 0.34573123063700656]> : tensor<3xf64>
  check.expect_close %gelu, %gelu_e : tensor<3xf64>
  %quick_gelu = nn.quick_gelu %x : tensor<3xf64>
  %quick_gelu_e = nn.constant dense<[-0.10833780155292343, 0.0, 0.35038843660638014]> : tensor<3xf64>
  check.expect_close %quick_gelu, %quick_gelu_e : tensor<3xf64>
  %silu = nn.silu %x : tensor<3xf64>
  %silu_e = nn.constant dense<[-0.27363828570953453, 0.0, 0.31122966560092730]> : tensor<3xf64>
  check.expect_close %silu, %silu_e : tensor<3xf64>
  %softplus = nn.softplus %x : tensor<3xf64>
  %softplus_e = nn.constant dense<[0.20141327798275241, 0.69314718055994531, 0.97407698418010669]> : tensor<3xf64>
  check.expect_close %softplus, %softplus_e : tensor<3xf64>
  return
}
