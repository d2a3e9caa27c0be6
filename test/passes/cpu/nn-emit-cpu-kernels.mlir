// The form of a kernel function, and the remark for what no family takes.
// RUN: mome-opt %s --nn-emit-cpu-kernels --remarks-filter=nn-emit-cpu-kernels 2>&1 | FileCheck %s
// RUN: mome-opt %s --nn-emit-cpu-kernels=target-cpu=x86-64-v4 | FileCheck %s --check-prefix=V4
// RUN: not mome-opt %s --nn-emit-cpu-kernels=target-cpu=z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: mome-opt %s --nn-emit-cpu-kernels --cpu-lower-kernels | FileCheck %s --check-prefix=LOWER

// UNKNOWN: unknown target cpu 'z80'; known: x86-64-v3, x86-64-v4, x86-64-v4+bf16

// CHECK-DAG: @k_f64: elementwise: element type f64
// CHECK-LABEL: func.func @k_relu(
// CHECK-SAME:    %[[X:.*]]: memref<40xf32>, %[[Y:.*]]: memref<40xf32>, %[[LO:.*]]: index, %[[HI:.*]]: index, %{{.*}}: memref<0xi8>)
// CHECK-SAME:    nn.chunks = 1 : i64
// CHECK-SAME:    nn.scratch = 0 : i64
// CHECK:         scf.for %{{.*}} = %[[LO]] to %[[HI]]
// CHECK:           scf.for %[[I:.*]] =
// CHECK:             vector.load %[[X]][%[[I]]] : memref<40xf32>, vector<8xf32>
// CHECK:             vector.store %{{.*}}, %[[Y]][%[[I]]] : memref<40xf32>, vector<8xf32>
// V4-LABEL: func.func @k_relu(
// V4:         vector.load {{.*}} vector<16xf32>
// V4:         vector.maskedload {{.*}} vector<16xf32>
// LOWER: llvm.func internal @k_relu.body
// LOWER: llvm.func @k_relu(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr)
nn.kernel @k_relu {
^bb0(%x: tensor<4x10xf32>):
  %0 = nn.relu %x : tensor<4x10xf32>
  nn.yield %0 : tensor<4x10xf32>
}

// An operand that lies across is read along its own rows, in squares; one of integers is gathered.
// CHECK-LABEL: func.func @k_crossed(
// CHECK-NOT:     vector.gather
// CHECK-COUNT-8: vector.load {{.*}} memref<512xf32>, vector<8xf32>
// CHECK-COUNT-24: vector.shuffle
// CHECK:         vector.store
nn.kernel @k_crossed {
^bb0(%x: tensor<16x32xf32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<16x32xf32> -> tensor<32x16xf32>
  nn.yield %0 : tensor<32x16xf32>
}
// CHECK-LABEL: func.func @k_crossed_integers(
// CHECK:         vector.gather
nn.kernel @k_crossed_integers {
^bb0(%x: tensor<16x32xi32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<16x32xi32> -> tensor<32x16xi32>
  nn.yield %0 : tensor<32x16xi32>
}

// CHECK: nn.kernel @k_f64
nn.kernel @k_f64 {
^bb0(%x: tensor<4xf64>):
  %0 = nn.neg %x : tensor<4xf64>
  nn.yield %0 : tensor<4xf64>
}
