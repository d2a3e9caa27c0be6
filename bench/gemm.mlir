// Matrix products of a ViT-B/16 training step (1568 tokens): forward, input gradients (dx) and weight gradients (dw).
//   mome-check-kernels bench/gemm.mlir --bench
// prints time and GFLOP/s on one core beside the peak of fused multiply-adds measured in the same run. `./dev bench` demands
// 80 % of it of each (--min-peak); a quiet machine gives 90 to 96 (docs/performance-cpu.md).

nn.kernel @forward_qkv {
^bb0(%x: tensor<1568x768xf32>, %w: tensor<2304x768xf32>, %b: tensor<2304xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<1568x768xf32>, tensor<2304x768xf32>, tensor<2304xf32>) -> tensor<1568x2304xf32>
  nn.yield %0 : tensor<1568x2304xf32>
}
nn.kernel @dx_qkv {
^bb0(%dy: tensor<1568x2304xf32>, %w: tensor<2304x768xf32>):
  %0 = nn.matmul %dy, %w : (tensor<1568x2304xf32>, tensor<2304x768xf32>) -> tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
nn.kernel @dw_qkv {
^bb0(%dy: tensor<1568x2304xf32>, %x: tensor<1568x768xf32>):
  %0 = nn.matmul %dy, %x transpose_a : (tensor<1568x2304xf32>, tensor<1568x768xf32>) -> tensor<2304x768xf32>
  nn.yield %0 : tensor<2304x768xf32>
}
nn.kernel @forward_fc1 {
^bb0(%x: tensor<1568x768xf32>, %w: tensor<3072x768xf32>, %b: tensor<3072xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<1568x768xf32>, tensor<3072x768xf32>, tensor<3072xf32>) -> tensor<1568x3072xf32>
  nn.yield %0 : tensor<1568x3072xf32>
}
nn.kernel @dx_fc1 {
^bb0(%dy: tensor<1568x3072xf32>, %w: tensor<3072x768xf32>):
  %0 = nn.matmul %dy, %w : (tensor<1568x3072xf32>, tensor<3072x768xf32>) -> tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
nn.kernel @dw_fc1 {
^bb0(%dy: tensor<1568x3072xf32>, %x: tensor<1568x768xf32>):
  %0 = nn.matmul %dy, %x transpose_a : (tensor<1568x3072xf32>, tensor<1568x768xf32>) -> tensor<3072x768xf32>
  nn.yield %0 : tensor<3072x768xf32>
}
nn.kernel @forward_fc2 {
^bb0(%x: tensor<1568x3072xf32>, %w: tensor<768x3072xf32>, %b: tensor<768xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<1568x3072xf32>, tensor<768x3072xf32>, tensor<768xf32>) -> tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
nn.kernel @dx_fc2 {
^bb0(%dy: tensor<1568x768xf32>, %w: tensor<768x3072xf32>):
  %0 = nn.matmul %dy, %w : (tensor<1568x768xf32>, tensor<768x3072xf32>) -> tensor<1568x3072xf32>
  nn.yield %0 : tensor<1568x3072xf32>
}
nn.kernel @dw_fc2 {
^bb0(%dy: tensor<1568x768xf32>, %x: tensor<1568x3072xf32>):
  %0 = nn.matmul %dy, %x transpose_a : (tensor<1568x768xf32>, tensor<1568x3072xf32>) -> tensor<768x3072xf32>
  nn.yield %0 : tensor<768x3072xf32>
}
nn.kernel @forward_proj {
^bb0(%x: tensor<1568x768xf32>, %w: tensor<768x768xf32>, %b: tensor<768xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<1568x768xf32>, tensor<768x768xf32>, tensor<768xf32>) -> tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
nn.kernel @dx_proj {
^bb0(%dy: tensor<1568x768xf32>, %w: tensor<768x768xf32>):
  %0 = nn.matmul %dy, %w : (tensor<1568x768xf32>, tensor<768x768xf32>) -> tensor<1568x768xf32>
  nn.yield %0 : tensor<1568x768xf32>
}
nn.kernel @dw_proj {
^bb0(%dy: tensor<1568x768xf32>, %x: tensor<1568x768xf32>):
  %0 = nn.matmul %dy, %x transpose_a : (tensor<1568x768xf32>, tensor<1568x768xf32>) -> tensor<768x768xf32>
  nn.yield %0 : tensor<768x768xf32>
}
