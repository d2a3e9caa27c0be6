// Nothing computes in bf16: what would have to goes to no family.
// RUN: mome-opt %s -nn-emit-cpu-kernels --remarks-filter='.*' 2>&1 | FileCheck %s

// CHECK: [Missed] reference {{.*}}@k_arithmetic: arithmetic on bf16
// CHECK: [Missed] reference {{.*}}@k_sum: arithmetic on bf16
nn.kernel @k_arithmetic {
^bb0(%x: tensor<8xbf16>):
  %0 = nn.add %x, %x : tensor<8xbf16>
  nn.yield %0 : tensor<8xbf16>
}
nn.kernel @k_sum {
^bb0(%x: tensor<8xbf16>):
  %0 = nn.reduce_sum %x axes [0] : tensor<8xbf16> -> tensor<bf16>
  nn.yield %0 : tensor<bf16>
}
