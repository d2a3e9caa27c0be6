// RUN: mome-opt %s -mome-lower-to-entries | FileCheck %s
// Every entry keeps the contract of its level, before and after autodiff.
// RUN: mome-opt %s -pass-pipeline='builtin.module(mome-lower-to-entries,nn-verify-entries{stage=place},func.func(nn-autodiff),nn-verify-entries{stage=autodiff})' -o /dev/null
// Without a model there is nothing to do.
// RUN: echo 'module {}' | mome-opt -mome-lower-to-entries | FileCheck %s --check-prefix=NONE
// NONE: module {
// NONE-NEXT: }

mome.model @Tiny {
  mome.modality @x : tensor<3xf32> index 0
  mome.label @y classes 5
  mome.scalar @alpha hyper 0.5 : f32
  mome.scalar @fit.weight_decay train 0.05 : f32
  mome.scalar @fit.no_decay train 0.0 : f32
  mome.scalar @fit.layer_scale train 0.1 : f32
  mome.scalar @fit.clip train 1.0 : f32
  mome.scalar @fit.ema_now host 0.99 : f32
  mome.scalar @fit.trainable.0 host 1.0 : f32
  mome.param @w : tensor<5x3xf32> = <"trunc_normal", [2.0e-2]>
  mome.param @b : tensor<5xf32> = <"zeros">
  mome.param @frozen : tensor<5xf32> = <"uniform", [-1.0, 1.0]>
  mome.state @count : tensor<f32> = <"zeros">
  mome.graph @fit train batch 4 {
    %x = mome.read @x : tensor<4x3xf32>
    %y = mome.read @y : tensor<4xi32>
    %alpha = mome.read @alpha : tensor<f32>
    %logits = mome.expert "x" -> tensor<4x5xf32> {
      %w = mome.read @w : tensor<5x3xf32>
      %b = mome.read @b : tensor<5xf32>
      %0 = nn.linear %x, %w, %b : (tensor<4x3xf32>, tensor<5x3xf32>, tensor<5xf32>) -> tensor<4x5xf32>
      %f = mome.read @frozen : tensor<5xf32>
      %1 = nn.broadcast %f dims [1] : tensor<5xf32> -> tensor<4x5xf32>
      %2 = nn.add %0, %1 : tensor<4x5xf32>
      mome.yield %2 : tensor<4x5xf32>
    }
    %ce, %lse = nn.cross_entropy %logits, %y : (tensor<4x5xf32>, tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>)
    %cls = nn.reduce_sum %ce axes [0] : tensor<4xf32> -> tensor<f32>
    mome.loss "cls" %cls : tensor<f32>
    %sq = nn.square %logits : tensor<4x5xf32>
    %reg = nn.reduce_sum %sq axes [0, 1] : tensor<4x5xf32> -> tensor<f32>
    mome.loss "reg" %reg weight %alpha : tensor<f32> : tensor<f32>
    %count = mome.read @count : tensor<f32>
    %one = nn.constant dense<1.0> : tensor<f32>
    %next = nn.add %count, %one : tensor<f32>
    mome.update @count %next : tensor<f32>
  }
  mome.graph @eval eval batch 2 {
    %x = mome.read @x : tensor<2x3xf32>
    %unused = mome.read @y : tensor<2xi32>
    %w = mome.read @w : tensor<5x3xf32>
    %valid = mome.mask valid : tensor<2xf32>
    %z = nn.linear %x, %w : (tensor<2x3xf32>, tensor<5x3xf32>) -> tensor<2x5xf32>
    %i = nn.reduce_max %z axes [1] : tensor<2x5xf32> -> tensor<2xf32>
    %v = nn.mul %i, %valid : tensor<2xf32>
    %s = nn.reduce_sum %v axes [0] : tensor<2xf32> -> tensor<f32>
    %n = nn.reduce_sum %valid axes [0] : tensor<2xf32> -> tensor<f32>
    mome.loss "cls" %s : tensor<f32>
    mome.metric "top" ["sum", "n"](%s, %n : tensor<f32>, tensor<f32>) {
    ^bb0(%total: tensor<f32>, %samples: tensor<f32>):
      %0 = nn.div %total, %samples : tensor<f32>
      mome.yield %0 : tensor<f32>
    }
    mome.output "z" %z : tensor<2x5xf32>
    mome.tap "top" %i : tensor<2xf32>
  }
  mome.train @fit.train graph @fit optimizer "adamw" {
    groups = [{lr_scale = ["fit.layer_scale"], weight_decay = "fit.weight_decay"}, {weight_decay = "fit.no_decay"}],
    group_of = {b = 1 : i64, w = 0 : i64}, trainable = {w = "fit.trainable.0"}, clip = "fit.clip", ema = "fit.ema_now",
    host = "{\22batch\22:4}"}
}

// The package facts: hosts' scalars are marked.
// CHECK: module attributes {rt.package = {
// CHECK-SAME: {host, name = "fit.ema_now"
// CHECK-NOT: mome.

// Only what predict needs: no label, no mask.
// CHECK-LABEL: func.func @predict
// CHECK-SAME: (%arg0: tensor<2x3xf32> {nn.bind = #nn.bind<input, "x">}, %arg1: tensor<5x3xf32> {nn.bind = #nn.bind<param, "w">})
// CHECK-SAME: -> (tensor<2x5xf32> {nn.bind = #nn.bind<output, "z">})

// Sums go in and come out; a loss counts its samples.
// CHECK-LABEL: func.func @eval
// CHECK-SAME: #nn.bind<valid, "valid">
// CHECK-SAME: #nn.bind<sum, "count">
// CHECK-SAME: #nn.bind<sum, "loss.cls">
// CHECK-SAME: #nn.bind<sum, "top.sum">
// CHECK-SAME: -> (
// CHECK-SAME: #nn.bind<sum, "count">
// CHECK-SAME: #nn.bind<sum, "loss.cls">
// CHECK-SAME: #nn.bind<sum, "top.n">

// CHECK-LABEL: func.func @metrics
// CHECK-SAME: -> (tensor<f32> {nn.bind = #nn.bind<metric, "top">})
// CHECK: nn.div

// CHECK-LABEL: func.func @explain
// CHECK-SAME: -> (tensor<2xf32> {nn.bind = #nn.bind<tap, "top">})

// CHECK-LABEL: func.func @init
// CHECK-SAME: (%arg0: tensor<i64> {nn.bind = #nn.bind<scalar, "seed">})
// CHECK: nn.random_normal %arg0 {{.*}} truncated
// CHECK: nn.random_uniform %arg0

// Gradients of trained parameters only; the weighted objective; the updated state.
// CHECK-LABEL: func.func @fit.grad
// CHECK-SAME: -> (
// CHECK-SAME: #nn.bind<loss, "cls">
// CHECK-SAME: #nn.bind<loss, "reg">
// CHECK-SAME: #nn.bind<loss, "total">
// CHECK-SAME: #nn.bind<state, "count">
// CHECK-SAME: tensor<5x3xf32> {nn.bind = #nn.bind<grad, "w">}
// CHECK-SAME: tensor<5xf32> {nn.bind = #nn.bind<grad, "b">})
// CHECK: %[[WEIGHTED:.*]] = nn.mul %{{.*}}, %{{.*}} : tensor<f32>
// CHECK: %[[TOTAL:.*]] = nn.add %{{.*}}, %[[WEIGHTED]]
// CHECK: nn.gradient %[[TOTAL]] wrt %{{.*}}, %{{.*}} :

// CHECK-LABEL: func.func @fit.accumulate
// CHECK-SAME: #nn.bind<grad, "w">
// CHECK-SAME: -> (
// CHECK-SAME: #nn.bind<grad, "w">

// Clipping is one factor for all; a group's learning rate; a frozen parameter keeps its value and moments, and its
// gradient does not count in the norm.
// CHECK-LABEL: func.func @fit.apply
// CHECK-NOT: #nn.bind<input
// CHECK: nn.select
// CHECK: nn.sqrt
// CHECK: nn.minimum
// CHECK: %[[SCALE:.*]] = nn.mul
// CHECK: nn.adamw {{.*}}, %[[SCALE]] :
// CHECK-COUNT-3: nn.select
// CHECK: nn.adamw {{.*}}, %[[SCALE]] :
// CHECK-NOT: nn.select
// CHECK: return

// CHECK-LABEL: func.func @fit.step
// CHECK-SAME: #nn.bind<scalar, "fit.lr_now">
// CHECK-SAME: #nn.bind<scalar, "fit.bias_correction1">
// CHECK: nn.gradient
// CHECK-COUNT-2: nn.adamw
