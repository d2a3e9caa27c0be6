// RUN: mome-opt %s --verify-roundtrip | FileCheck %s

// CHECK: rt.arena @state size 256 kind state
rt.arena @state size 256 kind state
rt.arena @io size 256 kind io
rt.arena @work size 128 kind work
// CHECK: rt.tensor @"param:w" : tensor<4x8xf32> at @state[0]
rt.tensor @"param:w" : tensor<4x8xf32> at @state[0]
// CHECK: rt.tensor @"input:x:2x8" : tensor<2x8xf32> at @io[0]
rt.tensor @"input:x:2x8" : tensor<2x8xf32> at @io[0]
rt.tensor @"output:y" : tensor<2x4xf32> at @io[64]
// CHECK: rt.scalar @"scalar:t.lr" : f32 = 1.000000e-03 at @io[128]
rt.scalar @"scalar:t.lr" : f32 = 1.0e-3 at @io[128]
// CHECK: rt.scalar @"scalar:step" host : i64 = 0.000000e+00 at @io[192]
rt.scalar @"scalar:step" host : i64 = 0.0 at @io[192]
// CHECK: rt.kernel @k_0 : (f32) -> f32{{$}}
// CHECK-NEXT: rt.kernel @k_packs : (f32, f32) -> f32{{$}}
rt.kernel @k_0 : (f32) -> f32
rt.kernel @k_packs : (f32, f32) -> f32
// CHECK: rt.program @t.step inputs [@"input:x:2x8", @"param:w"] outputs [@"output:y"] peak 128 {
rt.program @t.step inputs [@"input:x:2x8", @"param:w"] outputs [@"output:y"] peak 128 {
  // CHECK: rt.dispatch @k_0(@io[0, 64] v0, @state[0, 128] v0) -> (@io[64, 32] v1) root "nn.linear" flops
  rt.dispatch @k_0(@io[0, 64] v0, @state[0, 128] v0) -> (@io[64, 32] v1) root "nn.linear" flops 128.0 bytes 224.0
  // CHECK: rt.dispatch @k_0(@io[0, 64, 16 of 32 at 8] v0, @state[0, 128] v0)
  rt.dispatch @k_0(@io[0, 64, 16 of 32 at 8] v0, @state[0, 128] v0) -> (@io[64, 32] v2) root "nn.linear" flops 128.0 bytes 224.0
  // CHECK: rt.dispatch {{.*}} v3) root "nn.linear" flops 1.280000e+02 bytes 2.240000e+02 group 2{{$}}
  // CHECK-NEXT: rt.dispatch {{.*}} v4) root "nn.linear" flops 1.280000e+02 bytes 2.240000e+02 beside 1{{$}}
  rt.dispatch @k_0(@io[0, 64] v0, @state[0, 128] v0) -> (@work[0, 32] v3) root "nn.linear" flops 128.0 bytes 224.0 group 2
  rt.dispatch @k_0(@io[0, 64] v0, @state[0, 128] v0) -> (@work[64, 32] v4) root "nn.linear" flops 128.0 bytes 224.0 beside 1
}
// CHECK: rt.code @"x86-64-v3" image dense<[127, 69]> : tensor<2xi8>
rt.code @"x86-64-v3" image dense<[127, 69]> : tensor<2xi8>
// CHECK: rt.split @k_0 on @"x86-64-v3" chunks 4 scratch 64{{$}}
rt.split @k_0 on @"x86-64-v3" chunks 4 scratch 64
// CHECK: rt.split @k_packs on @"x86-64-v3" chunks 4 scratch 64 packs 2 shared 4096{{$}}
rt.split @k_packs on @"x86-64-v3" chunks 4 scratch 64 packs 2 shared 4096
// CHECK: rt.launches @k_0 on @"cuda:sm_80" scratch 256 [#rt.launch<"k_0_0" blocks 12 threads 256 shared 0>]
rt.launches @k_0 on @"cuda:sm_80" scratch 256 [#rt.launch<"k_0_0" blocks 12 threads 256 shared 0>]
// CHECK: rt.launches @k_0 on @"cuda:sm_90" scratch 0 group 3 [#rt.launch<"k_0_0" blocks 4 threads 64 shared 0>]
rt.launches @k_0 on @"cuda:sm_90" scratch 0 group 3 [#rt.launch<"k_0_0" blocks 4 threads 64 shared 0>]
// CHECK: rt.launches @k_packs on @"cuda:sm_80" scratch 4096 [] library "{}"
rt.launches @k_packs on @"cuda:sm_80" scratch 4096 [] library "{}"
// CHECK: rt.code @"cuda:sm_80" image dense<[46, 118]> : tensor<2xi8> assembled [#rt.assembled<"k_0_0" on "sm_90" registers 40 shared 16 stack 0 spilled 4>]
rt.code @"cuda:sm_80" image dense<[46, 118]> : tensor<2xi8>
    assembled [#rt.assembled<"k_0_0" on "sm_90" registers 40 shared 16 stack 0 spilled 4>]
rt.code @"cuda:sm_90" image dense<[46, 118]> : tensor<2xi8>
