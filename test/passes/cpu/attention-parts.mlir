// Attention that reads parts of tensors where they lie and writes its results into parts of one, against
// the interpreter; bits do not depend on the number of threads.
// RUN: mome-check-kernels %s --tolerance=5e-6 | FileCheck %s

// Three parts of the rows of one tensor.
// CHECK: k_joint attention {{.*}} ok
nn.kernel @k_joint {
^bb0(%qkv: tensor<2x13x48xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [2, 13, 16] strides [1, 1, 1] : tensor<2x13x48xf32> -> tensor<2x13x16xf32>
  %k = nn.slice %qkv offsets [0, 0, 16] sizes [2, 13, 16] strides [1, 1, 1] : tensor<2x13x48xf32> -> tensor<2x13x16xf32>
  %v = nn.slice %qkv offsets [0, 0, 32] sizes [2, 13, 16] strides [1, 1, 1] : tensor<2x13x48xf32> -> tensor<2x13x16xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>) -> (tensor<2x13x16xf32>, tensor<2x2x13xf32>)
  nn.yield %o, %lse : tensor<2x13x16xf32>, tensor<2x2x13xf32>
}

// CHECK: k_joint_backward attention_backward {{.*}} ok
nn.kernel @k_joint_backward {
^bb0(%do: tensor<2x13x16xf32>, %qkv: tensor<2x13x48xf32>, %o: tensor<2x13x16xf32>, %lse: tensor<2x2x13xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [2, 13, 16] strides [1, 1, 1] : tensor<2x13x48xf32> -> tensor<2x13x16xf32>
  %k = nn.slice %qkv offsets [0, 0, 16] sizes [2, 13, 16] strides [1, 1, 1] : tensor<2x13x48xf32> -> tensor<2x13x16xf32>
  %v = nn.slice %qkv offsets [0, 0, 32] sizes [2, 13, 16] strides [1, 1, 1] : tensor<2x13x48xf32> -> tensor<2x13x16xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x2x13xf32>) -> (tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>)
  %d = nn.concat %dq, %dk, %dv axis 2 : (tensor<2x13x16xf32>, tensor<2x13x16xf32>, tensor<2x13x16xf32>) -> tensor<2x13x48xf32>
  nn.yield %d : tensor<2x13x48xf32>
}

// In another order, of several widths, several blocks of keys and ranges of rows.
// CHECK: k_order attention {{.*}} ok
nn.kernel @k_order {
^bb0(%vqk: tensor<1x110x56xf32>):
  %v = nn.slice %vqk offsets [0, 0, 0] sizes [1, 110, 24] strides [1, 1, 1] : tensor<1x110x56xf32> -> tensor<1x110x24xf32>
  %q = nn.slice %vqk offsets [0, 0, 24] sizes [1, 110, 16] strides [1, 1, 1] : tensor<1x110x56xf32> -> tensor<1x110x16xf32>
  %k = nn.slice %vqk offsets [0, 0, 40] sizes [1, 110, 16] strides [1, 1, 1] : tensor<1x110x56xf32> -> tensor<1x110x16xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<1x110x16xf32>, tensor<1x110x16xf32>, tensor<1x110x24xf32>) -> (tensor<1x110x24xf32>, tensor<1x2x110xf32>)
  nn.yield %o, %lse : tensor<1x110x24xf32>, tensor<1x2x110xf32>
}

// CHECK: k_order_backward attention_backward {{.*}} ok
nn.kernel @k_order_backward {
^bb0(%do: tensor<1x110x24xf32>, %vqk: tensor<1x110x56xf32>, %o: tensor<1x110x24xf32>, %lse: tensor<1x2x110xf32>):
  %v = nn.slice %vqk offsets [0, 0, 0] sizes [1, 110, 24] strides [1, 1, 1] : tensor<1x110x56xf32> -> tensor<1x110x24xf32>
  %q = nn.slice %vqk offsets [0, 0, 24] sizes [1, 110, 16] strides [1, 1, 1] : tensor<1x110x56xf32> -> tensor<1x110x16xf32>
  %k = nn.slice %vqk offsets [0, 0, 40] sizes [1, 110, 16] strides [1, 1, 1] : tensor<1x110x56xf32> -> tensor<1x110x16xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<1x110x24xf32>, tensor<1x110x16xf32>, tensor<1x110x16xf32>, tensor<1x110x24xf32>, tensor<1x110x24xf32>, tensor<1x2x110xf32>) -> (tensor<1x110x16xf32>, tensor<1x110x16xf32>, tensor<1x110x24xf32>)
  %d = nn.concat %dv, %dq, %dk axis 2 : (tensor<1x110x24xf32>, tensor<1x110x16xf32>, tensor<1x110x16xf32>) -> tensor<1x110x56xf32>
  nn.yield %d : tensor<1x110x56xf32>
}

// CHECK: k_keys_backward attention_backward {{.*}} ok
nn.kernel @k_keys_backward {
^bb0(%do: tensor<1x23x24xf32>, %q: tensor<1x23x16xf32>, %kv: tensor<1x517x40xf32>, %o: tensor<1x23x24xf32>, %lse: tensor<1x2x23xf32>):
  %k = nn.slice %kv offsets [0, 0, 0] sizes [1, 517, 16] strides [1, 1, 1] : tensor<1x517x40xf32> -> tensor<1x517x16xf32>
  %v = nn.slice %kv offsets [0, 0, 16] sizes [1, 517, 24] strides [1, 1, 1] : tensor<1x517x40xf32> -> tensor<1x517x24xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<1x23x24xf32>, tensor<1x23x16xf32>, tensor<1x517x16xf32>, tensor<1x517x24xf32>, tensor<1x23x24xf32>, tensor<1x2x23xf32>) -> (tensor<1x23x16xf32>, tensor<1x517x16xf32>, tensor<1x517x24xf32>)
  %d = nn.concat %dk, %dv axis 2 : (tensor<1x517x16xf32>, tensor<1x517x24xf32>) -> tensor<1x517x40xf32>
  nn.yield %dq, %d : tensor<1x23x16xf32>, tensor<1x517x40xf32>
}

// Keys and values alone share a tensor.
// CHECK: k_cross attention {{.*}} ok
nn.kernel @k_cross {
^bb0(%q: tensor<2x1x12xf32>, %kv: tensor<2x5x18xf32>):
  %k = nn.slice %kv offsets [0, 0, 0] sizes [2, 5, 12] strides [1, 1, 1] : tensor<2x5x18xf32> -> tensor<2x5x12xf32>
  %v = nn.slice %kv offsets [0, 0, 12] sizes [2, 5, 6] strides [1, 1, 1] : tensor<2x5x18xf32> -> tensor<2x5x6xf32>
  %o, %lse = nn.attention %q, %k, %v heads 3 scale 0.35 : (tensor<2x1x12xf32>, tensor<2x5x12xf32>, tensor<2x5x6xf32>) -> (tensor<2x1x6xf32>, tensor<2x3x1xf32>)
  nn.yield %o, %lse : tensor<2x1x6xf32>, tensor<2x3x1xf32>
}

// CHECK: k_cross_backward attention_backward {{.*}} ok
nn.kernel @k_cross_backward {
^bb0(%do: tensor<2x1x6xf32>, %q: tensor<2x1x12xf32>, %kv: tensor<2x5x18xf32>, %o: tensor<2x1x6xf32>, %lse: tensor<2x3x1xf32>):
  %k = nn.slice %kv offsets [0, 0, 0] sizes [2, 5, 12] strides [1, 1, 1] : tensor<2x5x18xf32> -> tensor<2x5x12xf32>
  %v = nn.slice %kv offsets [0, 0, 12] sizes [2, 5, 6] strides [1, 1, 1] : tensor<2x5x18xf32> -> tensor<2x5x6xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 3 scale 0.35 : (tensor<2x1x6xf32>, tensor<2x1x12xf32>, tensor<2x5x12xf32>, tensor<2x5x6xf32>, tensor<2x1x6xf32>, tensor<2x3x1xf32>) -> (tensor<2x1x12xf32>, tensor<2x5x12xf32>, tensor<2x5x6xf32>)
  %d = nn.concat %dk, %dv axis 2 : (tensor<2x5x12xf32>, tensor<2x5x6xf32>) -> tensor<2x5x18xf32>
  nn.yield %dq, %d : tensor<2x1x12xf32>, tensor<2x5x18xf32>
}

// Parts along the other axes.
// CHECK: k_tokens attention {{.*}} ok
nn.kernel @k_tokens {
^bb0(%kqv: tensor<2x25x8xf32>):
  %k = nn.slice %kqv offsets [0, 0, 0] sizes [2, 9, 8] strides [1, 1, 1] : tensor<2x25x8xf32> -> tensor<2x9x8xf32>
  %q = nn.slice %kqv offsets [0, 9, 0] sizes [2, 7, 8] strides [1, 1, 1] : tensor<2x25x8xf32> -> tensor<2x7x8xf32>
  %v = nn.slice %kqv offsets [0, 16, 0] sizes [2, 9, 8] strides [1, 1, 1] : tensor<2x25x8xf32> -> tensor<2x9x8xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x7x8xf32>, tensor<2x9x8xf32>, tensor<2x9x8xf32>) -> (tensor<2x7x8xf32>, tensor<2x2x7xf32>)
  nn.yield %o, %lse : tensor<2x7x8xf32>, tensor<2x2x7xf32>
}

// CHECK: k_tokens_backward attention_backward {{.*}} ok
nn.kernel @k_tokens_backward {
^bb0(%do: tensor<2x7x8xf32>, %kqv: tensor<2x25x8xf32>, %o: tensor<2x7x8xf32>, %lse: tensor<2x2x7xf32>):
  %k = nn.slice %kqv offsets [0, 0, 0] sizes [2, 9, 8] strides [1, 1, 1] : tensor<2x25x8xf32> -> tensor<2x9x8xf32>
  %q = nn.slice %kqv offsets [0, 9, 0] sizes [2, 7, 8] strides [1, 1, 1] : tensor<2x25x8xf32> -> tensor<2x7x8xf32>
  %v = nn.slice %kqv offsets [0, 16, 0] sizes [2, 9, 8] strides [1, 1, 1] : tensor<2x25x8xf32> -> tensor<2x9x8xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x9x8xf32>, tensor<2x9x8xf32>, tensor<2x7x8xf32>, tensor<2x2x7xf32>) -> (tensor<2x7x8xf32>, tensor<2x9x8xf32>, tensor<2x9x8xf32>)
  %d = nn.concat %dk, %dq, %dv axis 1 : (tensor<2x9x8xf32>, tensor<2x7x8xf32>, tensor<2x9x8xf32>) -> tensor<2x25x8xf32>
  nn.yield %d : tensor<2x25x8xf32>
}

// CHECK: k_batch attention {{.*}} ok
nn.kernel @k_batch {
^bb0(%qkv: tensor<6x7x8xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [2, 7, 8] strides [1, 1, 1] : tensor<6x7x8xf32> -> tensor<2x7x8xf32>
  %k = nn.slice %qkv offsets [2, 0, 0] sizes [2, 7, 8] strides [1, 1, 1] : tensor<6x7x8xf32> -> tensor<2x7x8xf32>
  %v = nn.slice %qkv offsets [4, 0, 0] sizes [2, 7, 8] strides [1, 1, 1] : tensor<6x7x8xf32> -> tensor<2x7x8xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x7x8xf32>) -> (tensor<2x7x8xf32>, tensor<2x2x7xf32>)
  nn.yield %o, %lse : tensor<2x7x8xf32>, tensor<2x2x7xf32>
}

// CHECK: k_batch_backward attention_backward {{.*}} ok
nn.kernel @k_batch_backward {
^bb0(%do: tensor<2x7x8xf32>, %qkv: tensor<6x7x8xf32>, %o: tensor<2x7x8xf32>, %lse: tensor<2x2x7xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [2, 7, 8] strides [1, 1, 1] : tensor<6x7x8xf32> -> tensor<2x7x8xf32>
  %k = nn.slice %qkv offsets [2, 0, 0] sizes [2, 7, 8] strides [1, 1, 1] : tensor<6x7x8xf32> -> tensor<2x7x8xf32>
  %v = nn.slice %qkv offsets [4, 0, 0] sizes [2, 7, 8] strides [1, 1, 1] : tensor<6x7x8xf32> -> tensor<2x7x8xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x2x7xf32>) -> (tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x7x8xf32>)
  %d = nn.concat %dq, %dk, %dv axis 0 : (tensor<2x7x8xf32>, tensor<2x7x8xf32>, tensor<2x7x8xf32>) -> tensor<6x7x8xf32>
  nn.yield %d : tensor<6x7x8xf32>
}

// Channels that lie apart.
// CHECK: k_apart reference: {{.*}} attention: an operand is computed in the kernel
nn.kernel @k_apart {
^bb0(%x: tensor<1x5x16xf32>):
  %q = nn.slice %x offsets [0, 0, 0] sizes [1, 5, 8] strides [1, 1, 2] : tensor<1x5x16xf32> -> tensor<1x5x8xf32>
  %o, %lse = nn.attention %q, %q, %q heads 1 scale 0.5 : (tensor<1x5x8xf32>, tensor<1x5x8xf32>, tensor<1x5x8xf32>) -> (tensor<1x5x8xf32>, tensor<1x1x5xf32>)
  nn.yield %o : tensor<1x5x8xf32>
}

// What is around a result would have to be filled.
// CHECK: k_fill reference: {{.*}} attention_backward: a result that is not the root's
nn.kernel @k_fill {
^bb0(%do: tensor<1x5x8xf32>, %qkv: tensor<1x5x24xf32>, %o: tensor<1x5x8xf32>, %lse: tensor<1x1x5xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [1, 5, 8] strides [1, 1, 1] : tensor<1x5x24xf32> -> tensor<1x5x8xf32>
  %k = nn.slice %qkv offsets [0, 0, 8] sizes [1, 5, 8] strides [1, 1, 1] : tensor<1x5x24xf32> -> tensor<1x5x8xf32>
  %v = nn.slice %qkv offsets [0, 0, 16] sizes [1, 5, 8] strides [1, 1, 1] : tensor<1x5x24xf32> -> tensor<1x5x8xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.35 : (tensor<1x5x8xf32>, tensor<1x5x8xf32>, tensor<1x5x8xf32>, tensor<1x5x8xf32>, tensor<1x5x8xf32>, tensor<1x1x5xf32>) -> (tensor<1x5x8xf32>, tensor<1x5x8xf32>, tensor<1x5x8xf32>)
  %p = nn.pad %dq low [0, 0, 0] high [0, 1, 0] interior [0, 0, 0] value 0.0 : tensor<1x5x8xf32> -> tensor<1x6x8xf32>
  nn.yield %p : tensor<1x6x8xf32>
}
