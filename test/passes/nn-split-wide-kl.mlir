// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-split-wide-kl))' -o %t.split
// RUN: FileCheck %s --input-file=%t.split
// The numbers stay, also where one channel is far above the others.
// RUN: mome-interp %t.split --against=%s --random-seed=1 --tolerance=1e-12

// CHECK-LABEL: func.func @wide
// CHECK: %[[D:.*]], %[[A:.*]], %[[B:.*]] = nn.kl %{{.*}}, %{{.*}} : (tensor<2x3x32768xf32>, tensor<2x3x32768xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
// CHECK-DAG: nn.logsumexp %[[A]] : (tensor<2x3xf32>) -> tensor<2xf32>
// CHECK-DAG: nn.logsumexp %[[B]]
// CHECK: nn.reduce_sum %{{.*}} axes [1]
func.func @wide(%a: tensor<2x98304xf32>, %b: tensor<2x98304xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %d, %la, %lb = nn.kl %a, %b : (tensor<2x98304xf32>, tensor<2x98304xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  return %d, %la, %lb : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @peaky
// CHECK: nn.kl {{.*}}tensor<1x3x32768xf32>
func.func @peaky(%a: tensor<1x98304xf32>, %b: tensor<1x98304xf32>) -> (tensor<1xf32>, tensor<1xf32>) {
  %fifty = nn.constant dense<50.0> : tensor<1x768xf32>
  %peak = nn.pad %fifty low [0, 40000] high [0, 57536] interior [0, 0] value 0.0 : tensor<1x768xf32> -> tensor<1x98304xf32>
  %x = nn.add %a, %peak : tensor<1x98304xf32>
  %d, %la, %lb = nn.kl %x, %b : (tensor<1x98304xf32>, tensor<1x98304xf32>) -> (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>)
  %e, %lb2, %lx = nn.kl %b, %x : (tensor<1x98304xf32>, tensor<1x98304xf32>) -> (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>)
  return %d, %e : tensor<1xf32>, tensor<1xf32>
}

// CHECK-LABEL: func.func @backward
// CHECK: %[[G:.*]] = nn.kl_backward {{.*}} -> tensor<2x3x32768xf32>
// CHECK: nn.reshape %[[G]] : tensor<2x3x32768xf32> -> tensor<2x98304xf32>
func.func @backward(%a: tensor<2x98304xf32>, %b: tensor<2x98304xf32>, %dy: tensor<2xf32>) -> tensor<2x98304xf32> {
  %d, %la, %lb = nn.kl %a, %b : (tensor<2x98304xf32>, tensor<2x98304xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  %g = nn.kl_backward %a, %b, %la, %lb, %dy : (tensor<2x98304xf32>, tensor<2x98304xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x98304xf32>
  return %g : tensor<2x98304xf32>
}

// Narrow rows, many rows, and a width without a fitting divisor (65537 is prime): left alone.
// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: nn.reshape
// CHECK: return
func.func @left_alone(%a: tensor<2x65535xf32>, %c: tensor<64x65536xf32>, %e: tensor<2x65537xf32>) -> (tensor<2xf32>, tensor<64xf32>, tensor<2xf32>) {
  %d0, %l0, %m0 = nn.kl %a, %a : (tensor<2x65535xf32>, tensor<2x65535xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  %d1, %l1, %m1 = nn.kl %c, %c : (tensor<64x65536xf32>, tensor<64x65536xf32>) -> (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>)
  %d2, %l2, %m2 = nn.kl %e, %e : (tensor<2x65537xf32>, tensor<2x65537xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  return %d0, %d1, %d2 : tensor<2xf32>, tensor<64xf32>, tensor<2xf32>
}
