// Neighbours of one kernel without a conflict are one launch. Streams and waits are those of whole groups; rt-verify-plan agrees.
// RUN: mome-opt %s -rt-group-launches -rt-assign-streams -rt-find-neighbours -rt-verify-plan | FileCheck %s
// RUN: mome-opt %s -rt-group-launches --remarks-filter=rt-group-launches 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: sed 's:// NOTYET:group 2:' %s | not mome-opt -rt-verify-plan 2>&1 | FileCheck %s --check-prefix=CONFLICT

rt.arena @io size 256 kind io
rt.arena @work size 448 kind work
rt.tensor @"input:a" : tensor<4xf32> at @io[0]
rt.tensor @"input:b" : tensor<4xf32> at @io[64]
rt.tensor @"output:c" : tensor<4xf32> at @io[128]
rt.tensor @"output:d" : tensor<4xf32> at @io[192]
rt.kernel @k : (f32) -> f32
rt.kernel @k2 : (f32, f32) -> f32
rt.kernel @k3 : (f32, f32) -> f32

// Two experts, and two readers of one of them: one waits for its group, on a stream of its own.
// REMARK: experts{{.*}}dispatches=6, in groups=4, launched as=4
// CHECK-LABEL: rt.program @experts
// CHECK-NEXT: (@io[0, 16] v0) {{.*}} bytes 0.000000e+00 group 2{{$}}
// CHECK-NEXT: (@io[64, 16] v0) {{.*}} bytes 0.000000e+00 beside 1{{$}}
// CHECK-NEXT: (@work[0, 16] v1) {{.*}} bytes 0.000000e+00 beside 1 group 2{{$}}
// CHECK-NEXT: (@work[64, 16] v2) {{.*}} bytes 0.000000e+00 beside 1{{$}}
// CHECK-NEXT: (@work[128, 16] v3, @work[192, 16] v4) {{.*}} bytes 0.000000e+00{{$}}
// CHECK-NEXT: (@work[0, 16] v1, @work[64, 16] v2) {{.*}} beside 3 stream 1 after [1]{{$}}
rt.program @experts inputs [@"input:a", @"input:b"] outputs [@"output:c", @"output:d"] peak 256 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[64, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@work[128, 16] v3) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[64, 16] v2) -> (@work[192, 16] v4) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k2(@work[128, 16] v3, @work[192, 16] v4) -> (@io[128, 16] v5) root "nn.add" flops 0.0 bytes 0.0
  rt.dispatch @k3(@work[0, 16] v1, @work[64, 16] v2) -> (@io[192, 16] v6) root "nn.mul" flops 0.0 bytes 0.0
}

// A chain is no group.
// REMARK: chain{{.*}}dispatches=2, in groups=0, launched as=2
// CHECK-LABEL: rt.program @chain
// CHECK-NOT: group
// CHECK: }
// CONFLICT: error: 'rt.dispatch' op and others of its group conflict
rt.program @chain inputs [@"input:a"] outputs [@"output:c"] peak 64 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0 // NOTYET
  rt.dispatch @k(@work[0, 16] v1) -> (@io[128, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
}
