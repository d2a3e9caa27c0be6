// Register tiles stay in registers: 6 x 16 accumulators of 16 registers (AVX2), 8 x 48 of 32 (AVX-512). No vector goes to
// or comes from the stack anywhere in the kernel.
// RUN: mome-opt %s --nn-emit-cpu-kernels=target-cpu=x86-64-v3 --cpu-lower-kernels | mlir-translate --mlir-to-llvmir \
// RUN:   | llc -O3 -mcpu=x86-64-v3 --relocation-model=pic \
// RUN:   | FileCheck %s --check-prefix=V3 --implicit-check-not='{{ymm[0-9]+, .*\(%rsp|\(%rsp.*\), %ymm}}'
// RUN: mome-opt %s --nn-emit-cpu-kernels=target-cpu=x86-64-v4 --cpu-lower-kernels | mlir-translate --mlir-to-llvmir \
// RUN:   | llc -O3 -mcpu=x86-64-v4 -mattr=-prefer-256-bit --relocation-model=pic \
// RUN:   | FileCheck %s --check-prefix=V4 --implicit-check-not='{{zmm[0-9]+, .*\(%rsp|\(%rsp.*\), %zmm}}'

// V3-LABEL: k_linear.body:
// V3-COUNT-12: vfmadd{{[0-9]+}}ps {{.*}}%ymm
// V3-NOT: vfmadd
// V3: retq
// V4-LABEL: k_linear.body:
// V4-COUNT-24: vfmadd{{[0-9]+}}ps {{.*}}%zmm
// V4-NOT: vfmadd
// V4: retq
nn.kernel @k_linear {
^bb0(%x: tensor<96x256xf32>, %w: tensor<96x256xf32>, %b: tensor<96xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<96x256xf32>, tensor<96x256xf32>, tensor<96xf32>) -> tensor<96x96xf32>
  nn.yield %0 : tensor<96x96xf32>
}
