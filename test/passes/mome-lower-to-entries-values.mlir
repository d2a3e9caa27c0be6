// The numbers of lowered entries, worked out by hand.
// RUN: mome-opt %s -pass-pipeline='builtin.module(mome-lower-to-entries,func.func(nn-autodiff))' -o %t.mlir

// w = [3, 3], f = 10 (frozen): gradients 2w = [6, 6] and 2f = 20. Two micro-batches: grad_scale 0.5. The norm is that of w alone,
// 0.5 sqrt(72) = 4.2426, so the clipped gradient of w is 0.5 * 6 / 4.2426 = 0.70711. The average: 0.75 * 1 + 0.25 w'.
// RUN: mome-interp %t.mlir --entry=t.step --set w=3 --set f=10 --set momentum/w=0 --set momentum/f=7 --set ema/w=1 --set ema/f=10 \
// RUN:   --set t.lr_now=1 --set t.momentum=0.9 --set t.decay=0 --set t.clip=1 --set t.grad_scale=0.5 --set t.ema_now=0.75 \
// RUN:   --set t.trainable.0=0 | FileCheck %s --check-prefix=STEP
// STEP-DAG: loss "l") = dense<118>
// STEP-DAG: param "w") = dense<[2.292893,
// STEP-DAG: moment "momentum/w") = dense<[0.7071066,
// STEP-DAG: moment "ema/w") = dense<[1.323223,
// STEP-DAG: param "f") = dense<10>
// STEP-DAG: moment "momentum/f") = dense<7>

// Once trainable, f counts: norm 0.5 sqrt(72 + 400) = 10.8628, its gradient 0.5 * 20 / 10.8628 = 0.920575, momentum 0.9 * 7 more.
// RUN: mome-interp %t.mlir --entry=t.step --set w=3 --set f=10 --set momentum/w=0 --set momentum/f=7 --set ema/w=1 --set ema/f=10 \
// RUN:   --set t.lr_now=1 --set t.momentum=0.9 --set t.decay=0 --set t.clip=1 --set t.grad_scale=0.5 --set t.ema_now=0.75 \
// RUN:   --set t.trainable.0=1 | FileCheck %s --check-prefix=THAWED
// THAWED-DAG: moment "momentum/f") = dense<7.220575>
// THAWED-DAG: param "f") = dense<2.779425>

// Gradients add up, unscaled.
// RUN: mome-interp %t.mlir --entry=t.accumulate --set w=3 --set f=10 --set grad.w=1 --set grad.f=2 | FileCheck %s --check-prefix=ACCUMULATE
// ACCUMULATE-DAG: grad "w") = dense<[7, 7]>
// ACCUMULATE-DAG: grad "f") = dense<22>

mome.model @Tiny {
  mome.scalar @t.decay train 0.0 : f32
  mome.scalar @t.clip train 1.0 : f32
  mome.scalar @t.ema_now host 0.0 : f32
  mome.scalar @t.trainable.0 host 1.0 : f32
  mome.param @w : tensor<2xf32> = <"ones">
  mome.param @f : tensor<f32> = <"ones">
  mome.graph @t train batch 1 {
    %w = mome.read @w : tensor<2xf32>
    %f = mome.read @f : tensor<f32>
    %0 = nn.square %w : tensor<2xf32>
    %1 = nn.reduce_sum %0 axes [0] : tensor<2xf32> -> tensor<f32>
    %2 = nn.square %f : tensor<f32>
    %3 = nn.add %1, %2 : tensor<f32>
    mome.loss "l" %3 : tensor<f32>
  }
  mome.train @t.train graph @t optimizer "sgd" {
    groups = [{weight_decay = "t.decay"}], group_of = {f = 0 : i64, w = 0 : i64}, trainable = {f = "t.trainable.0"},
    clip = "t.clip", ema = "t.ema_now", host = "{}"}
}
