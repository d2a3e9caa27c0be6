// Attention on CUDA in its corners. Fewer heads than multiprocessors: backward is not a block per head that has all of its keys, but three
// launches of more and smaller blocks. Heads of more than 128 channels: the generic family.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{check} = mome-check-kernels --cuda %s --tolerance=7.8125e-3
// RUN: %{driver} %{check} --ptx=%t.ptx | FileCheck %s
// RUN: %{driver} MOME_FAKECUDA=seed=1,perturb=1 %{check} --only=alone
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx

// PTX: .entry k_odd_alone_backward_2(
// A head alone, whose keys a block could have: more blocks are sooner through.
// CHECK: k_odd_alone_backward cuda:attention_backward {{.*}} ok
nn.kernel @k_odd_alone_backward {
^bb0(%do: tensor<1x197x64xbf16>, %q: tensor<1x197x64xbf16>, %k: tensor<1x197x64xbf16>, %v: tensor<1x197x64xbf16>, %o: tensor<1x197x64xbf16>, %lse: tensor<1x1x197xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.125 : (tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x1x197xf32>) -> (tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>)
  nn.yield %dq, %dk, %dv : tensor<1x197x64xbf16>, tensor<1x197x64xbf16>, tensor<1x197x64xbf16>
}

// Heads too wide for tiles: the generic family takes them, slowly.
// CHECK: k_odd_wide cuda:generic ({{.*}}heads of more than 128 channels) {{.*}} ok
nn.kernel @k_odd_wide {
^bb0(%q: tensor<2x5x136xbf16>, %k: tensor<2x5x136xbf16>, %v: tensor<2x5x136xbf16>):
  %o, %lse = nn.attention %q, %k, %v heads 1 scale 0.3 : (tensor<2x5x136xbf16>, tensor<2x5x136xbf16>, tensor<2x5x136xbf16>) -> (tensor<2x5x136xbf16>, tensor<2x1x5xf32>)
  nn.yield %o, %lse : tensor<2x5x136xbf16>, tensor<2x1x5xf32>
}
// CHECK: k_odd_wide_backward cuda:generic ({{.*}}heads of more than 128 channels) {{.*}} ok
nn.kernel @k_odd_wide_backward {
^bb0(%do: tensor<2x5x136xbf16>, %q: tensor<2x5x136xbf16>, %k: tensor<2x5x136xbf16>, %v: tensor<2x5x136xbf16>, %o: tensor<2x5x136xbf16>, %lse: tensor<2x1x5xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<2x5x136xbf16>, tensor<2x5x136xbf16>, tensor<2x5x136xbf16>, tensor<2x5x136xbf16>, tensor<2x5x136xbf16>, tensor<2x1x5xf32>) -> (tensor<2x5x136xbf16>, tensor<2x5x136xbf16>, tensor<2x5x136xbf16>)
  nn.yield %dq, %dk, %dv : tensor<2x5x136xbf16>, tensor<2x5x136xbf16>, tensor<2x5x136xbf16>
}
// CHECK: k_odd_wide_f32_backward cuda:generic ({{.*}}heads of more than 128 channels) {{.*}} ok
nn.kernel @k_odd_wide_f32_backward {
^bb0(%do: tensor<2x5x136xf32>, %q: tensor<2x5x136xf32>, %k: tensor<2x5x136xf32>, %v: tensor<2x5x136xf32>, %o: tensor<2x5x136xf32>, %lse: tensor<2x1x5xf32>):
  %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 1 scale 0.3 : (tensor<2x5x136xf32>, tensor<2x5x136xf32>, tensor<2x5x136xf32>, tensor<2x5x136xf32>, tensor<2x5x136xf32>, tensor<2x1x5xf32>) -> (tensor<2x5x136xf32>, tensor<2x5x136xf32>, tensor<2x5x136xf32>)
  nn.yield %dq, %dk, %dv : tensor<2x5x136xf32>, tensor<2x5x136xf32>, tensor<2x5x136xf32>
}
