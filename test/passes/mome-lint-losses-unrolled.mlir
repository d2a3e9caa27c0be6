// One warning for a line of the text that was unrolled twice, at that line.
// RUN: mome-opt %s -mome-lint-losses -o /dev/null 2>&1 | FileCheck %s
// CHECK: htl.mome:3:4: warning: the teacher is trained towards the student too: it has no stop_gradient [W0602]
// CHECK-NOT: warning:
mome.model @Mutual {
  mome.param @t : tensor<2x3xf32> = <"ones">
  mome.param @s : tensor<2x3xf32> = <"ones">
  mome.graph @fit train batch 2 {
    %t = mome.read @t : tensor<2x3xf32>
    %s = mome.read @s : tensor<2x3xf32>
    %a, %0, %1 = nn.kl %t, %s : (tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) loc(fused<#mome.scope<"loss.a", fwd>>["htl.mome":3:4])
    %b, %2, %3 = nn.kl %s, %t : (tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) loc(fused<#mome.scope<"loss.b", fwd>>["htl.mome":3:4])
    %c = nn.add %a, %b : tensor<2xf32>
    %l = nn.reduce_sum %c axes [0] : tensor<2xf32> -> tensor<f32>
    mome.loss "mutual" %l : tensor<f32>
  }
  mome.train @fit.train graph @fit optimizer "sgd" {
    groups = [{}], group_of = {s = 0 : i64, t = 0 : i64}, trainable = {}, host = "{}"}
}
