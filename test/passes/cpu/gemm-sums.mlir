// Products beside which the rows of what they read transposed are added up, the gradient of a bias beside that of its weight,
// against the interpreter.
// RUN: mome-check-kernels %s --low=-1 --high=1 --target-cpu=x86-64-v3 | FileCheck %s
// RUN: mome-check-kernels %s --low=-1 --high=1 --target-cpu=x86-64-v3+pairs | FileCheck %s
// RUN: mome-check-kernels %s --low=-1 --high=1 --reference --only=k_block | FileCheck %s --check-prefix=REFERENCE
// REFERENCE: k_block reference {{.*}} ok

// A block of k, packed in each chunk.
// CHECK: k_block gemm {{.*}} ok
nn.kernel @k_block {
^bb0(%dy: tensor<201x50xf32>, %x: tensor<201x40xf32>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<201x50xf32>, tensor<201x40xf32>) -> tensor<50x40xf32>
  %db = nn.reduce_sum %dy axes [0] : tensor<201x50xf32> -> tensor<50xf32>
  nn.yield %dw, %db : tensor<50x40xf32>, tensor<50xf32>
}

// Several blocks of k; the sum in front, an epilogue.
// CHECK: k_blocks gemm {{.*}} ok
nn.kernel @k_blocks {
^bb0(%dy: tensor<1603x21xf32>, %x: tensor<1603x24xf32>, %r: tensor<21x24xf32>):
  %db = nn.reduce_sum %dy axes [0] : tensor<1603x21xf32> -> tensor<21xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<1603x21xf32>, tensor<1603x24xf32>) -> tensor<21x24xf32>
  %y = nn.add %dw, %r : tensor<21x24xf32>
  nn.yield %db, %y : tensor<21xf32>, tensor<21x24xf32>
}

// B packed first, several groups of columns, of which one adds up.
// CHECK: k_groups gemm {{.*}} ok
nn.kernel @k_groups {
^bb0(%dy: tensor<83x803xf32>, %x: tensor<83x801xf32>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<83x803xf32>, tensor<83x801xf32>) -> tensor<803x801xf32>
  %db = nn.reduce_sum %dy axes [0] : tensor<83x803xf32> -> tensor<803xf32>
  nn.yield %dw, %db : tensor<803x801xf32>, tensor<803xf32>
}

// A packed first, with its sums.
// CHECK: k_rows_first gemm {{.*}} ok
nn.kernel @k_rows_first {
^bb0(%dy: tensor<83x97xf32>, %x: tensor<83x1601xf32>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<83x97xf32>, tensor<83x1601xf32>) -> tensor<97x1601xf32>
  %db = nn.reduce_sum %dy axes [0] : tensor<83x97xf32> -> tensor<97xf32>
  nn.yield %dw, %db : tensor<97x1601xf32>, tensor<97xf32>
}

// Large in all extents, a long k.
// CHECK: k_all gemm {{.*}} ok
nn.kernel @k_all {
^bb0(%dy: tensor<1701x96xf32>, %x: tensor<1701x64xf32>, %r: tensor<96x64xf32>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<1701x96xf32>, tensor<1701x64xf32>) -> tensor<96x64xf32>
  %db = nn.reduce_sum %dy axes [0] : tensor<1701x96xf32> -> tensor<96xf32>
  %y = nn.add %dw, %r : tensor<96x64xf32>
  nn.yield %y, %db : tensor<96x64xf32>, tensor<96xf32>
}

// Too small for blocks: A is read where it lies.
// CHECK: k_small gemm {{.*}} ok
nn.kernel @k_small {
^bb0(%dy: tensor<10x7xf32>, %x: tensor<10x3xf32>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<10x7xf32>, tensor<10x3xf32>) -> tensor<7x3xf32>
  %db = nn.reduce_sum %dy axes [0] : tensor<10x7xf32> -> tensor<7xf32>
  nn.yield %dw, %db : tensor<7x3xf32>, tensor<7xf32>
}

// CHECK: k_few_rows gemm {{.*}} ok
nn.kernel @k_few_rows {
^bb0(%dy: tensor<100x11xf32>, %x: tensor<100x40xf32>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<100x11xf32>, tensor<100x40xf32>) -> tensor<11x40xf32>
  %db = nn.reduce_sum %dy axes [0] : tensor<100x11xf32> -> tensor<11xf32>
  nn.yield %dw, %db : tensor<11x40xf32>, tensor<11xf32>
}

// CHECK: k_few_columns gemm {{.*}} ok
nn.kernel @k_few_columns {
^bb0(%dy: tensor<900x19xf32>, %x: tensor<900x5xf32>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<900x19xf32>, tensor<900x5xf32>) -> tensor<19x5xf32>
  %db = nn.reduce_sum %dy axes [0] : tensor<900x19xf32> -> tensor<19xf32>
  nn.yield %dw, %db : tensor<19x5xf32>, tensor<19xf32>
}

// bf16, in pairs where a processor multiplies them.
// CHECK: k_bf16 gemm {{.*}} ok
nn.kernel @k_bf16 {
^bb0(%dy: tensor<224x50xbf16>, %x: tensor<224x40xbf16>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<224x50xbf16>, tensor<224x40xbf16>) -> tensor<50x40xf32>
  %wide = nn.cast %dy : tensor<224x50xbf16> -> tensor<224x50xf32>
  %db = nn.reduce_sum %wide axes [0] : tensor<224x50xf32> -> tensor<50xf32>
  nn.yield %dw, %db : tensor<50x40xf32>, tensor<50xf32>
}

// CHECK: k_bf16_all gemm {{.*}} ok
nn.kernel @k_bf16_all {
^bb0(%dy: tensor<1600x100xbf16>, %x: tensor<1600x40xbf16>):
  %wide = nn.cast %dy : tensor<1600x100xbf16> -> tensor<1600x100xf32>
  %db = nn.reduce_sum %wide axes [0] : tensor<1600x100xf32> -> tensor<100xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<1600x100xbf16>, tensor<1600x40xbf16>) -> tensor<100x40xf32>
  nn.yield %db, %dw : tensor<100xf32>, tensor<100x40xf32>
}

// CHECK: k_bf16_rows_first gemm {{.*}} ok
nn.kernel @k_bf16_rows_first {
^bb0(%dy: tensor<96x100xbf16>, %x: tensor<96x1540xbf16>):
  %wide = nn.cast %dy : tensor<96x100xbf16> -> tensor<96x100xf32>
  %db = nn.reduce_sum %wide axes [0] : tensor<96x100xf32> -> tensor<100xf32>
  %dw = nn.matmul %dy, %x transpose_a : (tensor<96x100xbf16>, tensor<96x1540xbf16>) -> tensor<100x1540xf32>
  nn.yield %db, %dw : tensor<100xf32>, tensor<100x1540xf32>
}

// CHECK: k_bf16_odd gemm {{.*}} ok
nn.kernel @k_bf16_odd {
^bb0(%dy: tensor<83x101xbf16>, %x: tensor<83x64xbf16>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<83x101xbf16>, tensor<83x64xbf16>) -> tensor<101x64xf32>
  %wide = nn.cast %dy : tensor<83x101xbf16> -> tensor<83x101xf32>
  %db = nn.reduce_sum %wide axes [0] : tensor<83x101xf32> -> tensor<101xf32>
  nn.yield %dw, %db : tensor<101x64xf32>, tensor<101xf32>
}

// CHECK: k_bf16_small gemm {{.*}} ok
nn.kernel @k_bf16_small {
^bb0(%dy: tensor<10x7xbf16>, %x: tensor<10x3xbf16>):
  %dw = nn.matmul %dy, %x transpose_a : (tensor<10x7xbf16>, tensor<10x3xbf16>) -> tensor<7x3xf32>
  %wide = nn.cast %dy : tensor<10x7xbf16> -> tensor<10x7xf32>
  %db = nn.reduce_sum %wide axes [0] : tensor<10x7xf32> -> tensor<7xf32>
  nn.yield %dw, %db : tensor<7x3xf32>, tensor<7xf32>
}
