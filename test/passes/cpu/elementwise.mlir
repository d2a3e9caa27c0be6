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

// A row vector, a column vector and a scalar; the row loop stays.
// CHECK: k_broadcast elementwise chunks=1 error={{.*}} ok
nn.kernel @k_broadcast {
^bb0(%x: tensor<5x7x19xf32>, %r: tensor<19xf32>, %c: tensor<5xf32>, %s: tensor<f32>):
  %0 = nn.broadcast %r dims [2] : tensor<19xf32> -> tensor<5x7x19xf32>
  %e = nn.exp %c : tensor<5xf32>
  %1 = nn.broadcast %e dims [0] : tensor<5xf32> -> tensor<5x7x19xf32>
  %2 = nn.broadcast %s dims [] : tensor<f32> -> tensor<5x7x19xf32>
  %3 = nn.add %x, %0 : tensor<5x7x19xf32>
  %4 = nn.mul %3, %1 : tensor<5x7x19xf32>
  %5 = nn.div %4, %2 : tensor<5x7x19xf32>
  nn.yield %5 : tensor<5x7x19xf32>
}

// CHECK: k_transpose elementwise chunks=1 error={{.*}} ok
nn.kernel @k_transpose {
^bb0(%x: tensor<3x4x21xf32>):
  %0 = nn.transpose %x permutation [0, 2, 1] : tensor<3x4x21xf32> -> tensor<3x21x4xf32>
  nn.yield %0 : tensor<3x21x4xf32>
}

// Operands that lie across: strips and columns that are incomplete, results beside them, an operand whose place a result takes.
// CHECK: k_crossed elementwise chunks=3 error={{.*}} ok
nn.kernel @k_crossed {
^bb0(%x: tensor<5x203x37xf32>, %y: tensor<5x37x203xf32>, %b: tensor<203xf32>):
  %0 = nn.transpose %x permutation [0, 2, 1] : tensor<5x203x37xf32> -> tensor<5x37x203xf32>
  %1 = nn.mul %0, %y : tensor<5x37x203xf32>
  %2 = nn.broadcast %b dims [2] : tensor<203xf32> -> tensor<5x37x203xf32>
  %3 = nn.add %1, %2 : tensor<5x37x203xf32>
  nn.yield %3, %0 : tensor<5x37x203xf32>, tensor<5x37x203xf32>
}

// Two operands across along one loop, one along another; fewer columns than a vector; bf16.
// CHECK: k_crossed_twice elementwise chunks=1 error={{.*}} ok
nn.kernel @k_crossed_twice {
^bb0(%x: tensor<3x17x21xf32>, %y: tensor<17x3x21xf32>, %z: tensor<17x21x3xf32>):
  %0 = nn.transpose %x permutation [2, 1, 0] : tensor<3x17x21xf32> -> tensor<21x17x3xf32>
  %1 = nn.transpose %y permutation [2, 0, 1] : tensor<17x3x21xf32> -> tensor<21x17x3xf32>
  %2 = nn.transpose %z permutation [1, 0, 2] : tensor<17x21x3xf32> -> tensor<21x17x3xf32>
  %3 = nn.sub %0, %1 : tensor<21x17x3xf32>
  %4 = nn.add %3, %2 : tensor<21x17x3xf32>
  nn.yield %4 : tensor<21x17x3xf32>
}
// CHECK: k_crossed_bf16 elementwise chunks=1 error={{.*}} ok
nn.kernel @k_crossed_bf16 {
^bb0(%x: tensor<30x50xbf16>, %y: tensor<50x30xf32>):
  %0 = nn.transpose %x permutation [1, 0] : tensor<30x50xbf16> -> tensor<50x30xbf16>
  %1 = nn.cast %0 : tensor<50x30xbf16> -> tensor<50x30xf32>
  %2 = nn.add %1, %y : tensor<50x30xf32>
  nn.yield %2 : tensor<50x30xf32>
}

// CHECK: k_heads elementwise chunks=1 error=0.0e+00 ok
nn.kernel @k_heads {
^bb0(%x: tensor<2x5x3x16xf32>):
  %0 = nn.transpose %x permutation [0, 2, 1, 3] : tensor<2x5x3x16xf32> -> tensor<2x3x5x16xf32>
  nn.yield %0 : tensor<2x3x5x16xf32>
}

// CHECK: k_slice elementwise chunks=1 error=0.0e+00 ok
nn.kernel @k_slice {
^bb0(%x: tensor<4x9x33xf32>):
  %0 = nn.slice %x offsets [1, 2, 3] sizes [2, 3, 14] strides [1, 2, 2] : tensor<4x9x33xf32> -> tensor<2x3x14xf32>
  nn.yield %0 : tensor<2x3x14xf32>
}

// CHECK: k_pad elementwise chunks=1 error=0.0e+00 ok
nn.kernel @k_pad {
^bb0(%x: tensor<3x11xf32>):
  %0 = nn.pad %x low [1, 2] high [2, 3] interior [1, 2] value 0.5 : tensor<3x11xf32> -> tensor<8x36xf32>
  nn.yield %0 : tensor<8x36xf32>
}

// CHECK: k_concat elementwise chunks=1 error=0.0e+00 ok
nn.kernel @k_concat {
^bb0(%a: tensor<2x1x13xf32>, %b: tensor<2x4x13xf32>, %c: tensor<2x5x3xf32>):
  %0 = nn.concat %a, %b axis 1 : (tensor<2x1x13xf32>, tensor<2x4x13xf32>) -> tensor<2x5x13xf32>
  %1 = nn.concat %c, %0 axis 2 : (tensor<2x5x3xf32>, tensor<2x5x13xf32>) -> tensor<2x5x16xf32>
  nn.yield %1 : tensor<2x5x16xf32>
}

// CHECK: k_roll elementwise chunks=1 error=0.0e+00 ok
nn.kernel @k_roll {
^bb0(%x: tensor<3x10xf32>):
  %0 = nn.roll %x shift 3 axis 1 : tensor<3x10xf32>
  %1 = nn.shift %0 by -2 axis 0 : tensor<3x10xf32>
  nn.yield %1 : tensor<3x10xf32>
}

// CHECK: k_reshape elementwise chunks=1 error=0.0e+00 ok
nn.kernel @k_reshape {
^bb0(%x: tensor<6x10xf32>, %y: tensor<3x20xf32>):
  %0 = nn.reshape %x : tensor<6x10xf32> -> tensor<3x20xf32>
  %1 = nn.transpose %y permutation [1, 0] : tensor<3x20xf32> -> tensor<20x3xf32>
  %2 = nn.reshape %1 : tensor<20x3xf32> -> tensor<3x20xf32>
  %3 = nn.maximum %0, %2 : tensor<3x20xf32>
  nn.yield %3 : tensor<3x20xf32>
}

// Booleans are bytes in memory; indices count over the whole tensor.
// CHECK: k_bool elementwise chunks=1 error=0.0e+00 ok
nn.kernel @k_bool {
^bb0(%m: tensor<3x17xi1>, %x: tensor<3x17xf32>, %n: tensor<17xi32>):
  %zero = nn.constant dense<0.0> : tensor<3x17xf32>
  %0 = nn.compare gt %x, %zero : tensor<3x17xf32> -> tensor<3x17xi1>
  %1 = nn.select %m, %x, %zero : tensor<3x17xf32>
  %i = nn.iota axis 0 : tensor<3x17xi32>
  %b = nn.broadcast %n dims [1] : tensor<17xi32> -> tensor<3x17xi32>
  %2 = nn.compare eq %b, %i : tensor<3x17xi32> -> tensor<3x17xi1>
  %3 = nn.cast %2 : tensor<3x17xi1> -> tensor<3x17xf32>
  nn.yield %0, %1, %2, %3 : tensor<3x17xi1>, tensor<3x17xf32>, tensor<3x17xi1>, tensor<3x17xf32>
}

// CHECK: k_table elementwise chunks=1 error={{.*}} ok
nn.kernel @k_table {
^bb0(%x: tensor<2x3xf32>):
  %t = nn.constant dense<[1.0, -2.0, 3.0]> : tensor<3xf32>
  %0 = nn.broadcast %t dims [1] : tensor<3xf32> -> tensor<2x3xf32>
  %1 = nn.add %x, %0 : tensor<2x3xf32>
  nn.yield %1 : tensor<2x3xf32>
}

// CHECK: k_activations elementwise chunks=1 error={{.*}} ok
// WIDE: k_activations elementwise chunks=1 error={{.*}} ok
nn.kernel @k_activations {
^bb0(%x: tensor<1000xf32>):
  %0 = nn.tanh %x : tensor<1000xf32>
  %1 = nn.sigmoid %x : tensor<1000xf32>
  %2 = nn.gelu %x : tensor<1000xf32>
  %3 = nn.quick_gelu %x : tensor<1000xf32>
  %4 = nn.silu %x : tensor<1000xf32>
  %5 = nn.softplus %x : tensor<1000xf32>
  %6 = nn.erf %x : tensor<1000xf32>
  %7 = nn.relu %x : tensor<1000xf32>
  %8 = nn.sin %x : tensor<1000xf32>
  %9 = nn.cos %x : tensor<1000xf32>
  %10 = nn.abs %x : tensor<1000xf32>
  %11 = nn.log %10 : tensor<1000xf32>
  %12 = nn.sqrt %10 : tensor<1000xf32>
  %13 = nn.rsqrt %10 : tensor<1000xf32>
  %14 = nn.pow %10, %x : tensor<1000xf32>
  nn.yield %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %11, %12, %13 : tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>, tensor<1000xf32>
}

// CHECK: k_f64 reference: elementwise: element type f64
nn.kernel @k_f64 {
^bb0(%x: tensor<4xf64>):
  %0 = nn.neg %x : tensor<4xf64>
  nn.yield %0 : tensor<4xf64>
}

// Where the exponential ends: infinity, 0, NaN, and the largest result that is finite.
// CHECK: k_exp_ends elementwise {{.*}} ok
nn.kernel @k_exp_ends {
^bb0(%zero: tensor<8xf32>):
  %x = nn.constant dense<[0x7F800000, 0xFF800000, 89.0, -86.95, -200.0, 0.0, 0x7FC00000, 88.7]> : tensor<8xf32>
  %e = nn.exp %x : tensor<8xf32>
  %large = nn.constant dense<1.0e38> : tensor<8xf32>
  %2 = nn.compare gt %e, %large : tensor<8xf32> -> tensor<8xi1>
  %3 = nn.compare eq %e, %e : tensor<8xf32> -> tensor<8xi1>
  %small = nn.constant dense<1.0e-37> : tensor<8xf32>
  %4 = nn.compare lt %e, %small : tensor<8xf32> -> tensor<8xi1>
  %huge = nn.constant dense<3.2e38> : tensor<8xf32>
  %5 = nn.compare lt %e, %huge : tensor<8xf32> -> tensor<8xi1>
  nn.yield %2, %3, %4, %5 : tensor<8xi1>, tensor<8xi1>, tensor<8xi1>, tensor<8xi1>
}
