// Attention reads parts of tensors where they lie, and writes its results into parts of one.
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-fuse-dispatches))' -split-input-file | FileCheck %s

// Each reader of q, k and v has its own index maps; nothing stores what they give.
// CHECK-LABEL: func.func @step
// CHECK-NEXT: %[[P:.*]] = nn.dispatch(%arg0, %arg1)
// CHECK: nn.linear
// CHECK: %[[O:.*]]:2 = nn.dispatch(%[[P]]) : (tensor<2x5x24xf32>) -> (tensor<2x5x8xf32>, tensor<2x2x5xf32>) {
// CHECK-COUNT-3: nn.slice
// CHECK: nn.attention
// CHECK: %[[D:.*]] = nn.dispatch({{.*}}) : (tensor<2x5x24xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x2x5xf32>) -> tensor<2x5x24xf32> {
// CHECK-COUNT-3: nn.slice
// CHECK: nn.attention_backward
// CHECK: %[[C:.*]] = nn.concat
// CHECK-NEXT: nn.yield %[[C]] : tensor<2x5x24xf32>
// CHECK-NOT: nn.dispatch
// CHECK: return %[[D]]
func.func @step(%x: tensor<2x5x8xf32>, %w: tensor<24x8xf32>, %do: tensor<2x5x8xf32>) -> tensor<2x5x24xf32> {
  %p = nn.linear %x, %w : (tensor<2x5x8xf32>, tensor<24x8xf32>) -> tensor<2x5x24xf32>
  %q = nn.slice %p offsets [0, 0, 0] sizes [2, 5, 8] strides [1, 1, 1] : tensor<2x5x24xf32> -> tensor<2x5x8xf32>
  %k = nn.slice %p offsets [0, 0, 8] sizes [2, 5, 8] strides [1, 1, 1] : tensor<2x5x24xf32> -> tensor<2x5x8xf32>
  %v = nn.slice %p offsets [0, 0, 16] sizes [2, 5, 8] strides [1, 1, 1] : tensor<2x5x24xf32> -> tensor<2x5x8xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.5 : (tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>) -> (tensor<2x5x8xf32>, tensor<2x2x5xf32>)
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.5 : (tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x2x5xf32>) -> (tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>)
  %d = nn.concat %dq, %dk, %dv axis 2 : (tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>) -> tensor<2x5x24xf32>
  return %d : tensor<2x5x24xf32>
}

// -----

// Keys and values alone share a tensor, and something else reads the keys: that reads a copy.
// CHECK-LABEL: func.func @other_reader
// CHECK: %[[K:.*]] = nn.dispatch(%arg1) : (tensor<2x5x16xf32>) -> tensor<2x5x8xf32> {
// CHECK: nn.slice
// CHECK: nn.dispatch(%arg1, %arg0)
// CHECK-COUNT-2: nn.slice
// CHECK: nn.attention
// CHECK: return %{{.*}}, %[[K]]
func.func @other_reader(%q: tensor<2x3x8xf32>, %kv: tensor<2x5x16xf32>) -> (tensor<2x3x8xf32>, tensor<2x5x8xf32>) {
  %k = nn.slice %kv offsets [0, 0, 0] sizes [2, 5, 8] strides [1, 1, 1] : tensor<2x5x16xf32> -> tensor<2x5x8xf32>
  %v = nn.slice %kv offsets [0, 0, 8] sizes [2, 5, 8] strides [1, 1, 1] : tensor<2x5x16xf32> -> tensor<2x5x8xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.5 : (tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>) -> (tensor<2x3x8xf32>, tensor<2x2x3xf32>)
  return %o, %k : tensor<2x3x8xf32>, tensor<2x5x8xf32>
}

// -----

// A tensor of which attention has but a part would be kept for it; and channels that lie apart are no part.
// CHECK-LABEL: func.func @copied
// CHECK-COUNT-2: nn.dispatch({{.*}}) : (tensor<{{.*}}>) -> tensor<
// CHECK: nn.dispatch({{.*}}) : (tensor<2x5x8xf32>, tensor<2x5x8xf32>)
// CHECK-NOT: nn.slice
// CHECK: nn.attention
func.func @copied(%x: tensor<2x6x8xf32>, %y: tensor<2x5x16xf32>) -> tensor<2x5x8xf32> {
  %q = nn.slice %x offsets [0, 1, 0] sizes [2, 5, 8] strides [1, 1, 1] : tensor<2x6x8xf32> -> tensor<2x5x8xf32>
  %k = nn.slice %y offsets [0, 0, 0] sizes [2, 5, 8] strides [1, 1, 2] : tensor<2x5x16xf32> -> tensor<2x5x8xf32>
  %o, %lse = nn.attention %q, %k, %k heads 2 scale 0.5 : (tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>) -> (tensor<2x5x8xf32>, tensor<2x2x5xf32>)
  return %o : tensor<2x5x8xf32>
}

// -----

// A result that is read by itself as well, or joined with something else, is stored.
// CHECK-LABEL: func.func @stored
// CHECK-NEXT: %{{.*}}:3 = nn.dispatch
// CHECK: nn.attention_backward
// CHECK-NEXT: nn.yield
// CHECK: nn.dispatch
// CHECK: nn.concat
// CHECK: nn.dispatch
// CHECK: nn.concat
func.func @stored(%x: tensor<2x5x8xf32>, %lse: tensor<2x2x5xf32>) -> (tensor<2x5x16xf32>, tensor<2x5x16xf32>, tensor<2x5x8xf32>) {
  %dq, %dk, %dv = nn.attention_backward %x, %x, %x, %x, %x, %lse heads 2 scale 0.5 : (tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x2x5xf32>) -> (tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>)
  %a = nn.concat %dq, %dk axis 2 : (tensor<2x5x8xf32>, tensor<2x5x8xf32>) -> tensor<2x5x16xf32>
  %b = nn.concat %dv, %x axis 2 : (tensor<2x5x8xf32>, tensor<2x5x8xf32>) -> tensor<2x5x16xf32>
  return %a, %b, %dk : tensor<2x5x16xf32>, tensor<2x5x16xf32>, tensor<2x5x8xf32>
}
