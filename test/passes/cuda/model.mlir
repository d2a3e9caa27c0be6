// The performance model: published timings beside predictions, and our product ahead of five bad ones.
// RUN: mome-opt %s -nn-generate-code=cuda=sm_80 -o %t.mlir
// RUN: %python %S/Inputs/model.py %t.mlir %root/test/ptxsim/model/ladder.ptx

nn.kernel @k_product {
^bb0(%x: tensor<2048x2048xf32>, %w: tensor<2048x2048xf32>):
  %0 = nn.matmul %x, %w : (tensor<2048x2048xf32>, tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  nn.yield %0 : tensor<2048x2048xf32>
}
