// Products of bf16 two at a time. What AVX512-BF16 does in one instruction two multiply-adds do here, so that all the rest of the
// code is checked on any machine: pairs along k and across k, packed once or in each chunk, several blocks of k, odd rows and columns.
// RUN: mome-check-kernels %s --target-cpu=x86-64-v3+pairs --tolerance=2e-6 | FileCheck %s
// RUN: mome-check-kernels %s --target-cpu=x86-64-v3 --tolerance=2e-6 | FileCheck %s
// On the processor that has it, the instruction is there (register-tiles-bf16.mlir: in a tile that is not spilled).
// RUN: mome-opt %s --nn-emit-cpu-kernels=target-cpu=x86-64-v4+bf16 --cpu-lower-kernels | mlir-translate --mlir-to-llvmir \
// RUN:   | llc -O3 -mcpu=x86-64-v4 -mattr=-prefer-256-bit,+avx512bf16 --relocation-model=pic \
// RUN:   | FileCheck %s --check-prefix=CODE

// CODE-LABEL: k_linear.body:
// CODE-COUNT-24: vdpbf16ps
// CODE: retq
// CODE-LABEL: k_dw.body:
// CODE: vdpbf16ps
// CODE: retq
// Rows that are no whole vectors of pairs are widened.
// CODE-LABEL: k_odd.body:
// CODE-NOT: vdpbf16ps
// CODE: vfmadd
// CODE: retq

// CHECK: k_linear gemm {{.*}} ok
nn.kernel @k_linear {
^bb0(%x: tensor<101x256xbf16>, %w: tensor<203x256xbf16>, %b: tensor<203xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<101x256xbf16>, tensor<203x256xbf16>, tensor<203xf32>) -> tensor<101x203xf32>
  nn.yield %0 : tensor<101x203xf32>
}
// CHECK: k_dx gemm {{.*}} ok
nn.kernel @k_dx {
^bb0(%dy: tensor<197x224xbf16>, %w: tensor<224x150xbf16>):
  %0 = nn.matmul %dy, %w : (tensor<197x224xbf16>, tensor<224x150xbf16>) -> tensor<197x150xf32>
  nn.yield %0 : tensor<197x150xf32>
}
// CHECK: k_dw gemm {{.*}} ok
nn.kernel @k_dw {
^bb0(%dy: tensor<1568x101xbf16>, %x: tensor<1568x150xbf16>):
  %0 = nn.matmul %dy, %x transpose_a : (tensor<1568x101xbf16>, tensor<1568x150xbf16>) -> tensor<101x150xf32>
  nn.yield %0 : tensor<101x150xf32>
}
// CHECK: k_long gemm {{.*}} ok
nn.kernel @k_long {
^bb0(%x: tensor<99x3072xbf16>, %w: tensor<64x3072xbf16>):
  %0 = nn.linear %x, %w : (tensor<99x3072xbf16>, tensor<64x3072xbf16>) -> tensor<99x64xf32>
  nn.yield %0 : tensor<99x64xf32>
}
// CHECK: k_odd gemm {{.*}} ok
nn.kernel @k_odd {
^bb0(%x: tensor<101x200xbf16>, %w: tensor<96x200xbf16>):
  %0 = nn.linear %x, %w : (tensor<101x200xbf16>, tensor<96x200xbf16>) -> tensor<101x96xf32>
  nn.yield %0 : tensor<101x96xf32>
}
