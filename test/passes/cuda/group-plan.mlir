// A product of few tiles and a long sum: alone it is cut along k to fill the device; eight in one launch fill it anyway.
// RUN: mkdir -p %t && env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so mome-check-kernels --cuda %s --low=-1 --high=1 --ptx=%t/alone.ptx
// RUN: env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so mome-check-kernels --cuda --group=8 %s --low=-1 --high=1 --ptx=%t/eight.ptx
// RUN: FileCheck %s --check-prefix=ALONE < %t/alone.ptx
// RUN: FileCheck %s --check-prefix=EIGHT < %t/eight.ptx

// ALONE: // launch -k k_product_0 -g 64
// EIGHT: // launch -k k_product_0 -g 8
nn.kernel @k_product {
^bb0(%a: tensor<256x2048xbf16>, %b: tensor<512x2048xbf16>):
  %0 = nn.matmul %a, %b transpose_b : (tensor<256x2048xbf16>, tensor<512x2048xbf16>) -> tensor<256x512xf32>
  nn.yield %0 : tensor<256x512xf32>
}
