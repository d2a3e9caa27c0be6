// Numbers against the interpreter; which kernels the family takes.
// RUN: mome-check-kernels %s | FileCheck %s
// RUN: mome-check-kernels %s --target-cpu=x86-64-v3 --low=-80 --high=80 | FileCheck %s --check-prefix=WIDE

// CHECK: k_one elementwise chunks=1 error={{.*}} ok
nn.kernel @k_one {
^bb0(%x: tensor<f32>, %y: tensor<f32>):
  %0 = nn.add %x, %y : tensor<f32>
  nn.yield %0 : tensor<f32>
}

// Fewer elements than a vector.
// CHECK: k_tiny elementwise chunks=1 error={{.*}} ok
// WIDE: k_tiny elementwise chunks=1 error={{.*}} ok
nn.kernel @k_tiny {
^bb0(%x: tensor<3xf32>):
  %0 = nn.neg %x : tensor<3xf32>
  %1 = nn.exp %0 : tensor<3xf32>
  nn.yield %1 : tensor<3xf32>
}

// Axes merge into one loop; two results; several chunks with a tail.
// CHECK: k_chain elementwise chunks=3 error={{.*}} ok
nn.kernel @k_chain {
^bb0(%x: tensor<37x1x991xf32>, %y: tensor<37x1x991xf32>, %a: tensor<f32>):
  %0 = nn.mul %x, %y : tensor<37x1x991xf32>
  %1 = nn.broadcast %a dims [] : tensor<f32> -> tensor<37x1x991xf32>
  %2 = nn.sub %0, %1 : tensor<37x1x991xf32>
  nn.yield %0, %2 : tensor<37x1x991xf32>, tensor<37x1x991xf32>
}
