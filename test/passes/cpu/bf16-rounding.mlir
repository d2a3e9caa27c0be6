// Rounding to bf16 and moving it: to the bit as the interpreter, to nearest, ties to even. Values beyond the largest bf16 become
// infinite, small ones lose digits.
// RUN: mome-check-kernels %s --tolerance=0 | FileCheck %s
// RUN: mome-check-kernels %s --tolerance=0 --low=-3.4028e38 --high=3.4028e38 | FileCheck %s
// RUN: mome-check-kernels %s --tolerance=0 --low=-1e-39 --high=1e-39 | FileCheck %s
// RUN: mome-check-kernels %s --tolerance=0 --low=nan --high=nan | FileCheck %s

// CHECK: k_narrow elementwise {{.*}} ok
nn.kernel @k_narrow {
^bb0(%x: tensor<7x203xf32>):
  %0 = nn.cast %x : tensor<7x203xf32> -> tensor<7x203xbf16>
  nn.yield %0 : tensor<7x203xbf16>
}

// CHECK: k_widen elementwise {{.*}} ok
nn.kernel @k_widen {
^bb0(%x: tensor<7x203xbf16>):
  %0 = nn.cast %x : tensor<7x203xbf16> -> tensor<7x203xf32>
  nn.yield %0 : tensor<7x203xf32>
}

// CHECK: k_through elementwise {{.*}} ok
nn.kernel @k_through {
^bb0(%x: tensor<7x203xf32>):
  %0 = nn.cast %x : tensor<7x203xf32> -> tensor<7x203xbf16>
  %1 = nn.cast %0 : tensor<7x203xbf16> -> tensor<7x203xf32>
  %2 = nn.neg %1 : tensor<7x203xf32>
  nn.yield %2 : tensor<7x203xf32>
}

// CHECK: k_maps elementwise {{.*}} ok
nn.kernel @k_maps {
^bb0(%x: tensor<5x6x7xbf16>, %y: tensor<7x2x5xbf16>):
  %0 = nn.transpose %x permutation [2, 1, 0] : tensor<5x6x7xbf16> -> tensor<7x6x5xbf16>
  %1 = nn.concat %0, %y axis 1 : (tensor<7x6x5xbf16>, tensor<7x2x5xbf16>) -> tensor<7x8x5xbf16>
  nn.yield %1 : tensor<7x8x5xbf16>
}

// CHECK: k_pad elementwise {{.*}} ok
nn.kernel @k_pad {
^bb0(%x: tensor<5x6xbf16>):
  %0 = nn.pad %x low [1, 2] high [0, 3] interior [0, 0] value 0.0 : tensor<5x6xbf16> -> tensor<6x11xbf16>
  nn.yield %0 : tensor<6x11xbf16>
}

