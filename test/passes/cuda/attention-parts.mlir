// Attention on CUDA that reads parts of tensors where they lie and writes its results into parts of one: all parts at multiples of
// 16 bytes, and some that are not; on the stand-in driver with all checkers on, against the interpreter.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{check} = mome-check-kernels --cuda %s
// RUN: %{driver} %{check} --tolerance=5e-6 --only=f32 | FileCheck %s --check-prefix=F32
// RUN: %{driver} %{check} --tolerance=7.8125e-3 --only=bf16 --ptx=%t.ptx | FileCheck %s --check-prefix=BF16
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx
// RUN: %{driver} MOME_FAKECUDA=seed=1,perturb=1 %{check} --tolerance=7.8125e-3 --only=odd

// F32: k_f32_joint cuda:attention {{.*}} ok
nn.kernel @k_f32_joint {
^bb0(%qkv: tensor<1x40x192xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xf32> -> tensor<1x40x64xf32>
  %k = nn.slice %qkv offsets [0, 0, 64] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xf32> -> tensor<1x40x64xf32>
  %v = nn.slice %qkv offsets [0, 0, 128] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xf32> -> tensor<1x40x64xf32>
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.35 : (tensor<1x40x64xf32>, tensor<1x40x64xf32>, tensor<1x40x64xf32>) -> (tensor<1x40x64xf32>, tensor<1x1x40xf32>)
  nn.yield %o, %lse : tensor<1x40x64xf32>, tensor<1x1x40xf32>
}

// F32: k_f32_joint_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_f32_joint_backward {
^bb0(%do: tensor<1x40x64xf32>, %qkv: tensor<1x40x192xf32>, %o: tensor<1x40x64xf32>, %lse: tensor<1x1x40xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xf32> -> tensor<1x40x64xf32>
  %k = nn.slice %qkv offsets [0, 0, 64] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xf32> -> tensor<1x40x64xf32>
  %v = nn.slice %qkv offsets [0, 0, 128] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xf32> -> tensor<1x40x64xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.35 : (tensor<1x40x64xf32>, tensor<1x40x64xf32>, tensor<1x40x64xf32>, tensor<1x40x64xf32>, tensor<1x40x64xf32>, tensor<1x1x40xf32>) -> (tensor<1x40x64xf32>, tensor<1x40x64xf32>, tensor<1x40x64xf32>)
  %d = nn.concat %dq, %dk, %dv axis 2 : (tensor<1x40x64xf32>, tensor<1x40x64xf32>, tensor<1x40x64xf32>) -> tensor<1x40x192xf32>
  nn.yield %d : tensor<1x40x192xf32>
}

// F32: k_f32_odd cuda:attention {{.*}} ok
nn.kernel @k_f32_odd {
^bb0(%vqk: tensor<2x7x30xf32>):
  %v = nn.slice %vqk offsets [0, 0, 0] sizes [2, 7, 6] strides [1, 1, 1] : tensor<2x7x30xf32> -> tensor<2x7x6xf32>
  %q = nn.slice %vqk offsets [0, 0, 6] sizes [2, 7, 12] strides [1, 1, 1] : tensor<2x7x30xf32> -> tensor<2x7x12xf32>
  %k = nn.slice %vqk offsets [0, 0, 18] sizes [2, 7, 12] strides [1, 1, 1] : tensor<2x7x30xf32> -> tensor<2x7x12xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x7x12xf32>, tensor<2x7x12xf32>, tensor<2x7x6xf32>) -> (tensor<2x7x6xf32>, tensor<2x2x7xf32>)
  nn.yield %o, %lse : tensor<2x7x6xf32>, tensor<2x2x7xf32>
}

// F32: k_f32_odd_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_f32_odd_backward {
^bb0(%do: tensor<2x7x6xf32>, %vqk: tensor<2x7x30xf32>, %o: tensor<2x7x6xf32>, %lse: tensor<2x2x7xf32>):
  %v = nn.slice %vqk offsets [0, 0, 0] sizes [2, 7, 6] strides [1, 1, 1] : tensor<2x7x30xf32> -> tensor<2x7x6xf32>
  %q = nn.slice %vqk offsets [0, 0, 6] sizes [2, 7, 12] strides [1, 1, 1] : tensor<2x7x30xf32> -> tensor<2x7x12xf32>
  %k = nn.slice %vqk offsets [0, 0, 18] sizes [2, 7, 12] strides [1, 1, 1] : tensor<2x7x30xf32> -> tensor<2x7x12xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x7x6xf32>, tensor<2x7x12xf32>, tensor<2x7x12xf32>, tensor<2x7x6xf32>, tensor<2x7x6xf32>, tensor<2x2x7xf32>) -> (tensor<2x7x12xf32>, tensor<2x7x12xf32>, tensor<2x7x6xf32>)
  %d = nn.concat %dv, %dq, %dk axis 2 : (tensor<2x7x6xf32>, tensor<2x7x12xf32>, tensor<2x7x12xf32>) -> tensor<2x7x30xf32>
  nn.yield %d : tensor<2x7x30xf32>
}

// F32: k_f32_cross cuda:attention {{.*}} ok
nn.kernel @k_f32_cross {
^bb0(%q: tensor<2x3x8xf32>, %kv: tensor<2x33x24xf32>):
  %k = nn.slice %kv offsets [0, 0, 0] sizes [2, 33, 8] strides [1, 1, 1] : tensor<2x33x24xf32> -> tensor<2x33x8xf32>
  %v = nn.slice %kv offsets [0, 0, 8] sizes [2, 33, 16] strides [1, 1, 1] : tensor<2x33x24xf32> -> tensor<2x33x16xf32>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x3x8xf32>, tensor<2x33x8xf32>, tensor<2x33x16xf32>) -> (tensor<2x3x16xf32>, tensor<2x2x3xf32>)
  nn.yield %o, %lse : tensor<2x3x16xf32>, tensor<2x2x3xf32>
}

// F32: k_f32_cross_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_f32_cross_backward {
^bb0(%do: tensor<2x3x16xf32>, %q: tensor<2x3x8xf32>, %kv: tensor<2x33x24xf32>, %o: tensor<2x3x16xf32>, %lse: tensor<2x2x3xf32>):
  %k = nn.slice %kv offsets [0, 0, 0] sizes [2, 33, 8] strides [1, 1, 1] : tensor<2x33x24xf32> -> tensor<2x33x8xf32>
  %v = nn.slice %kv offsets [0, 0, 8] sizes [2, 33, 16] strides [1, 1, 1] : tensor<2x33x24xf32> -> tensor<2x33x16xf32>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x3x16xf32>, tensor<2x3x8xf32>, tensor<2x33x8xf32>, tensor<2x33x16xf32>, tensor<2x3x16xf32>, tensor<2x2x3xf32>) -> (tensor<2x3x8xf32>, tensor<2x33x8xf32>, tensor<2x33x16xf32>)
  %d = nn.concat %dk, %dv axis 2 : (tensor<2x33x8xf32>, tensor<2x33x16xf32>) -> tensor<2x33x24xf32>
  nn.yield %dq, %d : tensor<2x3x8xf32>, tensor<2x33x24xf32>
}

// BF16: k_bf16_joint cuda:attention {{.*}} ok
nn.kernel @k_bf16_joint {
^bb0(%qkv: tensor<1x40x192xbf16>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xbf16> -> tensor<1x40x64xbf16>
  %k = nn.slice %qkv offsets [0, 0, 64] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xbf16> -> tensor<1x40x64xbf16>
  %v = nn.slice %qkv offsets [0, 0, 128] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xbf16> -> tensor<1x40x64xbf16>
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.35 : (tensor<1x40x64xbf16>, tensor<1x40x64xbf16>, tensor<1x40x64xbf16>) -> (tensor<1x40x64xbf16>, tensor<1x1x40xf32>)
  nn.yield %o, %lse : tensor<1x40x64xbf16>, tensor<1x1x40xf32>
}

// BF16: k_bf16_joint_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_bf16_joint_backward {
^bb0(%do: tensor<1x40x64xbf16>, %qkv: tensor<1x40x192xbf16>, %o: tensor<1x40x64xbf16>, %lse: tensor<1x1x40xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xbf16> -> tensor<1x40x64xbf16>
  %k = nn.slice %qkv offsets [0, 0, 64] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xbf16> -> tensor<1x40x64xbf16>
  %v = nn.slice %qkv offsets [0, 0, 128] sizes [1, 40, 64] strides [1, 1, 1] : tensor<1x40x192xbf16> -> tensor<1x40x64xbf16>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.35 : (tensor<1x40x64xbf16>, tensor<1x40x64xbf16>, tensor<1x40x64xbf16>, tensor<1x40x64xbf16>, tensor<1x40x64xbf16>, tensor<1x1x40xf32>) -> (tensor<1x40x64xbf16>, tensor<1x40x64xbf16>, tensor<1x40x64xbf16>)
  %d = nn.concat %dq, %dk, %dv axis 2 : (tensor<1x40x64xbf16>, tensor<1x40x64xbf16>, tensor<1x40x64xbf16>) -> tensor<1x40x192xbf16>
  nn.yield %d : tensor<1x40x192xbf16>
}

// BF16: k_bf16_odd cuda:attention {{.*}} ok
nn.kernel @k_bf16_odd {
^bb0(%vqk: tensor<2x7x30xbf16>):
  %v = nn.slice %vqk offsets [0, 0, 0] sizes [2, 7, 6] strides [1, 1, 1] : tensor<2x7x30xbf16> -> tensor<2x7x6xbf16>
  %q = nn.slice %vqk offsets [0, 0, 6] sizes [2, 7, 12] strides [1, 1, 1] : tensor<2x7x30xbf16> -> tensor<2x7x12xbf16>
  %k = nn.slice %vqk offsets [0, 0, 18] sizes [2, 7, 12] strides [1, 1, 1] : tensor<2x7x30xbf16> -> tensor<2x7x12xbf16>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x7x12xbf16>, tensor<2x7x12xbf16>, tensor<2x7x6xbf16>) -> (tensor<2x7x6xbf16>, tensor<2x2x7xf32>)
  nn.yield %o, %lse : tensor<2x7x6xbf16>, tensor<2x2x7xf32>
}

// BF16: k_bf16_odd_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_bf16_odd_backward {
^bb0(%do: tensor<2x7x6xbf16>, %vqk: tensor<2x7x30xbf16>, %o: tensor<2x7x6xbf16>, %lse: tensor<2x2x7xf32>):
  %v = nn.slice %vqk offsets [0, 0, 0] sizes [2, 7, 6] strides [1, 1, 1] : tensor<2x7x30xbf16> -> tensor<2x7x6xbf16>
  %q = nn.slice %vqk offsets [0, 0, 6] sizes [2, 7, 12] strides [1, 1, 1] : tensor<2x7x30xbf16> -> tensor<2x7x12xbf16>
  %k = nn.slice %vqk offsets [0, 0, 18] sizes [2, 7, 12] strides [1, 1, 1] : tensor<2x7x30xbf16> -> tensor<2x7x12xbf16>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x7x6xbf16>, tensor<2x7x12xbf16>, tensor<2x7x12xbf16>, tensor<2x7x6xbf16>, tensor<2x7x6xbf16>, tensor<2x2x7xf32>) -> (tensor<2x7x12xbf16>, tensor<2x7x12xbf16>, tensor<2x7x6xbf16>)
  %d = nn.concat %dv, %dq, %dk axis 2 : (tensor<2x7x6xbf16>, tensor<2x7x12xbf16>, tensor<2x7x12xbf16>) -> tensor<2x7x30xbf16>
  nn.yield %d : tensor<2x7x30xbf16>
}

// BF16: k_bf16_cross cuda:attention {{.*}} ok
nn.kernel @k_bf16_cross {
^bb0(%q: tensor<2x3x8xbf16>, %kv: tensor<2x33x24xbf16>):
  %k = nn.slice %kv offsets [0, 0, 0] sizes [2, 33, 8] strides [1, 1, 1] : tensor<2x33x24xbf16> -> tensor<2x33x8xbf16>
  %v = nn.slice %kv offsets [0, 0, 8] sizes [2, 33, 16] strides [1, 1, 1] : tensor<2x33x24xbf16> -> tensor<2x33x16xbf16>
  %o, %lse = nn.attention %q, %k, %v heads 2 scale 0.35 : (tensor<2x3x8xbf16>, tensor<2x33x8xbf16>, tensor<2x33x16xbf16>) -> (tensor<2x3x16xbf16>, tensor<2x2x3xf32>)
  nn.yield %o, %lse : tensor<2x3x16xbf16>, tensor<2x2x3xf32>
}

// BF16: k_bf16_cross_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_bf16_cross_backward {
^bb0(%do: tensor<2x3x16xbf16>, %q: tensor<2x3x8xbf16>, %kv: tensor<2x33x24xbf16>, %o: tensor<2x3x16xbf16>, %lse: tensor<2x2x3xf32>):
  %k = nn.slice %kv offsets [0, 0, 0] sizes [2, 33, 8] strides [1, 1, 1] : tensor<2x33x24xbf16> -> tensor<2x33x8xbf16>
  %v = nn.slice %kv offsets [0, 0, 8] sizes [2, 33, 16] strides [1, 1, 1] : tensor<2x33x24xbf16> -> tensor<2x33x16xbf16>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<2x3x16xbf16>, tensor<2x3x8xbf16>, tensor<2x33x8xbf16>, tensor<2x33x16xbf16>, tensor<2x3x16xbf16>, tensor<2x2x3xf32>) -> (tensor<2x3x8xbf16>, tensor<2x33x8xbf16>, tensor<2x33x16xbf16>)
  %d = nn.concat %dk, %dv axis 2 : (tensor<2x33x8xbf16>, tensor<2x33x16xbf16>) -> tensor<2x33x24xbf16>
  nn.yield %dq, %d : tensor<2x3x8xbf16>, tensor<2x33x24xbf16>
}

// All keys of a head in a block: one launch.
// PTX: .entry k_bf16_keys_backward_0(
// PTX-NOT: .entry k_bf16_keys_backward_1(
// BF16: k_bf16_keys_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_bf16_keys_backward {
^bb0(%do: tensor<1x70x128xbf16>, %qkv: tensor<1x70x384xbf16>, %o: tensor<1x70x128xbf16>, %lse: tensor<1x2x70xf32>):
  %q = nn.slice %qkv offsets [0, 0, 0] sizes [1, 70, 128] strides [1, 1, 1] : tensor<1x70x384xbf16> -> tensor<1x70x128xbf16>
  %k = nn.slice %qkv offsets [0, 0, 128] sizes [1, 70, 128] strides [1, 1, 1] : tensor<1x70x384xbf16> -> tensor<1x70x128xbf16>
  %v = nn.slice %qkv offsets [0, 0, 256] sizes [1, 70, 128] strides [1, 1, 1] : tensor<1x70x384xbf16> -> tensor<1x70x128xbf16>
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 2 scale 0.35 : (tensor<1x70x128xbf16>, tensor<1x70x128xbf16>, tensor<1x70x128xbf16>, tensor<1x70x128xbf16>, tensor<1x70x128xbf16>, tensor<1x2x70xf32>) -> (tensor<1x70x128xbf16>, tensor<1x70x128xbf16>, tensor<1x70x128xbf16>)
  %d = nn.concat %dq, %dk, %dv axis 2 : (tensor<1x70x128xbf16>, tensor<1x70x128xbf16>, tensor<1x70x128xbf16>) -> tensor<1x70x384xbf16>
  nn.yield %d : tensor<1x70x384xbf16>
}
