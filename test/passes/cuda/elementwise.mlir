// Elementwise kernels on CUDA whose four neighbours a concat or pad begins or ends between, or never does: whether a piece is there is
// then asked once for all of them, and it is loaded as one.
// RUN: env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so mome-check-kernels --cuda %s --ptx=%t.ptx | FileCheck %s
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx

// CHECK: k_whole cuda:elementwise {{.*}} ok
// PTX-LABEL: .entry k_whole_0(
// PTX-COUNT-3: ld.global.v4
// PTX-NOT: ld.global
// PTX: st.global.v4
nn.kernel @k_whole {
^bb0(%x: tensor<3x8xf32>, %y: tensor<3x4xf32>, %z: tensor<3x20xf32>):
  %0 = nn.concat %x, %y, %z axis 1 : (tensor<3x8xf32>, tensor<3x4xf32>, tensor<3x20xf32>) -> tensor<3x32xf32>
  nn.yield %0 : tensor<3x32xf32>
}

// CHECK: k_padded cuda:elementwise {{.*}} ok
// PTX-LABEL: .entry k_padded_0(
// PTX: ld.global.v4
// PTX-NOT: ld.global
// PTX: st.global.v4
nn.kernel @k_padded {
^bb0(%x: tensor<3x8xf32>):
  %0 = nn.pad %x low [1, 4] high [2, 8] interior [0, 0] value 0.5 : tensor<3x8xf32> -> tensor<6x20xf32>
  %1 = nn.exp %0 : tensor<6x20xf32>
  nn.yield %1 : tensor<6x20xf32>
}

// CHECK: k_between cuda:elementwise {{.*}} ok
nn.kernel @k_between {
^bb0(%x: tensor<3x7xf32>, %y: tensor<3x4xf32>, %z: tensor<3x5xf32>):
  %0 = nn.concat %x, %y, %z axis 1 : (tensor<3x7xf32>, tensor<3x4xf32>, tensor<3x5xf32>) -> tensor<3x16xf32>
  nn.yield %0 : tensor<3x16xf32>
}

// CHECK: k_shifted cuda:elementwise {{.*}} ok
nn.kernel @k_shifted {
^bb0(%x: tensor<3x8xf32>, %y: tensor<3x4xf32>):
  %0 = nn.pad %x low [0, 2] high [0, 2] interior [0, 0] value 0.5 : tensor<3x8xf32> -> tensor<3x12xf32>
  %1 = nn.concat %0, %y axis 1 : (tensor<3x12xf32>, tensor<3x4xf32>) -> tensor<3x16xf32>
  nn.yield %1 : tensor<3x16xf32>
}
