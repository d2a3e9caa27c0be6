// Kernels that are a product or a convolution and nothing else go to a library where one is asked for; here to stand-ins. All others are
// generated, and a remark says why.
// DEFINE: %{libraries} = env LD_LIBRARY_PATH=%lib/fakecuda
// RUN: %{libraries} mome-opt %s -nn-generate-code='cuda=sm_80 libraries=cublaslt,cudnn' --remarks-filter=nn-generate-code 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// RUN: %{libraries} mome-opt %s -nn-generate-code='cuda=sm_80 libraries=cublaslt' | FileCheck %s --check-prefix=ONE
// RUN: mome-opt %s -nn-generate-code=cuda=sm_80 | FileCheck %s --check-prefix=NONE
// RUN: not env MOME_CUDNN=/nowhere/libcudnn.so mome-opt %s -nn-generate-code='cuda=sm_80 libraries=cudnn' 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not mome-opt %s -nn-generate-code='cuda=sm_80 libraries=mkl' 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// MISSING: a library that was asked for cannot be: cudnn: /nowhere/libcudnn.so: cannot open shared object file
// UNKNOWN: a library that was asked for cannot be: mkl: no library is called 'mkl'; known: cublaslt, cudnn
// NONE-NOT: library

// What is added to the sums is the library's if it is a bias.
// CHECK: rt.launches @k_linear on @"cuda:sm_80" scratch 4194304 [] library "{\22library\22:\22cublaslt\22,\22operation\22:\22product\22,\22tf32\22:false
// ONE: rt.launches @k_linear on @"cuda:sm_80" scratch 4194304 [] library
nn.kernel @k_linear {
^bb0(%x: tensor<40x24xbf16>, %w: tensor<72x24xbf16>, %b: tensor<72xf32>):
  %0 = nn.linear %x, %w, %b : (tensor<40x24xbf16>, tensor<72x24xbf16>, tensor<72xf32>) -> tensor<40x72xf32>
  nn.yield %0 : tensor<40x72xf32>
}

// CHECK: rt.launches @k_tf32 on @"cuda:sm_80" scratch 4194304 [] library "{\22library\22:\22cublaslt\22,\22operation\22:\22product\22,\22tf32\22:true
nn.kernel @k_tf32 {
^bb0(%x: tensor<2x24x40xf32>, %w: tensor<2x24x72xf32>):
  %0 = nn.matmul %x, %w transpose_a {nn.precision = "tf32"} : (tensor<2x24x40xf32>, tensor<2x24x72xf32>) -> tensor<2x40x72xf32>
  nn.yield %0 : tensor<2x40x72xf32>
}

// REMARK: library{{.*}}@k_epilogue is generated: cublaslt: it computes more than its root
// CHECK: rt.launches @k_epilogue on @"cuda:sm_80" scratch {{[0-9]+}} [#rt.launch<"k_epilogue_0"
nn.kernel @k_epilogue {
^bb0(%x: tensor<40x24xf32>, %w: tensor<24x72xf32>):
  %0 = nn.matmul %x, %w : (tensor<40x24xf32>, tensor<24x72xf32>) -> tensor<40x72xf32>
  %1 = nn.relu %0 : tensor<40x72xf32>
  nn.yield %1 : tensor<40x72xf32>
}

// A library that was not asked for is no reason for a remark.
// CHECK: rt.launches @k_conv on @"cuda:sm_80" scratch 512 [] library "{\22library\22:\22cudnn\22,\22operation\22:\22conv\22
// ONE: rt.launches @k_conv on @"cuda:sm_80" scratch {{[0-9]+}} [#rt.launch<"k_conv_0"
nn.kernel @k_conv {
^bb0(%x: tensor<2x3x16x16xf32>, %w: tensor<8x3x4x4xf32>):
  %y = nn.conv %x, %w strides [4, 4] pad_low [0, 0] pad_high [0, 0] dilations [1, 1] groups 1 : (tensor<2x3x16x16xf32>, tensor<8x3x4x4xf32>) -> tensor<2x8x4x4xf32>
  nn.yield %y : tensor<2x8x4x4xf32>
}

// Neither product nor convolution: nothing to say.
// REMARK-NOT: k_add
// CHECK: rt.launches @k_add on @"cuda:sm_80" scratch 0 [#rt.launch<"k_add_0"
nn.kernel @k_add {
^bb0(%x: tensor<40xf32>, %y: tensor<40xf32>):
  %0 = nn.add %x, %y : tensor<40xf32>
  nn.yield %0 : tensor<40xf32>
}
