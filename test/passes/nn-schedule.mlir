// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-schedule))' | FileCheck %s

nn.kernel @k_grow {
^bb0(%a: tensor<4xf32>):
  %1 = nn.broadcast %a dims [1] : tensor<4xf32> -> tensor<100x4xf32>
  nn.yield %1 : tensor<100x4xf32>
}
nn.kernel @k_shrink {
^bb0(%a: tensor<100x4xf32>):
  %1 = nn.reduce_sum %a axes [0] : tensor<100x4xf32> -> tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}
nn.kernel @k_add {
^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
  %1 = nn.add %a, %b : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}

// Only one of the two large values lives at a time.
// CHECK-LABEL: func.func @peak
// CHECK-NEXT: %[[A:.*]] = nn.call @k_grow(%arg0)
// CHECK-NEXT: %[[C:.*]] = nn.call @k_shrink(%[[A]])
// CHECK-NEXT: %[[B:.*]] = nn.call @k_grow(%arg0)
// CHECK-NEXT: %[[D:.*]] = nn.call @k_shrink(%[[B]])
// CHECK-NEXT: nn.call @k_add(%[[C]], %[[D]])
func.func @peak(%x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">}) -> (tensor<4xf32> {nn.bind = #nn.bind<output, "y">}) {
  %a = nn.call @k_grow(%x) : (tensor<4xf32>) -> tensor<100x4xf32>
  %b = nn.call @k_grow(%x) : (tensor<4xf32>) -> tensor<100x4xf32>
  %c = nn.call @k_shrink(%a) : (tensor<100x4xf32>) -> tensor<4xf32>
  %d = nn.call @k_shrink(%b) : (tensor<100x4xf32>) -> tensor<4xf32>
  %e = nn.call @k_add(%c, %d) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %e : tensor<4xf32>
}

// The update waits for the other reader of the old value.
// CHECK-LABEL: func.func @update
// CHECK-NEXT: %[[W:.*]] = nn.reshape %arg0
// CHECK-NEXT: %[[V:.*]] = nn.reshape %[[W]]
// CHECK-NEXT: %[[Y:.*]] = nn.call @k_add(%[[V]], %arg1)
// CHECK-NEXT: %[[N:.*]] = nn.call @k_add(%arg0, %arg1)
// CHECK-NEXT: return %[[N]], %[[Y]]
func.func @update(%w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, %x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, tensor<4xf32> {nn.bind = #nn.bind<output, "y">}) {
  %new = nn.call @k_add(%w, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.reshape %w : tensor<4xf32> -> tensor<2x2xf32>
  %2 = nn.reshape %1 : tensor<2x2xf32> -> tensor<4xf32>
  %y = nn.call @k_add(%2, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %new, %y : tensor<4xf32>, tensor<4xf32>
}

// A reader that needs the new value comes after it all the same: the memory plan copies.
// CHECK-LABEL: func.func @both
// CHECK-NEXT: %[[N:.*]] = nn.call @k_add(%arg0, %arg1)
// CHECK-NEXT: nn.call @k_add(%[[N]], %arg0)
func.func @both(%w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, %x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, tensor<4xf32> {nn.bind = #nn.bind<output, "y">}) {
  %new = nn.call @k_add(%w, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %y = nn.call @k_add(%new, %w) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %new, %y : tensor<4xf32>, tensor<4xf32>
}
