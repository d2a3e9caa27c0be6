// What instructions.test counts: products of a ViT-S with 196 tokens, 384 wide, attention over 197, rows and the optimizer. As stage
// `autocast` leaves entries; everything is an input.
func.func @init() {
  return
}
func.func @linear(%x: tensor<196x384xf32> {nn.bind = #nn.bind<input, "x.linear">}, %w: tensor<384x384xf32> {nn.bind = #nn.bind<input, "w.linear">}, %b: tensor<384xf32> {nn.bind = #nn.bind<input, "b.linear">})
    -> (tensor<196x384xf32> {nn.bind = #nn.bind<output, "linear.0">}) {
  %0 = nn.linear %x, %w, %b : (tensor<196x384xf32>, tensor<384x384xf32>, tensor<384xf32>) -> tensor<196x384xf32>
  %1 = nn.quick_gelu %0 : tensor<196x384xf32>
  return %1 : tensor<196x384xf32>
}
func.func @dx(%x: tensor<196x384xf32> {nn.bind = #nn.bind<input, "x.dx">}, %w: tensor<384x384xf32> {nn.bind = #nn.bind<input, "w.dx">})
    -> (tensor<196x384xf32> {nn.bind = #nn.bind<output, "dx.0">}) {
  %0 = nn.matmul %x, %w : (tensor<196x384xf32>, tensor<384x384xf32>) -> tensor<196x384xf32>
  return %0 : tensor<196x384xf32>
}
func.func @dw(%x: tensor<196x384xf32> {nn.bind = #nn.bind<input, "x.dw">}, %y: tensor<196x384xf32> {nn.bind = #nn.bind<input, "y.dw">})
    -> (tensor<384x384xf32> {nn.bind = #nn.bind<output, "dw.0">}) {
  %0 = nn.matmul %x, %y transpose_a : (tensor<196x384xf32>, tensor<196x384xf32>) -> tensor<384x384xf32>
  return %0 : tensor<384x384xf32>
}
func.func @linear_bf16(%x: tensor<196x384xf32> {nn.bind = #nn.bind<input, "x.linear_bf16">}, %w: tensor<384x384xf32> {nn.bind = #nn.bind<input, "w.linear_bf16">})
    -> (tensor<196x384xf32> {nn.bind = #nn.bind<output, "linear_bf16.0">}) {
  %0 = nn.cast %x : tensor<196x384xf32> -> tensor<196x384xbf16>
  %1 = nn.cast %w : tensor<384x384xf32> -> tensor<384x384xbf16>
  %2 = nn.linear %0, %1 : (tensor<196x384xbf16>, tensor<384x384xbf16>) -> tensor<196x384xf32>
  return %2 : tensor<196x384xf32>
}
func.func @attention(%q: tensor<1x197x128xf32> {nn.bind = #nn.bind<input, "q.attention">}, %k: tensor<1x197x128xf32> {nn.bind = #nn.bind<input, "k.attention">}, %v: tensor<1x197x128xf32> {nn.bind = #nn.bind<input, "v.attention">})
    -> (tensor<1x197x128xf32> {nn.bind = #nn.bind<output, "attention.0">}, tensor<1x2x197xf32> {nn.bind = #nn.bind<output, "attention.1">}) {
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.125 : (tensor<1x197x128xf32>, tensor<1x197x128xf32>, tensor<1x197x128xf32>) -> (tensor<1x197x128xf32>, tensor<1x2x197xf32>)
  return %o, %lse : tensor<1x197x128xf32>, tensor<1x2x197xf32>
}
func.func @attention_backward(%do: tensor<1x197x128xf32> {nn.bind = #nn.bind<input, "do.attention_backward">}, %q: tensor<1x197x128xf32> {nn.bind = #nn.bind<input, "q.attention_backward">}, %k: tensor<1x197x128xf32> {nn.bind = #nn.bind<input, "k.attention_backward">}, %v: tensor<1x197x128xf32> {nn.bind = #nn.bind<input, "v.attention_backward">}, %o: tensor<1x197x128xf32> {nn.bind = #nn.bind<input, "o.attention_backward">}, %lse: tensor<1x2x197xf32> {nn.bind = #nn.bind<input, "lse.attention_backward">})
    -> (tensor<1x197x128xf32> {nn.bind = #nn.bind<output, "attention_backward.0">}, tensor<1x197x128xf32> {nn.bind = #nn.bind<output, "attention_backward.1">}, tensor<1x197x128xf32> {nn.bind = #nn.bind<output, "attention_backward.2">}) {
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.125 : (tensor<1x197x128xf32>, tensor<1x197x128xf32>, tensor<1x197x128xf32>, tensor<1x197x128xf32>, tensor<1x197x128xf32>, tensor<1x2x197xf32>) -> (tensor<1x197x128xf32>, tensor<1x197x128xf32>, tensor<1x197x128xf32>)
  return %dq, %dk, %dv : tensor<1x197x128xf32>, tensor<1x197x128xf32>, tensor<1x197x128xf32>
}
func.func @layer_norm(%x: tensor<196x384xf32> {nn.bind = #nn.bind<input, "x.layer_norm">}, %g: tensor<384xf32> {nn.bind = #nn.bind<input, "g.layer_norm">}, %b: tensor<384xf32> {nn.bind = #nn.bind<input, "b.layer_norm">})
    -> (tensor<196x384xf32> {nn.bind = #nn.bind<output, "layer_norm.0">}, tensor<196xf32> {nn.bind = #nn.bind<output, "layer_norm.1">}, tensor<196xf32> {nn.bind = #nn.bind<output, "layer_norm.2">}) {
  %y, %m, %r = nn.layer_norm %x gamma %g beta %b eps 1.0e-05 : (tensor<196x384xf32>, tensor<384xf32>, tensor<384xf32>) -> (tensor<196x384xf32>, tensor<196xf32>, tensor<196xf32>)
  return %y, %m, %r : tensor<196x384xf32>, tensor<196xf32>, tensor<196xf32>
}
func.func @divergence(%t: tensor<196x384xf32> {nn.bind = #nn.bind<input, "t.divergence">}, %s: tensor<196x384xf32> {nn.bind = #nn.bind<input, "s.divergence">})
    -> (tensor<196xf32> {nn.bind = #nn.bind<output, "divergence.0">}) {
  %d, %a, %b = nn.kl %t, %s : (tensor<196x384xf32>, tensor<196x384xf32>) -> (tensor<196xf32>, tensor<196xf32>, tensor<196xf32>)
  return %d : tensor<196xf32>
}
func.func @adamw(%p: tensor<384x384xf32> {nn.bind = #nn.bind<input, "p.adamw">}, %g: tensor<384x384xf32> {nn.bind = #nn.bind<input, "g.adamw">}, %m: tensor<384x384xf32> {nn.bind = #nn.bind<input, "m.adamw">}, %v: tensor<384x384xf32> {nn.bind = #nn.bind<input, "v.adamw">}, %lr: tensor<1xf32> {nn.bind = #nn.bind<input, "lr.adamw">}, %b1: tensor<1xf32> {nn.bind = #nn.bind<input, "b1.adamw">}, %b2: tensor<1xf32> {nn.bind = #nn.bind<input, "b2.adamw">}, %eps: tensor<1xf32> {nn.bind = #nn.bind<input, "eps.adamw">}, %wd: tensor<1xf32> {nn.bind = #nn.bind<input, "wd.adamw">}, %c1: tensor<1xf32> {nn.bind = #nn.bind<input, "c1.adamw">}, %c2: tensor<1xf32> {nn.bind = #nn.bind<input, "c2.adamw">}, %gs: tensor<1xf32> {nn.bind = #nn.bind<input, "gs.adamw">})
    -> (tensor<384x384xf32> {nn.bind = #nn.bind<output, "adamw.0">}, tensor<384x384xf32> {nn.bind = #nn.bind<output, "adamw.1">}, tensor<384x384xf32> {nn.bind = #nn.bind<output, "adamw.2">}) {
  %lr_0 = nn.reshape %lr : tensor<1xf32> -> tensor<f32>
  %b1_0 = nn.reshape %b1 : tensor<1xf32> -> tensor<f32>
  %b2_0 = nn.reshape %b2 : tensor<1xf32> -> tensor<f32>
  %eps_0 = nn.reshape %eps : tensor<1xf32> -> tensor<f32>
  %wd_0 = nn.reshape %wd : tensor<1xf32> -> tensor<f32>
  %c1_0 = nn.reshape %c1 : tensor<1xf32> -> tensor<f32>
  %c2_0 = nn.reshape %c2 : tensor<1xf32> -> tensor<f32>
  %gs_0 = nn.reshape %gs : tensor<1xf32> -> tensor<f32>
  %0, %1, %2 = nn.adamw %p, %g, %m, %v, %lr_0, %b1_0, %b2_0, %eps_0, %wd_0, %c1_0, %c2_0, %gs_0 : (tensor<384x384xf32>, tensor<384x384xf32>, tensor<384x384xf32>, tensor<384x384xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<384x384xf32>, tensor<384x384xf32>, tensor<384x384xf32>)
  return %0, %1, %2 : tensor<384x384xf32>, tensor<384x384xf32>, tensor<384x384xf32>
}
