// RUN: mome-opt %s -nn-plan-memory -rt-verify-plan -split-input-file | FileCheck %s

nn.kernel @k_exp {
^bb0(%a: tensor<4xf32>):
  %1 = nn.exp %a : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}
nn.kernel @k_sub {
^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
  %1 = nn.sub %a, %b : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}

// The parameter is updated in its slot; a value that dies in an elementwise kernel gives its bytes to the result.
// CHECK-DAG: rt.arena @state size 64 kind state
// CHECK-DAG: rt.arena @io size 64 kind io
// CHECK-DAG: rt.arena @work size 64 kind work
// CHECK-DAG: rt.tensor @"param:w" : tensor<4xf32> at @state[0]
// CHECK-DAG: rt.tensor @"input:x" : tensor<4xf32> at @io[0]
// CHECK-LABEL: rt.program @step inputs [@"param:w", @"input:x"] outputs [@"param:w"] peak 64 {
// CHECK-NEXT: rt.dispatch @k_exp(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops
// CHECK-NEXT: rt.dispatch @k_exp(@work[0, 16] v1) -> (@work[0, 16] v2)
// CHECK-NEXT: rt.dispatch @k_sub(@state[0, 16] v0, @work[0, 16] v2) -> (@state[0, 16] v3)
// CHECK-NEXT: }
func.func @step(%w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, %x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<param, "w">}) {
  %0 = nn.call @k_exp(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.call @k_exp(%0) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.call @k_sub(%w, %1) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

nn.kernel @k_exp {
^bb0(%a: tensor<4xf32>):
  %1 = nn.exp %a : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}

// The old value is read after the new one exists: the update waits in the work arena.
// CHECK-LABEL: rt.program @late
// CHECK-NEXT: rt.dispatch @k_exp(@state[0, 16] v0) -> (@work[0, 16] v1)
// CHECK-NEXT: rt.dispatch @k_exp(@state[0, 16] v0) -> (@io[0, 16] v2)
// CHECK-NEXT: rt.dispatch @{{k_[0-9a-f]*}}(@work[0, 16] v1) -> (@state[0, 16] v3) root "copy"
func.func @late(%w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, tensor<4xf32> {nn.bind = #nn.bind<output, "y">}) {
  %0 = nn.call @k_exp(%w) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.call @k_exp(%w) : (tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

nn.kernel @k_sum {
^bb0(%a: tensor<4x4xf32>):
  %1 = nn.transpose %a permutation [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  %2 = nn.exp %1 : tensor<4x4xf32>
  nn.yield %2 : tensor<4x4xf32>
}

// A kernel that reads through an index map does not run in place. A reshape is the same bytes.
// CHECK-LABEL: rt.program @map
// CHECK-NEXT: rt.dispatch @k_sum(@state[0, 64] v0) -> (@work[0, 64] v1)
// CHECK-NEXT: rt.dispatch @{{.*}}(@work[0, 64] v1) -> (@state[0, 64] v2) root "copy"
// CHECK-NEXT: }
func.func @map(%w: tensor<16xf32> {nn.bind = #nn.bind<param, "w">}) -> (tensor<16xf32> {nn.bind = #nn.bind<param, "w">}) {
  %v = nn.reshape %w : tensor<16xf32> -> tensor<4x4xf32>
  %0 = nn.call @k_sum(%v) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.reshape %0 : tensor<4x4xf32> -> tensor<16xf32>
  return %1 : tensor<16xf32>
}

// Two parameters that swap values, one of them also returned under another name.
// CHECK-LABEL: rt.program @swap inputs [@"param:a", @"param:b"] outputs [@"param:a", @"param:b", @"output:y"]
// CHECK-NEXT: rt.dispatch @[[COPY:.*]](@state[128, 64] v0) -> (@work[0, 64] v1)
// CHECK-NEXT: rt.dispatch @[[COPY]](@state[64, 64] v0) -> (@state[128, 64] v2)
// CHECK-NEXT: rt.dispatch @[[COPY]](@state[64, 64] v0) -> (@io[0, 64] v3)
// CHECK-NEXT: rt.dispatch @[[COPY]](@work[0, 64] v1) -> (@state[64, 64] v4)
// CHECK-NEXT: }
func.func @swap(%a: tensor<16xf32> {nn.bind = #nn.bind<param, "a">}, %b: tensor<16xf32> {nn.bind = #nn.bind<param, "b">})
    -> (tensor<16xf32> {nn.bind = #nn.bind<param, "a">}, tensor<16xf32> {nn.bind = #nn.bind<param, "b">},
        tensor<16xf32> {nn.bind = #nn.bind<output, "y">}) {
  return %b, %a, %a : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>
}

// -----

// Scalars come from the package's list, used or not; input shapes of two batch sizes live side by side.
// CHECK: rt.scalar @"scalar:t.epochs" : f32 = 3.000000e+00 at @io[0]
// CHECK: rt.scalar @"scalar:step" host : i64 = 0.000000e+00 at @io[64]
// CHECK: rt.tensor @"input:x" : tensor<4xf32> at @io[128]
// CHECK: rt.tensor @"output:y" : tensor<4xf32> at @io[192]
// CHECK: rt.tensor @"input:x:8" : tensor<8xf32> at @io[256]
// CHECK-LABEL: rt.program @train inputs [@"input:x"] outputs [@"output:y"]
// CHECK-LABEL: rt.program @eval inputs [@"input:x:8"] outputs [@"output:y:8"]
module attributes {rt.package = {scalars = [{name = "t.epochs", type = f32, value = 3.0}, {name = "step", type = i64, host}]}} {
  func.func @train(%x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">}) -> (tensor<4xf32> {nn.bind = #nn.bind<output, "y">}) {
    return %x : tensor<4xf32>
  }
  func.func @eval(%x: tensor<8xf32> {nn.bind = #nn.bind<input, "x">}) -> (tensor<8xf32> {nn.bind = #nn.bind<output, "y">}) {
    return %x : tensor<8xf32>
  }
}

// -----

nn.kernel @k_exp {
^bb0(%a: tensor<4xf32>):
  %1 = nn.exp %a : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}

// Of a wave's calls none may write what another one touches: `a` dies in both calls of the second wave, and gives its bytes to
// neither; `b` and `c` die in one each. The new parameter may not replace the old one, which the call beside reads.
// CHECK-LABEL: rt.program @wave
// CHECK-NEXT: rt.dispatch @k_exp(@io[0, 16] v0) -> (@work[[[A:[0-9]+]], 16] v1)
// CHECK-NEXT: rt.dispatch @k_exp(@work[[[A]], 16] v1) -> (@work[64, 16] v2)
// CHECK-NEXT: rt.dispatch @k_exp(@work[[[A]], 16] v1) -> (@work[128, 16] v3)
// CHECK-NEXT: rt.dispatch @k_exp(@work[64, 16] v2) -> (@io[64, 16] v4)
// CHECK-NEXT: rt.dispatch @k_exp(@work[128, 16] v3) -> (@io[128, 16] v5)
// CHECK-NEXT: rt.dispatch @k_exp(@state[0, 16] v0) -> (@work[{{[0-9]+}}, 16] v6)
// CHECK-NEXT: rt.dispatch @k_exp(@state[0, 16] v0) -> (@io[192, 16] v7)
// CHECK-NEXT: rt.dispatch @{{k_[0-9a-f]*}}(@work[{{[0-9]+}}, 16] v6) -> (@state[0, 16] v8) root "copy"
func.func @wave(%x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">}, %w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<output, "d">}, tensor<4xf32> {nn.bind = #nn.bind<output, "e">},
        tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, tensor<4xf32> {nn.bind = #nn.bind<output, "f">}) {
  %a = nn.call @k_exp(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = nn.call @k_exp(%a) {nn.wave = 1} : (tensor<4xf32>) -> tensor<4xf32>
  %c = nn.call @k_exp(%a) {nn.wave = 1} : (tensor<4xf32>) -> tensor<4xf32>
  %d = nn.call @k_exp(%b) {nn.wave = 2} : (tensor<4xf32>) -> tensor<4xf32>
  %e = nn.call @k_exp(%c) {nn.wave = 2} : (tensor<4xf32>) -> tensor<4xf32>
  %new = nn.call @k_exp(%w) {nn.wave = 3} : (tensor<4xf32>) -> tensor<4xf32>
  %f = nn.call @k_exp(%w) {nn.wave = 3} : (tensor<4xf32>) -> tensor<4xf32>
  return %d, %e, %new, %f : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// What a kernel reads of an operand: some columns, some rows, both columns of two slices; all of it, if anything else reads it too,
// or where code may read element 0 instead of what lies outside (padding).
nn.kernel @k_columns {
^bb0(%a: tensor<2x4x8xf32>):
  %0 = nn.slice %a offsets [0, 1, 0] sizes [2, 2, 8] strides [1, 1, 1] : tensor<2x4x8xf32> -> tensor<2x2x8xf32>
  nn.yield %0 : tensor<2x2x8xf32>
}
nn.kernel @k_corner {
^bb0(%a: tensor<2x4x8xf32>):
  %0 = nn.slice %a offsets [1, 0, 0] sizes [1, 4, 2] strides [1, 1, 1] : tensor<2x4x8xf32> -> tensor<1x4x2xf32>
  nn.yield %0 : tensor<1x4x2xf32>
}
nn.kernel @k_two {
^bb0(%a: tensor<4x8xf32>):
  %0 = nn.slice %a offsets [0, 1] sizes [4, 2] strides [1, 1] : tensor<4x8xf32> -> tensor<4x2xf32>
  %1 = nn.slice %a offsets [0, 3] sizes [4, 2] strides [1, 2] : tensor<4x8xf32> -> tensor<4x2xf32>
  %2 = nn.add %0, %1 : tensor<4x2xf32>
  nn.yield %2 : tensor<4x2xf32>
}
nn.kernel @k_all {
^bb0(%a: tensor<4x8xf32>):
  %0 = nn.slice %a offsets [0, 0] sizes [4, 4] strides [1, 1] : tensor<4x8xf32> -> tensor<4x4xf32>
  %1 = nn.exp %a : tensor<4x8xf32>
  nn.yield %0, %1 : tensor<4x4xf32>, tensor<4x8xf32>
}
nn.kernel @k_padded {
^bb0(%a: tensor<4x8xf32>):
  %0 = nn.slice %a offsets [2, 0] sizes [2, 8] strides [1, 1] : tensor<4x8xf32> -> tensor<2x8xf32>
  %1 = nn.pad %0 low [1, 0] high [0, 0] interior [0, 0] value 0.0 : tensor<2x8xf32> -> tensor<3x8xf32>
  nn.yield %1 : tensor<3x8xf32>
}

// CHECK-LABEL: rt.program @parts
// CHECK-NEXT: rt.dispatch @k_columns(@io[{{[0-9]+}}, 256, 64 of 128 at 32] v0)
// CHECK-NEXT: rt.dispatch @k_corner(@io[{{[0-9]+}}, 256, 128 of 256 at 128] v0)
// CHECK-NEXT: rt.dispatch @k_two(@io[{{[0-9]+}}, 128, 20 of 32 at 4] v0)
// CHECK-NEXT: rt.dispatch @k_all(@io[{{[0-9]+}}, 128] v0)
// CHECK-NEXT: rt.dispatch @k_padded(@io[{{[0-9]+}}, 128] v0)
func.func @parts(%a: tensor<2x4x8xf32> {nn.bind = #nn.bind<input, "a">}, %b: tensor<4x8xf32> {nn.bind = #nn.bind<input, "b">})
    -> (tensor<2x2x8xf32> {nn.bind = #nn.bind<output, "o0">}, tensor<1x4x2xf32> {nn.bind = #nn.bind<output, "o1">},
        tensor<4x2xf32> {nn.bind = #nn.bind<output, "o2">}, tensor<4x4xf32> {nn.bind = #nn.bind<output, "o3">},
        tensor<4x8xf32> {nn.bind = #nn.bind<output, "o4">}, tensor<3x8xf32> {nn.bind = #nn.bind<output, "o5">}) {
  %0 = nn.call @k_columns(%a) : (tensor<2x4x8xf32>) -> tensor<2x2x8xf32>
  %1 = nn.call @k_corner(%a) : (tensor<2x4x8xf32>) -> tensor<1x4x2xf32>
  %2 = nn.call @k_two(%b) : (tensor<4x8xf32>) -> tensor<4x2xf32>
  %3, %4 = nn.call @k_all(%b) : (tensor<4x8xf32>) -> (tensor<4x4xf32>, tensor<4x8xf32>)
  %5 = nn.call @k_padded(%b) : (tensor<4x8xf32>) -> tensor<3x8xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<2x2x8xf32>, tensor<1x4x2xf32>, tensor<4x2xf32>, tensor<4x4xf32>, tensor<4x8xf32>, tensor<3x8xf32>
}
