// A loss that reaches its parameter only through an op without a derivative.
func.func @t.grad(%x: tensor<2xf32> {nn.bind = #nn.bind<param, "x">}, %i: tensor<2xi32> {nn.bind = #nn.bind<label, "y">})
    -> (tensor<f32> {nn.bind = #nn.bind<loss, "l">}, tensor<2xf32> {nn.bind = #nn.bind<grad, "x">}) {
  %1 = nn.take_backward %x, %i axis 0 : tensor<2xf32>, tensor<2xi32> -> tensor<2xf32>
  %l = nn.reduce_sum %1 axes [0] : tensor<2xf32> -> tensor<f32>
  %dx = nn.gradient %l wrt %x : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  return %l, %dx : tensor<f32>, tensor<2xf32>
}
