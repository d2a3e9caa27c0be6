// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-collapse-one-query,canonicalize))' --remarks-filter='.*' 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// The numbers stay, also those of the gradients, which the pass makes shorter by coming first.
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-collapse-one-query,nn-autodiff))' -o %t.collapsed
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-autodiff))' -o %t.naive
// RUN: mome-interp %t.collapsed --against=%t.naive --random-seed=1 --tolerance=1e-12

// Keys and values from slices of one product; the bias of the keys is gone, the one of the values stays.
// CHECK-LABEL: func.func @sliced
// CHECK-NOT: nn.linear
// CHECK-NOT: nn.attention
// CHECK: %[[U:.*]] = nn.matmul %{{.*}}, %{{.*}} : (tensor<2x3x4xf32>, tensor<2x4x6xf32>) -> tensor<2x3x6xf32>
// CHECK: %[[S:.*]] = nn.matmul %{{.*}}, %arg1 transpose_b : (tensor<3x2x6xf32>, tensor<3x5x6xf32>) -> tensor<3x2x5xf32>
// CHECK: %[[P:.*]] = nn.softmax %[[S]]
// CHECK: nn.matmul %[[P]], %arg1 : (tensor<3x2x5xf32>, tensor<3x5x6xf32>) -> tensor<3x2x6xf32>
// CHECK: nn.slice %arg3 offsets [8] sizes [8]
func.func @sliced(%q: tensor<3x1x8xf32>, %x: tensor<3x5x6xf32>, %w: tensor<16x6xf32>, %b: tensor<16xf32>) -> tensor<3x1x8xf32> {
  %kv = nn.linear %x, %w, %b : (tensor<3x5x6xf32>, tensor<16x6xf32>, tensor<16xf32>) -> tensor<3x5x16xf32>
  %k = nn.slice %kv offsets [0, 0, 0] sizes [3, 5, 8] strides [1, 1, 1] : tensor<3x5x16xf32> -> tensor<3x5x8xf32>
  %v = nn.slice %kv offsets [0, 0, 8] sizes [3, 5, 8] strides [1, 1, 1] : tensor<3x5x16xf32> -> tensor<3x5x8xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.5 : (tensor<3x1x8xf32>, tensor<3x5x8xf32>, tensor<3x5x8xf32>) -> (tensor<3x1x8xf32>, tensor<3x2x1xf32>)
  return %o : tensor<3x1x8xf32>
}

// Two queries: left alone, without a remark.
// CHECK-LABEL: func.func @two_queries
// CHECK: nn.attention
func.func @two_queries(%q: tensor<3x2x8xf32>, %x: tensor<3x5x6xf32>, %w: tensor<8x6xf32>) -> tensor<3x2x8xf32> {
  %k = nn.linear %x, %w : (tensor<3x5x6xf32>, tensor<8x6xf32>) -> tensor<3x5x8xf32>
  %o, %lse = nn.attention %q, %k, %k heads 2 scale 0.5 : (tensor<3x2x8xf32>, tensor<3x5x8xf32>, tensor<3x5x8xf32>) -> (tensor<3x2x8xf32>, tensor<3x2x2xf32>)
  return %o : tensor<3x2x8xf32>
}

// REMARK: [Passed] nn.attention
// REMARK: [Missed] nn.attention{{.*}}another reader
// CHECK-LABEL: func.func @two_readers
// CHECK: nn.attention
func.func @two_readers(%q: tensor<3x1x8xf32>, %x: tensor<3x5x6xf32>, %w: tensor<8x6xf32>) -> (tensor<3x1x8xf32>, tensor<3x5x8xf32>) {
  %k = nn.linear %x, %w : (tensor<3x5x6xf32>, tensor<8x6xf32>) -> tensor<3x5x8xf32>
  %o, %lse = nn.attention %q, %k, %k heads 2 scale 0.5 : (tensor<3x1x8xf32>, tensor<3x5x8xf32>, tensor<3x5x8xf32>) -> (tensor<3x1x8xf32>, tensor<3x2x1xf32>)
  return %o, %k : tensor<3x1x8xf32>, tensor<3x5x8xf32>
}

// REMARK: [Missed] nn.attention{{.*}}it has a bias
// CHECK-LABEL: func.func @masked
// CHECK: nn.attention
func.func @masked(%q: tensor<3x1x8xf32>, %x: tensor<3x5x6xf32>, %w: tensor<8x6xf32>, %m: tensor<2x1x5xf32>) -> tensor<3x1x8xf32> {
  %k = nn.linear %x, %w : (tensor<3x5x6xf32>, tensor<8x6xf32>) -> tensor<3x5x8xf32>
  %o, %lse = nn.attention %q, %k, %k bias %m heads 2 scale 0.5 : (tensor<3x1x8xf32>, tensor<3x5x8xf32>, tensor<3x5x8xf32>, tensor<2x1x5xf32>) -> (tensor<3x1x8xf32>, tensor<3x2x1xf32>)
  return %o : tensor<3x1x8xf32>
}

// REMARK: [Missed] nn.attention{{.*}}no linear projection
// CHECK-LABEL: func.func @not_projected
// CHECK: nn.attention
func.func @not_projected(%q: tensor<3x1x8xf32>, %x: tensor<3x5x8xf32>) -> tensor<3x1x8xf32> {
  %o, %lse = nn.attention %q, %x, %x heads 2 scale 0.5 : (tensor<3x1x8xf32>, tensor<3x5x8xf32>, tensor<3x5x8xf32>) -> (tensor<3x1x8xf32>, tensor<3x2x1xf32>)
  return %o : tensor<3x1x8xf32>
}

// CHECK-LABEL: func.func @gradients
func.func @gradients(%q: tensor<3x1x8xf32>, %x: tensor<3x5x6xf32>, %w: tensor<16x6xf32>, %b: tensor<16xf32>)
    -> (tensor<3x1x8xf32>, tensor<3x5x6xf32>, tensor<16x6xf32>, tensor<16xf32>) {
  %kv = nn.linear %x, %w, %b : (tensor<3x5x6xf32>, tensor<16x6xf32>, tensor<16xf32>) -> tensor<3x5x16xf32>
  %k = nn.slice %kv offsets [0, 0, 0] sizes [3, 5, 8] strides [1, 1, 1] : tensor<3x5x16xf32> -> tensor<3x5x8xf32>
  %v = nn.slice %kv offsets [0, 0, 8] sizes [3, 5, 8] strides [1, 1, 1] : tensor<3x5x16xf32> -> tensor<3x5x8xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.5 : (tensor<3x1x8xf32>, tensor<3x5x8xf32>, tensor<3x5x8xf32>) -> (tensor<3x1x8xf32>, tensor<3x2x1xf32>)
  %s = nn.square %o : tensor<3x1x8xf32>
  %l = nn.reduce_sum %s axes [0, 1, 2] : tensor<3x1x8xf32> -> tensor<f32>
  %dq, %dx, %dw, %db = nn.gradient %l wrt %q, %x, %w, %b : (tensor<f32>, tensor<3x1x8xf32>, tensor<3x5x6xf32>, tensor<16x6xf32>, tensor<16xf32>) -> (tensor<3x1x8xf32>, tensor<3x5x6xf32>, tensor<16x6xf32>, tensor<16xf32>)
  return %dq, %dx, %dw, %db : tensor<3x1x8xf32>, tensor<3x5x6xf32>, tensor<16x6xf32>, tensor<16xf32>
}
