// Row-wise, elementwise, reduction and attention kernels of a ViT-B/16 training step:
//   mome-check-kernels bench/rows.mlir --bench
nn.kernel @layer_norm {
^bb0(%x: tensor<1568x768xf32>, %g: tensor<768xf32>, %b: tensor<768xf32>):
  %y, %mean, %rstd = nn.layer_norm %x gamma %g beta %b eps 1.0e-6 : (tensor<1568x768xf32>, tensor<768xf32>, tensor<768xf32>) -> (tensor<1568x768xf32>, tensor<1568xf32>, tensor<1568xf32>)
  nn.yield %y, %mean, %rstd : tensor<1568x768xf32>, tensor<1568xf32>, tensor<1568xf32>
}
nn.kernel @layer_norm_backward {
^bb0(%dy: tensor<1568x768xf32>, %x: tensor<1568x768xf32>, %m: tensor<1568xf32>, %r: tensor<1568xf32>, %g: tensor<768xf32>):
  %0:3 = nn.layer_norm_backward %dy, %x, %m, %r, %g : (tensor<1568x768xf32>, tensor<1568x768xf32>, tensor<1568xf32>, tensor<1568xf32>, tensor<768xf32>) -> (tensor<1568x768xf32>, tensor<768xf32>, tensor<768xf32>)
  nn.yield %0#0, %0#1, %0#2 : tensor<1568x768xf32>, tensor<768xf32>, tensor<768xf32>
}
nn.kernel @scale_gradient {
^bb0(%dy: tensor<1568x768xf32>, %x: tensor<1568x768xf32>, %m: tensor<1568xf32>, %r: tensor<1568xf32>):
  %0 = nn.broadcast %m dims [0] : tensor<1568xf32> -> tensor<1568x768xf32>
  %1 = nn.broadcast %r dims [0] : tensor<1568xf32> -> tensor<1568x768xf32>
  %2 = nn.sub %x, %0 : tensor<1568x768xf32>
  %3 = nn.mul %2, %1 : tensor<1568x768xf32>
  %4 = nn.mul %dy, %3 : tensor<1568x768xf32>
  %5 = nn.reduce_sum %4 axes [0] : tensor<1568x768xf32> -> tensor<768xf32>
  nn.yield %5 : tensor<768xf32>
}
nn.kernel @softmax {
^bb0(%x: tensor<1568x768xf32>):
  %0 = nn.softmax %x : tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
nn.kernel @kl {
^bb0(%t: tensor<1568x768xf32>, %s: tensor<1568x768xf32>):
  %d, %a, %b = nn.kl %t, %s : (tensor<1568x768xf32>, tensor<1568x768xf32>) -> (tensor<1568xf32>, tensor<1568xf32>, tensor<1568xf32>)
  nn.yield %d, %a, %b : tensor<1568xf32>, tensor<1568xf32>, tensor<1568xf32>
}
nn.kernel @exp {
^bb0(%x: tensor<1568x768xf32>):
  %0 = nn.exp %x : tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
nn.kernel @gelu {
^bb0(%x: tensor<1568x768xf32>):
  %0 = nn.gelu %x : tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
nn.kernel @gelu_backward {
^bb0(%dy: tensor<1568x768xf32>, %x: tensor<1568x768xf32>):
  %half = nn.constant dense<0.5> : tensor<1568x768xf32>
  %one = nn.constant dense<1.0> : tensor<1568x768xf32>
  %root = nn.constant dense<0.70710678> : tensor<1568x768xf32>
  %density = nn.constant dense<0.39894228> : tensor<1568x768xf32>
  %0 = nn.mul %x, %root : tensor<1568x768xf32>
  %1 = nn.erf %0 : tensor<1568x768xf32>
  %2 = nn.add %1, %one : tensor<1568x768xf32>
  %3 = nn.mul %2, %half : tensor<1568x768xf32>
  %4 = nn.square %x : tensor<1568x768xf32>
  %5 = nn.mul %4, %half : tensor<1568x768xf32>
  %6 = nn.neg %5 : tensor<1568x768xf32>
  %7 = nn.exp %6 : tensor<1568x768xf32>
  %8 = nn.mul %x, %density : tensor<1568x768xf32>
  %9 = nn.mul %8, %7 : tensor<1568x768xf32>
  %10 = nn.add %3, %9 : tensor<1568x768xf32>
  %11 = nn.mul %dy, %10 : tensor<1568x768xf32>
  nn.yield %11 : tensor<1568x768xf32>
}
nn.kernel @add {
^bb0(%x: tensor<1568x768xf32>, %y: tensor<1568x768xf32>):
  %0 = nn.add %x, %y : tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
// More than the caches hold: the bandwidth of memory.
nn.kernel @triad {
^bb0(%x: tensor<16777216xf32>, %y: tensor<16777216xf32>):
  %0 = nn.constant dense<0.5> : tensor<16777216xf32>
  %1 = nn.mul %y, %0 : tensor<16777216xf32>
  %2 = nn.add %x, %1 : tensor<16777216xf32>
  nn.yield %2 : tensor<16777216xf32>
}
nn.kernel @sum_squares {
^bb0(%x: tensor<1568x768xf32>):
  %0 = nn.square %x : tensor<1568x768xf32>
  %1 = nn.reduce_sum %0 axes [0, 1] : tensor<1568x768xf32> -> tensor<f32>
  nn.yield %1 : tensor<f32>
}
nn.kernel @adamw {
^bb0(%p: tensor<3072x768xf32>, %g: tensor<3072x768xf32>, %m: tensor<3072x768xf32>, %v: tensor<3072x768xf32>, %lr: tensor<f32>, %b1: tensor<f32>, %b2: tensor<f32>, %eps: tensor<f32>, %wd: tensor<f32>, %c1: tensor<f32>, %c2: tensor<f32>, %gs: tensor<f32>):
  %0, %1, %2 = nn.adamw %p, %g, %m, %v, %lr, %b1, %b2, %eps, %wd, %c1, %c2, %gs : (tensor<3072x768xf32>, tensor<3072x768xf32>, tensor<3072x768xf32>, tensor<3072x768xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<3072x768xf32>, tensor<3072x768xf32>, tensor<3072x768xf32>)
  nn.yield %0, %1, %2 : tensor<3072x768xf32>, tensor<3072x768xf32>, tensor<3072x768xf32>
}
nn.kernel @transpose {
^bb0(%x: tensor<1568x768xf32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<1568x768xf32> -> tensor<768x1568xf32>
  nn.yield %0 : tensor<768x1568xf32>
}
nn.kernel @attention_heads {
^bb0(%q: tensor<8x197x768xf32>, %k: tensor<8x197x768xf32>, %v: tensor<8x197x768xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 12 scale 0.125 : (tensor<8x197x768xf32>, tensor<8x197x768xf32>, tensor<8x197x768xf32>) -> (tensor<8x197x768xf32>, tensor<8x12x197xf32>)
  nn.yield %o, %lse : tensor<8x197x768xf32>, tensor<8x12x197xf32>
}
nn.kernel @attention_backward_heads {
^bb0(%do: tensor<8x197x768xf32>, %q: tensor<8x197x768xf32>, %k: tensor<8x197x768xf32>, %v: tensor<8x197x768xf32>, %o: tensor<8x197x768xf32>, %lse: tensor<8x12x197xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 12 scale 0.125 : (tensor<8x197x768xf32>, tensor<8x197x768xf32>, tensor<8x197x768xf32>, tensor<8x197x768xf32>, tensor<8x197x768xf32>, tensor<8x12x197xf32>) -> (tensor<8x197x768xf32>, tensor<8x197x768xf32>, tensor<8x197x768xf32>)
  nn.yield %dq, %dk, %dv : tensor<8x197x768xf32>, tensor<8x197x768xf32>, tensor<8x197x768xf32>
}
nn.kernel @attention_joint {
^bb0(%q: tensor<1x1568x768xf32>, %k: tensor<1x1568x768xf32>, %v: tensor<1x1568x768xf32>):
  %o, %lse = nn.attention %q, %k, %v heads 12 scale 0.125 : (tensor<1x1568x768xf32>, tensor<1x1568x768xf32>, tensor<1x1568x768xf32>) -> (tensor<1x1568x768xf32>, tensor<1x12x1568xf32>)
  nn.yield %o, %lse : tensor<1x1568x768xf32>, tensor<1x12x1568xf32>
}
nn.kernel @attention_backward_joint {
^bb0(%do: tensor<1x1568x768xf32>, %q: tensor<1x1568x768xf32>, %k: tensor<1x1568x768xf32>, %v: tensor<1x1568x768xf32>, %o: tensor<1x1568x768xf32>, %lse: tensor<1x12x1568xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 12 scale 0.125 : (tensor<1x1568x768xf32>, tensor<1x1568x768xf32>, tensor<1x1568x768xf32>, tensor<1x1568x768xf32>, tensor<1x1568x768xf32>, tensor<1x12x1568xf32>) -> (tensor<1x1568x768xf32>, tensor<1x1568x768xf32>, tensor<1x1568x768xf32>)
  nn.yield %dq, %dk, %dv : tensor<1x1568x768xf32>, tensor<1x1568x768xf32>, tensor<1x1568x768xf32>
}
