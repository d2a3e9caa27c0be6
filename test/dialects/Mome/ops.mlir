// Every op of the dialect, printed and parsed back.
// RUN: mome-opt %s -verify-roundtrip | FileCheck %s
// RUN: mome-opt %s -mome-verify-model -o /dev/null

// CHECK-LABEL: mome.model @Tiny
mome.model @Tiny {
  // CHECK: mome.modality @rgb : tensor<3x4xf32> index 0
  mome.modality @rgb : tensor<3x4xf32> index 0
  // CHECK: mome.modality @ir : tensor<4xf32> index 1 optional
  mome.modality @ir : tensor<4xf32> index 1 optional
  // CHECK: mome.label @y classes 5
  mome.label @y classes 5
  // CHECK: mome.scalar @alpha hyper 1.000000e-02 : f32
  mome.scalar @alpha hyper 1.0e-2 : f32
  mome.scalar @fit.weight_decay train 0.05 : f32
  mome.scalar @fit.clip train 1.0 : f32
  mome.scalar @fit.trainable.0 host 1.0 : f32
  // CHECK: mome.scalar @step host 0.000000e+00 : i64
  mome.scalar @step host 0.0 : i64
  // CHECK: mome.param @experts.ir.fc.weight : tensor<5x4xf32> = <"trunc_normal", [2.000000e-02]>
  mome.param @experts.ir.fc.weight : tensor<5x4xf32> = <"trunc_normal", [2.0e-2]>
  // CHECK: mome.param @"experts.ir.proj[2].weight" : tensor<5xf32> = <"zeros">
  mome.param @"experts.ir.proj[2].weight" : tensor<5xf32> = <"zeros">
  mome.param @u : tensor<2xf32> = <"uniform", [-1.0, 1.0]>
  mome.param @x : tensor<2x2xf32> = <"xavier_uniform">
  mome.param @c : tensor<2xf32> = <"constant", [3.0]>
  // CHECK: mome.state @mean : tensor<5xf32> = <"ones">
  mome.state @mean : tensor<5xf32> = <"ones">

  // CHECK: mome.graph @fit train batch 8
  mome.graph @fit train batch 8 {
    %ir = mome.read @ir : tensor<8x4xf32>
    %y = mome.read @y : tensor<8xi32>
    %alpha = mome.read @alpha : tensor<f32>
    %w = mome.read @experts.ir.fc.weight : tensor<5x4xf32>
    %mean = mome.read @mean : tensor<5xf32>
    // CHECK: mome.mask presence : tensor<8x2xf32>
    %presence = mome.mask presence : tensor<8x2xf32>
    // CHECK: mome.mask valid : tensor<8xf32>
    %valid = mome.mask valid : tensor<8xf32>
    // CHECK: mome.expert "ir" -> tensor<8x5xf32>
    %h = mome.expert "ir" -> tensor<8x5xf32> {
      %0 = nn.linear %ir, %w : (tensor<8x4xf32>, tensor<5x4xf32>) -> tensor<8x5xf32>
      // CHECK: mome.yield %{{.*}} : tensor<8x5xf32>
      mome.yield %0 : tensor<8x5xf32>
    }
    // CHECK: mome.gate "vote"
    %vote = mome.gate "vote" -> tensor<8x2xf32> {
      %0 = nn.softmax %presence : tensor<8x2xf32>
      mome.yield %0 : tensor<8x2xf32>
    }
    // CHECK: mome.head "logits"
    %logits = mome.head "logits" -> tensor<8x5xf32> {
      %0 = nn.neg %h : tensor<8x5xf32>
      mome.yield %0 : tensor<8x5xf32>
    }
    // CHECK: mome.term "cls"
    %cls = mome.term "cls" -> tensor<f32> {
      %loss, %lse = nn.cross_entropy %logits, %y : (tensor<8x5xf32>, tensor<8xi32>) -> (tensor<8xf32>, tensor<8xf32>)
      %0 = nn.mul %loss, %valid : tensor<8xf32>
      %1 = nn.reduce_sum %0 axes [0] : tensor<8xf32> -> tensor<f32>
      mome.yield %1 : tensor<f32>
    }
    // CHECK: mome.loss "cls" %{{.*}} : tensor<f32>
    mome.loss "cls" %cls : tensor<f32>
    // CHECK: mome.loss "again" %{{.*}} weight %{{.*}} : tensor<f32> : tensor<f32>
    mome.loss "again" %cls weight %alpha : tensor<f32> : tensor<f32>
    %count = nn.reduce_sum %valid axes [0] : tensor<8xf32> -> tensor<f32>
    // CHECK: mome.metric "mean_loss" ["sum", "count"](%{{.*}}, %{{.*}} : tensor<f32>, tensor<f32>)
    mome.metric "mean_loss" ["sum", "count"](%cls, %count : tensor<f32>, tensor<f32>) {
    ^bb0(%s: tensor<f32>, %n: tensor<f32>):
      %0 = nn.div %s, %n : tensor<f32>
      mome.yield %0 : tensor<f32>
    }
    // CHECK: mome.output "logits" %{{.*}} : tensor<8x5xf32>
    mome.output "logits" %logits : tensor<8x5xf32>
    // CHECK: mome.tap "h" %{{.*}} : tensor<8x5xf32>
    mome.tap "h" %h : tensor<8x5xf32>
    // CHECK: mome.update @mean %{{.*}} : tensor<5xf32>
    mome.update @mean %mean : tensor<5xf32>
  }
  // CHECK: mome.graph @eval eval batch 2
  mome.graph @eval eval batch 2 {
  }
  // CHECK: mome.train @fit.train graph @fit optimizer "adamw"
  mome.train @fit.train graph @fit optimizer "adamw" {
    groups = [{weight_decay = "fit.weight_decay"}], group_of = {experts.ir.fc.weight = 0 : i64},
    trainable = {experts.ir.fc.weight = "fit.trainable.0"}, clip = "fit.clip", host = "{}"}
  // CHECK: mome.data @drive_act "{}"
  mome.data @drive_act "{}"
}
