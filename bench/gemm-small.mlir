// Products with few rows, with an epilogue, and with small batches; as gemm.mlir, without a demand.

nn.kernel @forward_fc1_gelu {
^bb0(%x: tensor<1568x768xf32>, %w: tensor<3072x768xf32>, %b: tensor<3072xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<1568x768xf32>, tensor<3072x768xf32>, tensor<3072xf32>) -> tensor<1568x3072xf32>
  %1 = nn.gelu %0 : tensor<1568x3072xf32>
  nn.yield %0, %1 : tensor<1568x3072xf32>, tensor<1568x3072xf32>
}
nn.kernel @forward_rows8 {
^bb0(%x: tensor<8x256xf32>, %w: tensor<256x256xf32>, %b: tensor<256xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<8x256xf32>, tensor<256x256xf32>, tensor<256xf32>) -> tensor<8x256xf32>
  nn.yield %0 : tensor<8x256xf32>
}
nn.kernel @forward_rows32 {
^bb0(%x: tensor<32x256xf32>, %w: tensor<256x256xf32>, %b: tensor<256xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<32x256xf32>, tensor<256x256xf32>, tensor<256xf32>) -> tensor<32x256xf32>
  nn.yield %0 : tensor<32x256xf32>
}
nn.kernel @forward_rows64 {
^bb0(%x: tensor<64x256xf32>, %w: tensor<256x256xf32>, %b: tensor<256xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<64x256xf32>, tensor<256x256xf32>, tensor<256xf32>) -> tensor<64x256xf32>
  nn.yield %0 : tensor<64x256xf32>
}
nn.kernel @scores {
^bb0(%q: tensor<96x197x64xf32>, %k: tensor<96x197x64xf32>):
  %0 = nn.matmul %q, %k transpose_b : (tensor<96x197x64xf32>, tensor<96x197x64xf32>) -> tensor<96x197x197xf32>
  nn.yield %0 : tensor<96x197x197xf32>
}
