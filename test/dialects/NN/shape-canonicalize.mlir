// Each pattern: the smallest IR that fires it and, where it matters, the smallest that must not. The numbers stay.
// RUN: mome-opt %s --canonicalize | FileCheck %s
// RUN: mome-opt %s --canonicalize | mome-interp - --against=%s --random-seed=1

// CHECK-LABEL: func.func @identities
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>)
// CHECK-NEXT: return %[[X]]
func.func @identities(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.reshape %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.transpose %0 permutation [0, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.broadcast %1 dims [0, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.slice %2 offsets [0, 0] sizes [2, 3] strides [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  %4 = nn.pad %3 low [0, 0] high [0, 0] interior [0, 0] value 1.0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.concat %4 axis 0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %6 = nn.roll %5 shift 3 axis 1 : tensor<2x3xf32>
  %7 = nn.shift %6 by 0 axis 1 : tensor<2x3xf32>
  %8 = nn.reduce_sum %7 axes [] : tensor<2x3xf32> -> tensor<2x3xf32>
  %9 = nn.reduce_max %8 axes [] : tensor<2x3xf32> -> tensor<2x3xf32>
  return %9 : tensor<2x3xf32>
}

// One type, yet not the identity.
// CHECK-LABEL: func.func @square_transpose
// CHECK-NEXT: nn.transpose
func.func @square_transpose(%x: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %0 = nn.transpose %x permutation [1, 0] : tensor<3x3xf32> -> tensor<3x3xf32>
  return %0 : tensor<3x3xf32>
}

// CHECK-LABEL: func.func @reshapes
// CHECK-SAME: (%[[X:.*]]: tensor<2x6xf32>)
// CHECK-NEXT: %[[Y:.*]] = nn.reshape %[[X]] : tensor<2x6xf32> -> tensor<4x3xf32>
// CHECK-NEXT: return %[[Y]], %[[X]]
func.func @reshapes(%x: tensor<2x6xf32>) -> (tensor<4x3xf32>, tensor<2x6xf32>) {
  %0 = nn.reshape %x : tensor<2x6xf32> -> tensor<12xf32>
  %1 = nn.reshape %0 : tensor<12xf32> -> tensor<4x3xf32>
  %2 = nn.reshape %0 : tensor<12xf32> -> tensor<2x6xf32>
  return %1, %2 : tensor<4x3xf32>, tensor<2x6xf32>
}

// CHECK-LABEL: func.func @transposes
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>, %[[Y:.*]]: tensor<2x1x3xf32>)
// CHECK-DAG: %[[T:.*]] = nn.transpose %[[X]] permutation [1, 0, 2]
// CHECK-DAG: %[[R:.*]] = nn.reshape %[[Y]] : tensor<2x1x3xf32> -> tensor<1x2x3xf32>
// CHECK: return %[[T]], %[[X]], %[[R]]
func.func @transposes(%x: tensor<2x3x4xf32>, %y: tensor<2x1x3xf32>) -> (tensor<3x2x4xf32>, tensor<2x3x4xf32>, tensor<1x2x3xf32>) {
  %0 = nn.transpose %x permutation [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  %1 = nn.transpose %0 permutation [2, 1, 0] : tensor<4x2x3xf32> -> tensor<3x2x4xf32>
  %2 = nn.transpose %0 permutation [1, 2, 0] : tensor<4x2x3xf32> -> tensor<2x3x4xf32>
  %3 = nn.transpose %y permutation [1, 0, 2] : tensor<2x1x3xf32> -> tensor<1x2x3xf32>
  return %1, %2, %3 : tensor<3x2x4xf32>, tensor<2x3x4xf32>, tensor<1x2x3xf32>
}

// CHECK-LABEL: func.func @broadcasts
// CHECK-SAME: (%[[X:.*]]: tensor<3xf32>)
// CHECK-DAG: %[[CHAIN:.*]] = nn.broadcast %[[X]] dims [1] : tensor<3xf32> -> tensor<2x3x4xf32>
// CHECK-DAG: %[[VIEW:.*]] = nn.reshape %[[X]] : tensor<3xf32> -> tensor<1x3xf32>
// CHECK-DAG: %[[KEEP:.*]] = nn.broadcast %[[X]] dims [0] : tensor<3xf32> -> tensor<3x5xf32>
// CHECK: return %[[CHAIN]], %[[VIEW]], %[[KEEP]]
func.func @broadcasts(%x: tensor<3xf32>) -> (tensor<2x3x4xf32>, tensor<1x3xf32>, tensor<3x5xf32>) {
  %0 = nn.broadcast %x dims [0] : tensor<3xf32> -> tensor<3x4xf32>
  %1 = nn.broadcast %0 dims [1, 2] : tensor<3x4xf32> -> tensor<2x3x4xf32>
  %2 = nn.broadcast %x dims [1] : tensor<3xf32> -> tensor<1x3xf32>
  %3 = nn.reshape %x : tensor<3xf32> -> tensor<3x1xf32>
  %4 = nn.broadcast %3 dims [0, 1] : tensor<3x1xf32> -> tensor<3x5xf32>
  return %1, %2, %4 : tensor<2x3x4xf32>, tensor<1x3xf32>, tensor<3x5xf32>
}

// A reshape that regroups elements stays.
// CHECK-LABEL: func.func @broadcast_of_regrouping
// CHECK-NEXT: nn.reshape
// CHECK-NEXT: nn.broadcast
func.func @broadcast_of_regrouping(%x: tensor<6xf32>) -> tensor<5x2x3xf32> {
  %0 = nn.reshape %x : tensor<6xf32> -> tensor<2x3xf32>
  %1 = nn.broadcast %0 dims [1, 2] : tensor<2x3xf32> -> tensor<5x2x3xf32>
  return %1 : tensor<5x2x3xf32>
}

// CHECK-LABEL: func.func @slices
// CHECK-SAME: (%[[X:.*]]: tensor<10xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK-DAG: %[[CHAIN:.*]] = nn.slice %[[X]] offsets [3] sizes [2] strides [4]
// CHECK-DAG: %[[PART:.*]] = nn.slice %[[Y]] offsets [1] sizes [3] strides [1]
// CHECK-DAG: %[[PAD:.*]] = nn.slice %[[Y]] offsets [0] sizes [2] strides [1]
// CHECK: return %[[CHAIN]], %[[PART]], %[[Y]], %[[PAD]]
func.func @slices(%x: tensor<10xf32>, %y: tensor<4xf32>) -> (tensor<2xf32>, tensor<3xf32>, tensor<4xf32>, tensor<2xf32>) {
  %0 = nn.slice %x offsets [1] sizes [4] strides [2] : tensor<10xf32> -> tensor<4xf32>
  %1 = nn.slice %0 offsets [1] sizes [2] strides [2] : tensor<4xf32> -> tensor<2xf32>
  %2 = nn.concat %x, %y axis 0 : (tensor<10xf32>, tensor<4xf32>) -> tensor<14xf32>
  %3 = nn.slice %2 offsets [11] sizes [3] strides [1] : tensor<14xf32> -> tensor<3xf32>
  %4 = nn.slice %2 offsets [10] sizes [4] strides [1] : tensor<14xf32> -> tensor<4xf32>
  %5 = nn.pad %y low [2] high [2] interior [0] value 0.0 : tensor<4xf32> -> tensor<8xf32>
  %6 = nn.slice %5 offsets [2] sizes [2] strides [1] : tensor<8xf32> -> tensor<2xf32>
  return %1, %3, %4, %6 : tensor<2xf32>, tensor<3xf32>, tensor<4xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @slice_across
// CHECK-NEXT: nn.concat
// CHECK-NEXT: nn.slice
func.func @slice_across(%x: tensor<10xf32>, %y: tensor<4xf32>) -> tensor<2xf32> {
  %0 = nn.concat %x, %y axis 0 : (tensor<10xf32>, tensor<4xf32>) -> tensor<14xf32>
  %1 = nn.slice %0 offsets [9] sizes [2] strides [1] : tensor<14xf32> -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// CHECK-LABEL: func.func @concats
// CHECK-SAME: (%[[X:.*]]: tensor<6x2xf32>, %[[Y:.*]]: tensor<1x2xf32>)
// CHECK-NEXT: %[[FLAT:.*]] = nn.concat %[[Y]], %[[Y]], %[[X]] axis 0
// CHECK-NEXT: return %[[X]], %[[FLAT]]
func.func @concats(%x: tensor<6x2xf32>, %y: tensor<1x2xf32>) -> (tensor<6x2xf32>, tensor<8x2xf32>) {
  %0 = nn.slice %x offsets [0, 0] sizes [1, 2] strides [1, 1] : tensor<6x2xf32> -> tensor<1x2xf32>
  %1 = nn.slice %x offsets [1, 0] sizes [3, 2] strides [1, 1] : tensor<6x2xf32> -> tensor<3x2xf32>
  %2 = nn.slice %x offsets [4, 0] sizes [2, 2] strides [1, 1] : tensor<6x2xf32> -> tensor<2x2xf32>
  %3 = nn.concat %0, %1, %2 axis 0 : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<6x2xf32>
  %4 = nn.concat %y, %x axis 0 : (tensor<1x2xf32>, tensor<6x2xf32>) -> tensor<7x2xf32>
  %5 = nn.concat %y, %4 axis 0 : (tensor<1x2xf32>, tensor<7x2xf32>) -> tensor<8x2xf32>
  return %3, %5 : tensor<6x2xf32>, tensor<8x2xf32>
}

// Slices in another order do not merge.
// CHECK-LABEL: func.func @swapped
// CHECK: nn.concat
func.func @swapped(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.slice %x offsets [0] sizes [2] strides [1] : tensor<4xf32> -> tensor<2xf32>
  %1 = nn.slice %x offsets [2] sizes [2] strides [1] : tensor<4xf32> -> tensor<2xf32>
  %2 = nn.concat %1, %0 axis 0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @rolls
// CHECK-NEXT: nn.roll %{{.*}} shift 3 axis 0
// CHECK-NEXT: return
func.func @rolls(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.roll %x shift 1 axis 0 : tensor<4xf32>
  %1 = nn.roll %0 shift 2 axis 0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func.func @reductions
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>, %[[Y:.*]]: tensor<2x1xf32>)
// CHECK-DAG: %[[SUM:.*]] = nn.reduce_sum %[[X]] axes [0, 1] : tensor<2x3x4xf32> -> tensor<4xf32>
// CHECK-DAG: %[[MAX:.*]] = nn.reduce_max %[[X]] axes [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
// CHECK-DAG: %[[ONE:.*]] = nn.reshape %[[Y]] : tensor<2x1xf32> -> tensor<2xf32>
// CHECK: return %[[SUM]], %[[MAX]], %[[ONE]], %[[ONE]]
func.func @reductions(%x: tensor<2x3x4xf32>, %y: tensor<2x1xf32>) -> (tensor<4xf32>, tensor<3xf32>, tensor<2xf32>, tensor<2xf32>) {
  %0 = nn.reduce_sum %x axes [1] : tensor<2x3x4xf32> -> tensor<2x4xf32>
  %1 = nn.reduce_sum %0 axes [0] : tensor<2x4xf32> -> tensor<4xf32>
  %2 = nn.reduce_max %x axes [0] : tensor<2x3x4xf32> -> tensor<3x4xf32>
  %3 = nn.reduce_max %2 axes [1] : tensor<3x4xf32> -> tensor<3xf32>
  %4 = nn.reduce_sum %y axes [1] : tensor<2x1xf32> -> tensor<2xf32>
  return %1, %3, %4, %4 : tensor<4xf32>, tensor<3xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @sums_of_transposes
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4x5xf32>)
// CHECK-DAG: %[[SUM:.*]] = nn.reduce_sum %[[X]] axes [0, 2] : tensor<2x3x4x5xf32> -> tensor<3x5xf32>
// CHECK-DAG: %[[MOVED:.*]] = nn.transpose %[[X]] permutation [0, 3, 1, 2]
// CHECK-DAG: %[[EXCHANGED:.*]] = nn.reduce_sum %[[MOVED]] axes [0, 3] : tensor<2x5x3x4xf32> -> tensor<5x3xf32>
// CHECK: return %[[SUM]], %[[EXCHANGED]]
func.func @sums_of_transposes(%x: tensor<2x3x4x5xf32>) -> (tensor<3x5xf32>, tensor<5x3xf32>) {
  %0 = nn.transpose %x permutation [2, 1, 0, 3] : tensor<2x3x4x5xf32> -> tensor<4x3x2x5xf32>
  %1 = nn.reduce_sum %0 axes [0, 2] : tensor<4x3x2x5xf32> -> tensor<3x5xf32>
  %2 = nn.transpose %x permutation [0, 3, 1, 2] : tensor<2x3x4x5xf32> -> tensor<2x5x3x4xf32>
  %3 = nn.reduce_sum %2 axes [0, 3] : tensor<2x5x3x4xf32> -> tensor<5x3xf32>
  return %1, %3 : tensor<3x5xf32>, tensor<5x3xf32>
}

// CHECK-LABEL: func.func @splats
// CHECK-DAG: dense<2.000000e+00> : tensor<5x4000xf32>
// CHECK-NOT: nn.broadcast
// CHECK-NOT: nn.roll
func.func @splats() -> tensor<5x4000xf32> {
  %0 = nn.constant dense<2.0> : tensor<4000xf32>
  %1 = nn.reshape %0 : tensor<4000xf32> -> tensor<4000x1xf32>
  %2 = nn.transpose %1 permutation [1, 0] : tensor<4000x1xf32> -> tensor<1x4000xf32>
  %3 = nn.broadcast %2 dims [0, 1] : tensor<1x4000xf32> -> tensor<6x4000xf32>
  %4 = nn.roll %3 shift 1 axis 1 : tensor<6x4000xf32>
  %5 = nn.slice %4 offsets [1, 0] sizes [5, 4000] strides [1, 1] : tensor<6x4000xf32> -> tensor<5x4000xf32>
  return %5 : tensor<5x4000xf32>
}
