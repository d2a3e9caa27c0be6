// REQUIRES: cudnn
// The real cuDNN, without a device: graphs are built and finalized, engines asked for, plans made, for each architecture.
// RUN: mome-opt %s -nn-generate-code='cuda=sm_80 libraries=cudnn' --remarks-filter=nn-generate-code 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// RUN: mome-opt %s -nn-generate-code='cuda=sm_90 libraries=cudnn' | FileCheck %s
// RUN: mome-opt %s -nn-generate-code='cuda=sm_100 libraries=cudnn' | FileCheck %s

// CHECK: rt.launches @k_patches on @"cuda:sm_{{.*}}" scratch {{[0-9]+}} [] library "{\22library\22:\22cudnn\22,\22operation\22:\22conv\22
nn.kernel @k_patches {
^bb0(%x: tensor<2x3x8x64x64xf32>, %w: tensor<16x3x2x16x16xf32>):
  %y = nn.conv %x, %w strides [2, 16, 16] pad_low [0, 0, 0] pad_high [0, 0, 0] dilations [1, 1, 1] groups 1 : (tensor<2x3x8x64x64xf32>, tensor<16x3x2x16x16xf32>) -> tensor<2x16x4x4x4xf32>
  nn.yield %y : tensor<2x16x4x4x4xf32>
}

// CHECK: rt.launches @k_patches_input on @"cuda:sm_{{.*}}" scratch {{[0-9]+}} [] library "{\22library\22:\22cudnn\22,\22operation\22:\22conv_for_input\22
nn.kernel @k_patches_input {
^bb0(%d: tensor<2x16x8x8xf32>, %w: tensor<16x3x4x4xf32>):
  %x = nn.conv_backward_input %d, %w strides [4, 4] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<2x16x8x8xf32>, tensor<16x3x4x4xf32>) -> tensor<2x3x32x32xf32>
  nn.yield %x : tensor<2x3x32x32xf32>
}

// CHECK: rt.launches @k_patches_weight on @"cuda:sm_{{.*}}" scratch {{[0-9]+}} [] library "{\22library\22:\22cudnn\22,\22operation\22:\22conv_for_weight\22
nn.kernel @k_patches_weight {
^bb0(%x: tensor<2x3x32x32xf32>, %d: tensor<2x16x8x8xf32>):
  %w = nn.conv_backward_weight %x, %d strides [4, 4] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<2x3x32x32xf32>, tensor<2x16x8x8xf32>) -> tensor<16x3x4x4xf32>
  nn.yield %w : tensor<16x3x4x4xf32>
}

// No engine has bf16 in our layout with sums that stay f32.
// REMARK: library{{.*}}@k_bf16 is generated: cudnn on sm_80: it has no engine for this convolution
// CHECK: rt.launches @k_bf16 on @"cuda:sm_{{.*}}" scratch {{[0-9]+}} [#rt.launch<"k_bf16_0"
nn.kernel @k_bf16 {
^bb0(%x: tensor<2x3x32x32xbf16>, %w: tensor<16x3x4x4xbf16>):
  %y = nn.conv %x, %w strides [4, 4] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<2x3x32x32xbf16>, tensor<16x3x4x4xbf16>) -> tensor<2x16x8x8xf32>
  nn.yield %y : tensor<2x16x8x8xf32>
}
