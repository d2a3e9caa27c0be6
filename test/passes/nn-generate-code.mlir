// RUN: mome-opt %s -nn-generate-code=codegen=reference | FileCheck %s
// RUN: mome-opt %s -nn-generate-code | FileCheck %s
// RUN: mome-opt %s -nn-generate-code=cuda=sm_80 | FileCheck %s --check-prefix=CUDA
// RUN: mome-opt %s -nn-generate-code=cuda=sm_80 --remarks-filter=nn-generate-code -o %t.mlir 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: mome-opt %s -nn-generate-code=target-cpu=x86-64-v3,x86-64-v4 | FileCheck %s --check-prefix=BOTH
// RUN: not mome-opt %s -nn-generate-code=target-cpu=z80 2>&1 | FileCheck %s --check-prefix=TARGET

// TARGET: unknown target-cpu 'z80'

// REMARK: generic{{.*}}@k_exp on cuda:sm_80: elementwise: results of different shapes

// CHECK-NOT: nn.
// CHECK: rt.kernel @k_exp : (f32, i1) -> (f32, i1){{$}}
// CHECK: rt.split @k_exp on @"x86-64-v3" chunks {{[0-9]+}} scratch {{[0-9]+}}
// CHECK-NOT: nn.
// CHECK: rt.code @"x86-64-v3" image dense_resource<code> : tensor<{{[0-9]+}}xi8>
// The image is an ELF file.
// CHECK: code: "0x400000007F454C46

// BOTH: rt.kernel @k_exp
// BOTH: rt.split @k_exp on @"x86-64-v3"
// BOTH: rt.split @k_exp on @"x86-64-v4"
// BOTH: rt.code @"x86-64-v3"
// BOTH: rt.code @"x86-64-v4"

// CUDA: rt.kernel @k_exp
// CUDA: rt.launches @k_exp on @"cuda:sm_80" scratch {{[0-9]+}} [#rt.launch<"k_exp_0" blocks 1 threads 32 shared 0>
// CUDA: rt.code @"cuda:sm_80" image dense_resource<code_1>
// The image is PTX.
// CUDA: code_1: "0x400000002F2F0A2F
nn.kernel @k_exp {
^bb0(%a: tensor<4xf32>, %b: tensor<4x8xi1>):
  %1 = nn.exp %a : tensor<4xf32>
  %c = nn.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %2 = nn.mul %1, %c : tensor<4xf32>
  %3 = nn.transpose %b permutation [1, 0] : tensor<4x8xi1> -> tensor<8x4xi1>
  nn.yield %2, %3 : tensor<4xf32>, tensor<8x4xi1>
}
