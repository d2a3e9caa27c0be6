// A classifier of two layers at the `place` level: prediction, gradients, and a training step.
module @tiny attributes {rt.package = {
  model = "tiny", classes = ["a", "b"], modalities = ["x"], batch = 2 : i64, eval_batch = 2 : i64, precision = "f32",
  losses = ["ce"], train = [{name = "t", json = "{\22batch\22: 2}"}], scalars = [{name = "t.lr", type = f32, value = 0.1 : f64}]}} {
  func.func @predict(%x: tensor<2x3xf32> {nn.bind = #nn.bind<input, "x">}, %w: tensor<4x3xf32> {nn.bind = #nn.bind<param, "w">},
      %b: tensor<4xf32> {nn.bind = #nn.bind<param, "b">}, %v: tensor<2x4xf32> {nn.bind = #nn.bind<param, "v">})
      -> (tensor<2x2xf32> {nn.bind = #nn.bind<output, "logits">}) {
    %0 = nn.linear %x, %w, %b : (tensor<2x3xf32>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<2x4xf32>
    %1 = nn.tanh %0 : tensor<2x4xf32>
    %2 = nn.linear %1, %v : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x2xf32>
    return %2 : tensor<2x2xf32>
  }
  func.func @t.step(%x: tensor<2x3xf32> {nn.bind = #nn.bind<input, "x">}, %y: tensor<2xi32> {nn.bind = #nn.bind<label, "y">},
      %w: tensor<4x3xf32> {nn.bind = #nn.bind<param, "w">}, %b: tensor<4xf32> {nn.bind = #nn.bind<param, "b">},
      %v: tensor<2x4xf32> {nn.bind = #nn.bind<param, "v">}, %lr: tensor<f32> {nn.bind = #nn.bind<scalar, "t.lr">})
      -> (tensor<f32> {nn.bind = #nn.bind<loss, "ce">}, tensor<4x3xf32> {nn.bind = #nn.bind<param, "w">},
          tensor<4xf32> {nn.bind = #nn.bind<param, "b">}, tensor<2x4xf32> {nn.bind = #nn.bind<param, "v">}) {
    %0 = nn.linear %x, %w, %b : (tensor<2x3xf32>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<2x4xf32>
    %1 = nn.tanh %0 : tensor<2x4xf32>
    %2 = nn.linear %1, %v : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x2xf32>
    %l, %lse = nn.cross_entropy %2, %y : (tensor<2x2xf32>, tensor<2xi32>) -> (tensor<2xf32>, tensor<2xf32>)
    %loss = nn.reduce_sum %l axes [0] : tensor<2xf32> -> tensor<f32>
    %dw, %db, %dv = nn.gradient %loss wrt %w, %b, %v : (tensor<f32>, tensor<4x3xf32>, tensor<4xf32>, tensor<2x4xf32>)
        -> (tensor<4x3xf32>, tensor<4xf32>, tensor<2x4xf32>)
    %lrw = nn.broadcast %lr dims [] : tensor<f32> -> tensor<4x3xf32>
    %lrb = nn.broadcast %lr dims [] : tensor<f32> -> tensor<4xf32>
    %lrv = nn.broadcast %lr dims [] : tensor<f32> -> tensor<2x4xf32>
    %sw = nn.mul %lrw, %dw : tensor<4x3xf32>
    %sb = nn.mul %lrb, %db : tensor<4xf32>
    %sv = nn.mul %lrv, %dv : tensor<2x4xf32>
    %nw = nn.sub %w, %sw : tensor<4x3xf32>
    %nb = nn.sub %b, %sb : tensor<4xf32>
    %nv = nn.sub %v, %sv : tensor<2x4xf32>
    return %loss, %nw, %nb, %nv : tensor<f32>, tensor<4x3xf32>, tensor<4xf32>, tensor<2x4xf32>
  }
}
