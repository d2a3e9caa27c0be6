// bf16 operands: products, convolutions and what reads them compute in f32, so that f32 results are as exact as those of f32
// operands.
// RUN: mome-check-kernels %s --low=-1 --high=1 | FileCheck %s
// RUN: mome-check-kernels %s --low=-1 --high=1 --reference | FileCheck %s --check-prefix=REFERENCE
// REFERENCE-COUNT-14: reference chunks=1 {{.*}} ok

// CHECK: k_linear gemm {{.*}} ok
nn.kernel @k_linear {
^bb0(%x: tensor<3x41x67xbf16>, %w: tensor<53x67xbf16>, %b: tensor<53xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<3x41x67xbf16>, tensor<53x67xbf16>, tensor<53xf32>) -> tensor<3x41x53xf32>
  nn.yield %0 : tensor<3x41x53xf32>
}

// CHECK: k_dots gemm {{.*}} ok
nn.kernel @k_dots {
^bb0(%x: tensor<5x67xbf16>, %w: tensor<53x67xbf16>):
  %0 = nn.linear %x, %w : (tensor<5x67xbf16>, tensor<53x67xbf16>) -> tensor<5x53xf32>
  nn.yield %0 : tensor<5x53xf32>
}

// CHECK: k_one_column gemm {{.*}} ok
nn.kernel @k_one_column {
^bb0(%x: tensor<2x37x19xbf16>, %w: tensor<1x19xbf16>, %b: tensor<1xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<2x37x19xbf16>, tensor<1x19xbf16>, tensor<1xf32>) -> tensor<2x37x1xf32>
  nn.yield %0 : tensor<2x37x1xf32>
}

// CHECK: k_packed gemm {{.*}} ok
nn.kernel @k_packed {
^bb0(%x: tensor<101x35xbf16>, %w: tensor<35x43xbf16>):
  %0 = nn.matmul %x, %w : (tensor<101x35xbf16>, tensor<35x43xbf16>) -> tensor<101x43xf32>
  nn.yield %0 : tensor<101x43xf32>
}

// CHECK: k_in_place gemm {{.*}} ok
nn.kernel @k_in_place {
^bb0(%x: tensor<11x35xbf16>, %w: tensor<35x43xbf16>):
  %0 = nn.matmul %x, %w : (tensor<11x35xbf16>, tensor<35x43xbf16>) -> tensor<11x43xf32>
  nn.yield %0 : tensor<11x43xf32>
}

// CHECK: k_transposed_few gemm {{.*}} ok
nn.kernel @k_transposed_few {
^bb0(%x: tensor<23x14xbf16>, %w: tensor<23x19xbf16>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<23x14xbf16>, tensor<23x19xbf16>) -> tensor<14x19xf32>
  nn.yield %0 : tensor<14x19xf32>
}

// CHECK: k_blocks gemm {{.*}} ok
nn.kernel @k_blocks {
^bb0(%x: tensor<301x50xbf16>, %w: tensor<301x43xbf16>):
  %0 = nn.matmul %x, %w transpose_a : (tensor<301x50xbf16>, tensor<301x43xbf16>) -> tensor<50x43xf32>
  nn.yield %0 : tensor<50x43xf32>
}

// CHECK: k_batched gemm {{.*}} ok
nn.kernel @k_batched {
^bb0(%x: tensor<2x3x17x9xbf16>, %w: tensor<2x3x21x9xbf16>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<2x3x17x9xbf16>, tensor<2x3x21x9xbf16>) -> tensor<2x3x17x21xf32>
  nn.yield %0 : tensor<2x3x17x21xf32>
}

// CHECK: k_epilogue gemm {{.*}} ok
nn.kernel @k_epilogue {
^bb0(%x: tensor<61x24xbf16>, %w: tensor<24x20xbf16>, %h: tensor<61x20xbf16>):
  %0 = nn.matmul %x, %w : (tensor<61x24xbf16>, tensor<24x20xbf16>) -> tensor<61x20xf32>
  %1 = nn.cast %h : tensor<61x20xbf16> -> tensor<61x20xf32>
  %2 = nn.sigmoid %1 : tensor<61x20xf32>
  %3 = nn.mul %0, %2 : tensor<61x20xf32>
  nn.yield %3 : tensor<61x20xf32>
}

// CHECK: k_rows row {{.*}} ok
nn.kernel @k_rows {
^bb0(%x: tensor<13x37xbf16>, %g: tensor<37xf32>, %b: tensor<37xf32>):
  %0 = nn.cast %x : tensor<13x37xbf16> -> tensor<13x37xf32>
  %y, %mean, %rstd = nn.layer_norm %0 gamma %g beta %b eps 1.0e-5 : (tensor<13x37xf32>, tensor<37xf32>, tensor<37xf32>) -> (tensor<13x37xf32>, tensor<13xf32>, tensor<13xf32>)
  nn.yield %y, %mean : tensor<13x37xf32>, tensor<13xf32>
}

// CHECK: k_columns reduction {{.*}} ok
nn.kernel @k_columns {
^bb0(%x: tensor<203x37xbf16>):
  %0 = nn.cast %x : tensor<203x37xbf16> -> tensor<203x37xf32>
  %1 = nn.reduce_sum %0 axes [0] : tensor<203x37xf32> -> tensor<37xf32>
  nn.yield %1 : tensor<37xf32>
}

// CHECK: k_conv conv {{.*}} ok
nn.kernel @k_conv {
^bb0(%x: tensor<2x4x9x11xbf16>, %w: tensor<6x2x3x3xbf16>):
  %0 = nn.conv %x, %w strides [2, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 2 : (tensor<2x4x9x11xbf16>, tensor<6x2x3x3xbf16>) -> tensor<2x6x5x11xf32>
  nn.yield %0 : tensor<2x6x5x11xf32>
}

// CHECK: k_conv_input conv {{.*}} ok
nn.kernel @k_conv_input {
^bb0(%d: tensor<2x6x5x11xbf16>, %w: tensor<6x2x3x3xbf16>):
  %0 = nn.conv_backward_input %d, %w strides [2, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 2 : (tensor<2x6x5x11xbf16>, tensor<6x2x3x3xbf16>) -> tensor<2x4x9x11xf32>
  nn.yield %0 : tensor<2x4x9x11xf32>
}

// CHECK: k_conv_weight conv {{.*}} ok
nn.kernel @k_conv_weight {
^bb0(%x: tensor<2x4x9x11xbf16>, %d: tensor<2x6x5x11xbf16>):
  %0 = nn.conv_backward_weight %x, %d strides [2, 1] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 2 : (tensor<2x4x9x11xbf16>, tensor<2x6x5x11xbf16>) -> tensor<6x2x3x3xf32>
  nn.yield %0 : tensor<6x2x3x3xf32>
}
