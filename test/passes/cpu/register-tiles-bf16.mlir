// 8 x 48 accumulators of 32 registers, two products of bf16 per instruction: no vector goes to or comes from the stack.
// RUN: mome-opt %s --nn-emit-cpu-kernels=target-cpu=x86-64-v4+bf16 --cpu-lower-kernels | mlir-translate --mlir-to-llvmir \
// RUN:   | llc -O3 -mcpu=x86-64-v4 -mattr=-prefer-256-bit,+avx512bf16 --relocation-model=pic \
// RUN:   | FileCheck %s --implicit-check-not='{{zmm[0-9]+, .*\(%rsp|\(%rsp.*\), %zmm}}'

// CHECK-LABEL: k_linear.body:
// CHECK-COUNT-24: vdpbf16ps {{.*}}%zmm
// CHECK-NOT: vdpbf16ps
// CHECK: retq
nn.kernel @k_linear {
^bb0(%x: tensor<96x256xbf16>, %w: tensor<96x256xbf16>, %b: tensor<96xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<96x256xbf16>, tensor<96x256xbf16>, tensor<96xf32>) -> tensor<96x96xf32>
  nn.yield %0 : tensor<96x96xf32>
}
