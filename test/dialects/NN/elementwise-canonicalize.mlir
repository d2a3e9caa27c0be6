// Each pattern: the smallest IR that fires it and, where it matters, the smallest that must not. The numbers stay.
// RUN: mome-opt %s --canonicalize | FileCheck %s
// RUN: mome-opt %s --canonicalize | mome-interp - --against=%s --random-seed=1

// CHECK-LABEL: func.func @neutral
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK-NEXT: return %[[X]] : tensor<4xf32>
func.func @neutral(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = nn.constant dense<0.0> : tensor<4xf32>
  %one = nn.constant dense<1.0> : tensor<4xf32>
  %0 = nn.add %zero, %x : tensor<4xf32>
  %1 = nn.sub %0, %zero : tensor<4xf32>
  %2 = nn.mul %one, %1 : tensor<4xf32>
  %3 = nn.div %2, %one : tensor<4xf32>
  %4 = nn.neg %3 : tensor<4xf32>
  %5 = nn.neg %4 : tensor<4xf32>
  return %5 : tensor<4xf32>
}

// x * 0 is NaN where x is not finite.
// CHECK-LABEL: func.func @not_neutral
// CHECK: nn.mul
func.func @not_neutral(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = nn.constant dense<0.0> : tensor<4xf32>
  %0 = nn.mul %x, %zero : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @signs
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK-DAG: %[[SUB:.*]] = nn.sub %[[X]], %[[Y]]
// CHECK-DAG: %[[REV:.*]] = nn.sub %[[Y]], %[[X]]
// CHECK-DAG: %[[ADD:.*]] = nn.add %[[X]], %[[Y]]
// CHECK-DAG: %[[NEG:.*]] = nn.neg %[[X]]
// CHECK-DAG: %[[MUL:.*]] = nn.mul %[[X]], %[[Y]]
// CHECK: return %[[SUB]], %[[REV]], %[[ADD]], %[[NEG]], %[[NEG]], %[[MUL]]
func.func @signs(%x: tensor<4xf32>, %y: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = nn.constant dense<0.0> : tensor<4xf32>
  %minus_one = nn.constant dense<-1.0> : tensor<4xf32>
  %nx = nn.neg %x : tensor<4xf32>
  %ny = nn.neg %y : tensor<4xf32>
  %0 = nn.add %x, %ny : tensor<4xf32>
  %1 = nn.add %nx, %y : tensor<4xf32>
  %2 = nn.sub %x, %ny : tensor<4xf32>
  %3 = nn.sub %zero, %x : tensor<4xf32>
  %5 = nn.mul %nx, %ny : tensor<4xf32>
  return %0, %1, %2, %nx, %nx, %5 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @minus_one
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK-NEXT: %[[NEG:.*]] = nn.neg %[[X]]
// CHECK-NEXT: return %[[NEG]]
func.func @minus_one(%x: tensor<4xf32>) -> tensor<4xf32> {
  %minus_one = nn.constant dense<-1.0> : tensor<4xf32>
  %0 = nn.mul %x, %minus_one : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @factors
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK-NEXT: %[[C:.*]] = nn.constant dense<-6.000000e+00> : tensor<4xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.mul %[[X]], %[[C]]
// CHECK-NEXT: return %[[Y]]
func.func @factors(%x: tensor<4xf32>) -> tensor<4xf32> {
  %two = nn.constant dense<2.0> : tensor<4xf32>
  %three = nn.constant dense<3.0> : tensor<4xf32>
  %0 = nn.mul %x, %two : tensor<4xf32>
  %1 = nn.neg %0 : tensor<4xf32>
  %2 = nn.mul %1, %three : tensor<4xf32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @powers
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK-DAG: %[[SQUARE:.*]] = nn.square %[[X]]
// CHECK-DAG: %[[CUBE:.*]] = nn.mul %[[X]], %{{.*}}
// CHECK-DAG: %[[ABS:.*]] = nn.abs %[[X]]
// CHECK-DAG: %[[SQRT:.*]] = nn.sqrt %[[ABS]]
// CHECK-DAG: %[[RSQRT:.*]] = nn.rsqrt %[[ABS]]
// CHECK-DAG: %[[DIV:.*]] = nn.div %{{.*}}, %[[X]]
// CHECK-DAG: %[[POW:.*]] = nn.pow %[[ABS]]
// CHECK: return %[[X]], %[[SQUARE]], %[[CUBE]], %[[SQRT]], %[[RSQRT]], %[[DIV]], %[[POW]]
func.func @powers(%x: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %c1 = nn.constant dense<1.0> : tensor<4xf32>
  %c2 = nn.constant dense<2.0> : tensor<4xf32>
  %c3 = nn.constant dense<3.0> : tensor<4xf32>
  %half = nn.constant dense<0.5> : tensor<4xf32>
  %minus_half = nn.constant dense<-0.5> : tensor<4xf32>
  %minus_one = nn.constant dense<-1.0> : tensor<4xf32>
  %other = nn.constant dense<0.75> : tensor<4xf32>
  %positive = nn.abs %x : tensor<4xf32>
  %0 = nn.pow %x, %c1 : tensor<4xf32>
  %1 = nn.pow %x, %c2 : tensor<4xf32>
  %2 = nn.pow %x, %c3 : tensor<4xf32>
  %3 = nn.pow %positive, %half : tensor<4xf32>
  %4 = nn.pow %positive, %minus_half : tensor<4xf32>
  %5 = nn.pow %x, %minus_one : tensor<4xf32>
  %6 = nn.pow %positive, %other : tensor<4xf32>
  return %0, %1, %2, %3, %4, %5, %6
      : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @select
// CHECK-SAME: (%[[C:.*]]: tensor<2xi1>, %[[X:.*]]: tensor<2xf32>, %[[Y:.*]]: tensor<2xf32>)
// CHECK-NEXT: return %[[X]], %[[X]], %[[Y]]
func.func @select(%c: tensor<2xi1>, %x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %yes = nn.constant dense<true> : tensor<2xi1>
  %no = nn.constant dense<false> : tensor<2xi1>
  %0 = nn.select %c, %x, %x : tensor<2xf32>
  %1 = nn.select %yes, %x, %y : tensor<2xf32>
  %2 = nn.select %no, %x, %y : tensor<2xf32>
  return %0, %1, %2 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// There and back through a wider type; two widening steps. Through a narrower type something is lost.
// CHECK-LABEL: func.func @casts
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xbf16>)
// CHECK-DAG: %[[WIDE:.*]] = nn.cast %[[Y]] : tensor<4xbf16> -> tensor<4xf64>
// CHECK-DAG: %[[NARROW:.*]] = nn.cast %[[X]] : tensor<4xf32> -> tensor<4xbf16>
// CHECK-DAG: %[[LOSSY:.*]] = nn.cast %[[NARROW]] : tensor<4xbf16> -> tensor<4xf32>
// CHECK: return %[[X]], %[[WIDE]], %[[LOSSY]]
func.func @casts(%x: tensor<4xf32>, %y: tensor<4xbf16>) -> (tensor<4xf32>, tensor<4xf64>, tensor<4xf32>) {
  %0 = nn.cast %x : tensor<4xf32> -> tensor<4xf64>
  %1 = nn.cast %0 : tensor<4xf64> -> tensor<4xf32>
  %2 = nn.cast %y : tensor<4xbf16> -> tensor<4xf32>
  %3 = nn.cast %2 : tensor<4xf32> -> tensor<4xf64>
  %4 = nn.cast %x : tensor<4xf32> -> tensor<4xbf16>
  %5 = nn.cast %4 : tensor<4xbf16> -> tensor<4xf32>
  return %1, %3, %5 : tensor<4xf32>, tensor<4xf64>, tensor<4xf32>
}

// Any op folds small constants by its own meaning; elementwise ops fold splats of any size.
// CHECK-LABEL: func.func @constants
// CHECK-DAG: dense<[0.000000e+00, 3.000000e+00]> : tensor<2xf32>
// CHECK-DAG: dense<3.000000e+00> : tensor<9999xf32>
// CHECK-DAG: dense<[1, -1]> : tensor<2xi32>
// CHECK-NOT: nn.sqrt
// CHECK-NOT: nn.reduce_max
// CHECK-NOT: nn.cast
func.func @constants() -> (tensor<2xf32>, tensor<f32>, tensor<9999xf32>, tensor<2xi32>) {
  %x = nn.constant dense<[0.0, 9.0]> : tensor<2xf32>
  %0 = nn.sqrt %x : tensor<2xf32>
  %1 = nn.reduce_max %0 axes [0] : tensor<2xf32> -> tensor<f32>
  %big = nn.constant dense<9.0> : tensor<9999xf32>
  %2 = nn.sqrt %big : tensor<9999xf32>
  %y = nn.constant dense<[1.5, -1.5]> : tensor<2xf32>
  %3 = nn.cast %y : tensor<2xf32> -> tensor<2xi32>
  return %0, %1, %2, %3 : tensor<2xf32>, tensor<f32>, tensor<9999xf32>, tensor<2xi32>
}

// CHECK-LABEL: func.func @iota_stays
// CHECK-NEXT: nn.iota
func.func @iota_stays() -> tensor<4xi32> {
  %0 = nn.iota axis 0 : tensor<4xi32>
  return %0 : tensor<4xi32>
}

// The derivatives of the parts of a tensor come together again.
// CHECK-LABEL: func.func @neighbours
// CHECK-SAME: (%[[A:.*]]: tensor<2x1xf32>, %[[B:.*]]: tensor<2x3xf32>, %[[C:.*]]: tensor<2x2xf32>)
// CHECK-NEXT: %[[ALL:.*]] = nn.concat %[[A]], %[[B]], %[[C]] axis 1
// CHECK-NEXT: return %[[ALL]]
func.func @neighbours(%a: tensor<2x1xf32>, %b: tensor<2x3xf32>, %c: tensor<2x2xf32>) -> tensor<2x6xf32> {
  %0 = nn.pad %a low [0, 0] high [0, 5] interior [0, 0] value 0.0 : tensor<2x1xf32> -> tensor<2x6xf32>
  %1 = nn.pad %b low [0, 1] high [0, 2] interior [0, 0] value 0.0 : tensor<2x3xf32> -> tensor<2x6xf32>
  %2 = nn.pad %c low [0, 4] high [0, 0] interior [0, 0] value 0.0 : tensor<2x2xf32> -> tensor<2x6xf32>
  %3 = nn.add %1, %0 : tensor<2x6xf32>
  %4 = nn.add %3, %2 : tensor<2x6xf32>
  return %4 : tensor<2x6xf32>
}

// CHECK-LABEL: func.func @not_neighbours
// CHECK-COUNT-3: nn.pad
// CHECK-COUNT-2: nn.add
func.func @not_neighbours(%a: tensor<1xf32>, %b: tensor<2xf32>) -> tensor<4xf32> {
  %0 = nn.pad %a low [0] high [3] interior [0] value 0.0 : tensor<1xf32> -> tensor<4xf32>
  %1 = nn.pad %b low [2] high [0] interior [0] value 0.0 : tensor<2xf32> -> tensor<4xf32>
  %2 = nn.pad %b low [0] high [1] interior [1] value 0.0 : tensor<2xf32> -> tensor<4xf32>
  %3 = nn.add %0, %1 : tensor<4xf32>
  %4 = nn.add %3, %2 : tensor<4xf32>
  return %4 : tensor<4xf32>
}
