// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-fuse-dispatches))' | FileCheck %s

// An elementwise chain is one dispatch; constants move into it.
// CHECK-LABEL: func.func @chain
// CHECK-NEXT: %[[Y:.*]] = nn.dispatch(%arg0) : (tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<4xf32>):
// CHECK-NEXT:   %[[E:.*]] = nn.exp %[[X]]
// CHECK-NEXT:   %[[C:.*]] = nn.constant dense<2.0
// CHECK-NEXT:   %[[M:.*]] = nn.mul %[[E]], %[[C]]
// CHECK-NEXT:   nn.yield %[[M]]
// CHECK-NEXT: }
// CHECK-NEXT: return %[[Y]]
func.func @chain(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = nn.constant dense<2.0> : tensor<4xf32>
  %0 = nn.exp %x : tensor<4xf32>
  %1 = nn.mul %0, %c : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// A value needed outside is one more result.
// CHECK-LABEL: func.func @extra_result
// CHECK-NEXT: %[[Y:.*]]:2 = nn.dispatch(%arg0)
// CHECK: nn.yield %{{.*}}, %{{.*}}
// CHECK: return %[[Y]]#0, %[[Y]]#1
func.func @extra_result(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = nn.exp %x : tensor<4xf32>
  %1 = nn.neg %0 : tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// Different shapes do not fuse.
// CHECK-LABEL: func.func @shapes
// CHECK-COUNT-2: nn.dispatch
// CHECK-NOT: nn.dispatch
func.func @shapes(%x: tensor<4xf32>, %y: tensor<8xf32>) -> (tensor<4xf32>, tensor<8xf32>) {
  %0 = nn.exp %x : tensor<4xf32>
  %1 = nn.exp %y : tensor<8xf32>
  return %0, %1 : tensor<4xf32>, tensor<8xf32>
}

// A constant that is returned gets memory from a dispatch of its own.
// CHECK-LABEL: func.func @constant
// CHECK-NEXT: %[[C:.*]] = nn.dispatch()
// CHECK-NEXT: nn.constant
// CHECK: return %[[C]]
func.func @constant() -> tensor<4xf32> {
  %c = nn.constant dense<2.0> : tensor<4xf32>
  return %c : tensor<4xf32>
}
