// Chains go to streams; a wait is made only where nothing else orders a conflict. rt-verify-plan agrees.
// RUN: mome-opt %s -split-input-file -rt-assign-streams -rt-verify-plan | FileCheck %s
// RUN: mome-opt %s -split-input-file -rt-assign-streams=streams=1 -rt-verify-plan | FileCheck %s --check-prefix=ONE
// RUN: mome-opt %s -split-input-file -rt-assign-streams --remarks-filter=rt-assign-streams 2>&1 | FileCheck %s --check-prefix=REMARK

// One stream: nothing to say.
// ONE-NOT: stream
// ONE-NOT: after

rt.arena @io size 192 kind io
rt.arena @work size 448 kind work
rt.tensor @"input:a" : tensor<4xf32> at @io[0]
rt.tensor @"input:b" : tensor<4xf32> at @io[64]
rt.tensor @"output:c" : tensor<4xf32> at @io[128]
rt.kernel @k : (f32) -> f32
rt.kernel @k2 : (f32, f32) -> f32

// Two experts and their vote: the second chain is the first one's equal, the vote waits for its end only.
// REMARK: dispatches=5{{.*}}longest chain=3{{.*}}streams=2{{.*}}waits=1
// CHECK-LABEL: rt.program @experts
// CHECK-NEXT: (@io[0, 16] v0) {{.*}} bytes 0.000000e+00{{$}}
// CHECK-NEXT: (@io[64, 16] v0) {{.*}} stream 1{{$}}
// CHECK-NEXT: (@work[0, 16] v1) {{.*}} bytes 0.000000e+00{{$}}
// CHECK-NEXT: (@work[64, 16] v2) {{.*}} stream 1{{$}}
// CHECK-NEXT: (@work[128, 16] v3, @work[192, 16] v4) {{.*}} stream 1 after [2]{{$}}
rt.program @experts inputs [@"input:a", @"input:b"] outputs [@"output:c"] peak 256 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@work[128, 16] v3) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[64, 16] v2) -> (@work[192, 16] v4) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k2(@work[128, 16] v3, @work[192, 16] v4) -> (@io[128, 16] v5) root "nn.add" flops 0.0 bytes 0.0
}

// A plain chain stays on one stream.
// CHECK-LABEL: rt.program @chain
// CHECK-NOT: stream
// CHECK-NOT: after
// CHECK: }
rt.program @chain inputs [@"input:a"] outputs [@"output:c"] peak 64 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@io[128, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
}

// The third dispatch reads nothing of the others, but its result takes over bytes that the second still reads: it waits.
// CHECK-LABEL: rt.program @reuse
// CHECK: (@work[0, 16] v1) -> (@work[64, 16] v2) {{.*}} bytes 0.000000e+00{{$}}
// CHECK-NEXT: (@io[64, 16] v0) -> (@work[0, 16] v3) {{.*}} bytes 0.000000e+00{{$}}
// CHECK-NEXT: (@work[64, 16] v2) -> (@io[128, 16] v4) {{.*}} stream 1 after [1]{{$}}
rt.program @reuse inputs [@"input:a", @"input:b"] outputs [@"output:c"] peak 128 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[0, 16] v3) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[64, 16] v2) -> (@io[128, 16] v4) root "nn.exp" flops 0.0 bytes 0.0
}

// The second dispatch reads the even rows of four, the third writes one of the odd ones: it waits for who wrote them all, no longer.
// CHECK-LABEL: rt.program @part
// CHECK: (@work[0, 256, 64 of 128 at 0] v1) -> (@work[256, 16] v2) {{.*}} bytes 0.000000e+00{{$}}
// CHECK-NEXT: (@io[64, 16] v0) -> (@work[64, 64] v3) {{.*}} stream 1 after [0]{{$}}
// CHECK-NEXT: (@work[256, 16] v2, @work[64, 64] v3) -> (@io[128, 16] v4) {{.*}} stream 1 after [1]{{$}}
rt.program @part inputs [@"input:a", @"input:b"] outputs [@"output:c"] peak 320 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 256] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 256, 64 of 128 at 0] v1) -> (@work[256, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[64, 64] v3) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k2(@work[256, 16] v2, @work[64, 64] v3) -> (@io[128, 16] v4) root "nn.add" flops 0.0 bytes 0.0
}

// The odd rows: the third waits for the second.
// CHECK-LABEL: rt.program @other_part
// CHECK: (@work[0, 256, 64 of 128 at 64] v1) -> (@work[256, 16] v2) {{.*}} bytes 0.000000e+00{{$}}
// CHECK-NEXT: (@io[64, 16] v0) -> (@work[64, 64] v3) {{.*}} bytes 0.000000e+00{{$}}
rt.program @other_part inputs [@"input:a", @"input:b"] outputs [@"output:c"] peak 320 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 256] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 256, 64 of 128 at 64] v1) -> (@work[256, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[64, 64] v3) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k2(@work[256, 16] v2, @work[64, 64] v3) -> (@io[128, 16] v4) root "nn.add" flops 0.0 bytes 0.0
}
