// How many dispatches right before each have no conflict with it. rt-verify-plan agrees, and finds one more to be too many.
// RUN: mome-opt %s -rt-find-neighbours -rt-assign-streams -rt-verify-plan | FileCheck %s

rt.arena @io size 192 kind io
rt.arena @work size 448 kind work
rt.tensor @"input:a" : tensor<4xf32> at @io[0]
rt.tensor @"input:b" : tensor<4xf32> at @io[64]
rt.tensor @"output:c" : tensor<4xf32> at @io[128]
rt.kernel @k : (f32) -> f32
rt.kernel @k2 : (f32, f32) -> f32

// Two experts and their vote. The third dispatch reads what the first one wrote, the fourth what the second one wrote.
// CHECK-LABEL: rt.program @experts
// CHECK-NEXT: (@io[0, 16] v0) {{.*}} bytes 0.000000e+00{{$}}
// CHECK-NEXT: (@io[64, 16] v0) {{.*}} beside 1 stream 1{{$}}
// CHECK-NEXT: (@work[0, 16] v1) {{.*}} beside 1{{$}}
// CHECK-NEXT: (@work[64, 16] v2) {{.*}} beside 1 stream 1{{$}}
// CHECK-NEXT: (@work[128, 16] v3, @work[192, 16] v4) {{.*}} bytes 0.000000e+00 stream 1
rt.program @experts inputs [@"input:a", @"input:b"] outputs [@"output:c"] peak 256 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@work[128, 16] v3) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[64, 16] v2) -> (@work[192, 16] v4) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k2(@work[128, 16] v3, @work[192, 16] v4) -> (@io[128, 16] v5) root "nn.add" flops 0.0 bytes 0.0
}

// A chain has no neighbours. What was said before is not believed.
// CHECK-LABEL: rt.program @chain
// CHECK-NOT: beside
// CHECK: }
rt.program @chain inputs [@"input:a"] outputs [@"output:c"] peak 64 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@io[128, 16] v2) root "nn.exp" flops 0.0 bytes 0.0 beside 1
}

// Many may read the same. The last overwrites what the second reads.
// CHECK-LABEL: rt.program @reuse
// CHECK-NEXT: bytes 0.000000e+00{{$}}
// CHECK-NEXT: bytes 0.000000e+00{{$}}
// CHECK-NEXT: bytes 0.000000e+00 beside 2
// CHECK-NEXT: bytes 0.000000e+00 beside 3
// CHECK-NEXT: bytes 0.000000e+00 beside 2
rt.program @reuse inputs [@"input:a", @"input:b"] outputs [@"output:c"] peak 256 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[0, 16] v0) -> (@work[128, 16] v3) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[0, 16] v0) -> (@io[128, 16] v4) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[0, 16] v5) root "nn.exp" flops 0.0 bytes 0.0
}

// The second dispatch reads the even rows of four, the third writes one of the odd ones, the fourth an even one.
// CHECK-LABEL: rt.program @part
// CHECK-NEXT: bytes 0.000000e+00{{$}}
// CHECK-NEXT: bytes 0.000000e+00{{$}}
// CHECK-NEXT: bytes 0.000000e+00 beside 1
// CHECK-NEXT: bytes 0.000000e+00 beside 1
rt.program @part inputs [@"input:a", @"input:b"] outputs [@"output:c"] peak 256 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 256] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 256, 64 of 128 at 0] v1) -> (@io[128, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[64, 64] v3) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[128, 64] v4) root "nn.exp" flops 0.0 bytes 0.0
}
