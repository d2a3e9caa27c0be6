// Results in bf16 are those of f32, rounded: where that falls beside a tie they may differ by one unit in the last place, 2^-7 of the
// value.
// RUN: mome-check-kernels %s --low=-1 --high=1 --tolerance=7.8125e-3 | FileCheck %s
// RUN: mome-check-kernels %s --low=-1 --high=1 --tolerance=7.8125e-3 --reference | FileCheck %s --check-prefix=REFERENCE
// REFERENCE-COUNT-6: reference chunks=1 {{.*}} ok

// CHECK: k_down gemm {{.*}} ok
nn.kernel @k_down {
^bb0(%x: tensor<61x24xbf16>, %w: tensor<20x24xbf16>, %b: tensor<20xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<61x24xbf16>, tensor<20x24xbf16>, tensor<20xf32>) -> tensor<61x20xf32>
  %1 = nn.quick_gelu %0 : tensor<61x20xf32>
  %2 = nn.cast %0 : tensor<61x20xf32> -> tensor<61x20xbf16>
  %3 = nn.cast %1 : tensor<61x20xf32> -> tensor<61x20xbf16>
  nn.yield %2, %3 : tensor<61x20xbf16>, tensor<61x20xbf16>
}

// CHECK: k_norm row {{.*}} ok
nn.kernel @k_norm {
^bb0(%x: tensor<13x37xf32>):
  %y, %mean, %rstd = nn.layer_norm %x eps 1.0e-5 : (tensor<13x37xf32>) -> (tensor<13x37xf32>, tensor<13xf32>, tensor<13xf32>)
  %0 = nn.cast %y : tensor<13x37xf32> -> tensor<13x37xbf16>
  nn.yield %0, %mean, %rstd : tensor<13x37xbf16>, tensor<13xf32>, tensor<13xf32>
}

// CHECK: k_attention attention {{.*}} ok
nn.kernel @k_attention {
^bb0(%q: tensor<2x13x18xbf16>, %k: tensor<2x21x18xbf16>, %v: tensor<2x21x10xbf16>, %m: tensor<2x13x21xf32>):
  %o, %lse = nn.attention %q, %k, %v bias %m heads 2 scale 0.35 : (tensor<2x13x18xbf16>, tensor<2x21x18xbf16>, tensor<2x21x10xbf16>, tensor<2x13x21xf32>) -> (tensor<2x13x10xbf16>, tensor<2x2x13xf32>)
  nn.yield %o, %lse : tensor<2x13x10xbf16>, tensor<2x2x13xf32>
}

// CHECK: k_attention_backward attention_backward {{.*}} ok
nn.kernel @k_attention_backward {
^bb0(%do: tensor<2x13x10xbf16>, %q: tensor<2x13x18xbf16>, %k: tensor<2x21x18xbf16>, %v: tensor<2x21x10xbf16>, %o: tensor<2x13x10xbf16>, %lse: tensor<2x2x13xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x13x10xbf16>, tensor<2x13x18xbf16>, tensor<2x21x18xbf16>, tensor<2x21x10xbf16>, tensor<2x13x10xbf16>, tensor<2x2x13xf32>) -> (tensor<2x13x18xbf16>, tensor<2x21x18xbf16>, tensor<2x21x10xbf16>)
  nn.yield %dq, %dk, %dv : tensor<2x13x18xbf16>, tensor<2x21x18xbf16>, tensor<2x21x10xbf16>
}

// The same where q, k and v are parts of one tensor, and their cotangents of another.
// CHECK: k_attention_parts attention {{.*}} ok
nn.kernel @k_attention_parts {
^bb0(%qkv: tensor<2x13x46xbf16>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [2, 13, 18] strides [1, 1, 1] : tensor<2x13x46xbf16> -> tensor<2x13x18xbf16>
  %k = nn.slice %qkv offsets [0, 0, 18] sizes [2, 13, 18] strides [1, 1, 1] : tensor<2x13x46xbf16> -> tensor<2x13x18xbf16>
  %v = nn.slice %qkv offsets [0, 0, 36] sizes [2, 13, 10] strides [1, 1, 1] : tensor<2x13x46xbf16> -> tensor<2x13x10xbf16>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x13x18xbf16>, tensor<2x13x18xbf16>, tensor<2x13x10xbf16>) -> (tensor<2x13x10xbf16>, tensor<2x2x13xf32>)
  nn.yield %o, %lse : tensor<2x13x10xbf16>, tensor<2x2x13xf32>
}

// CHECK: k_attention_parts_backward attention_backward {{.*}} ok
nn.kernel @k_attention_parts_backward {
^bb0(%do: tensor<2x13x10xbf16>, %qkv: tensor<2x13x46xbf16>, %o: tensor<2x13x10xbf16>, %lse: tensor<2x2x13xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [2, 13, 18] strides [1, 1, 1] : tensor<2x13x46xbf16> -> tensor<2x13x18xbf16>
  %k = nn.slice %qkv offsets [0, 0, 18] sizes [2, 13, 18] strides [1, 1, 1] : tensor<2x13x46xbf16> -> tensor<2x13x18xbf16>
  %v = nn.slice %qkv offsets [0, 0, 36] sizes [2, 13, 10] strides [1, 1, 1] : tensor<2x13x46xbf16> -> tensor<2x13x10xbf16>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x13x10xbf16>, tensor<2x13x18xbf16>, tensor<2x13x18xbf16>, tensor<2x13x10xbf16>, tensor<2x13x10xbf16>, tensor<2x2x13xf32>) -> (tensor<2x13x18xbf16>, tensor<2x13x18xbf16>, tensor<2x13x10xbf16>)
  %d = nn.concat %dq, %dk, %dv axis 2 : (tensor<2x13x18xbf16>, tensor<2x13x18xbf16>, tensor<2x13x10xbf16>) -> tensor<2x13x46xbf16>
  nn.yield %d : tensor<2x13x46xbf16>
}
