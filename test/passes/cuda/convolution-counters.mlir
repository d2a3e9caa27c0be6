// What convolutions cost, counted by the simulator, where neighbouring places (one tap) or neighbouring taps (patches) can be copied 16
// bytes at once: no bank conflicts, and no sector of global memory that is not wanted.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// DEFINE: %{run} = %python %S/Inputs/simulate.py %t.ptx
// RUN: %{driver} mome-check-kernels --cuda %s --tolerance=5e-6 --ptx=%t.ptx
// RUN: %{run} k_pointwise_0 %t.pointwise.json bf16[8192]=random:1 bf16[4096]=random:2 f32[8192] f32[1]
// RUN: %python %S/Inputs/no_waste.py 1048576 %t.pointwise.json
// RUN: %{run} k_patches_0 %t.patches.json bf16[24576]=random:1 bf16[49152]=random:2 f32[2048] f32[6144]
// RUN: %python %S/Inputs/no_waste.py 6291456 %t.patches.json
// RUN: %{run} k_patches_weight_0 %t.weight.json bf16[24576]=random:1 bf16[2048]=random:2 f32[49152] f32[1]
// RUN: %python %S/Inputs/no_waste.py 3145728 %t.weight.json
// RUN: %python %S/Inputs/no_spills.py %t.ptx sm_80

nn.kernel @k_pointwise {
^bb0(%x: tensor<1x64x8x16xbf16>, %w: tensor<64x64x1x1xbf16>):
  %y = nn.conv %x, %w strides [1, 1] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<1x64x8x16xbf16>, tensor<64x64x1x1xbf16>) -> (tensor<1x64x8x16xf32>)
  nn.yield %y : tensor<1x64x8x16xf32>
}

nn.kernel @k_patches {
^bb0(%x: tensor<1x3x64x128xbf16>, %w: tensor<64x3x16x16xbf16>):
  %y = nn.conv %x, %w strides [16, 16] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<1x3x64x128xbf16>, tensor<64x3x16x16xbf16>) -> (tensor<1x64x4x8xf32>)
  nn.yield %y : tensor<1x64x4x8xf32>
}

nn.kernel @k_patches_weight {
^bb0(%x: tensor<1x3x64x128xbf16>, %d: tensor<1x64x4x8xbf16>):
  %y = nn.conv_backward_weight %x, %d strides [16, 16] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<1x3x64x128xbf16>, tensor<1x64x4x8xbf16>) -> (tensor<64x3x16x16xf32>)
  nn.yield %y : tensor<64x3x16x16xf32>
}
