// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-schedule))' --remarks-filter='.*' 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

nn.kernel @k_grow {
^bb0(%a: tensor<4xf32>):
  %1 = nn.broadcast %a dims [1] : tensor<4xf32> -> tensor<100000x4xf32>
  nn.yield %1 : tensor<100000x4xf32>
}
nn.kernel @k_shrink {
^bb0(%a: tensor<100000x4xf32>):
  %1 = nn.reduce_sum %a axes [0] : tensor<100000x4xf32> -> tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}
nn.kernel @k_add {
^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
  %1 = nn.add %a, %b : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}
nn.kernel @k_exp {
^bb0(%a: tensor<4xf32>):
  %1 = nn.exp %a : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}

// Only one of the two large values lives at a time.
// CHECK-LABEL: func.func @peak
// CHECK-NEXT: %[[A:.*]] = nn.call @k_grow(%arg0) :
// CHECK-NEXT: %[[C:.*]] = nn.call @k_shrink(%[[A]]) :
// CHECK-NEXT: %[[B:.*]] = nn.call @k_grow(%arg0) :
// CHECK-NEXT: %[[D:.*]] = nn.call @k_shrink(%[[B]]) :
// CHECK-NEXT: nn.call @k_add(%[[C]], %[[D]]) :
func.func @peak(%x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">}) -> (tensor<4xf32> {nn.bind = #nn.bind<output, "y">}) {
  %a = nn.call @k_grow(%x) : (tensor<4xf32>) -> tensor<100000x4xf32>
  %b = nn.call @k_grow(%x) : (tensor<4xf32>) -> tensor<100000x4xf32>
  %c = nn.call @k_shrink(%a) : (tensor<100000x4xf32>) -> tensor<4xf32>
  %d = nn.call @k_shrink(%b) : (tensor<100000x4xf32>) -> tensor<4xf32>
  %e = nn.call @k_add(%c, %d) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %e : tensor<4xf32>
}

// Equal small operations of two experts run side by side; the large one between them runs alone.
// CHECK-LABEL: func.func @experts
// CHECK-NEXT: %[[A:.*]] = nn.call @k_exp(%arg0) {nn.wave = 0 : i64}
// CHECK-NEXT: %[[B:.*]] = nn.call @k_exp(%arg1) {nn.wave = 0 : i64}
// CHECK-NEXT: %[[C:.*]] = nn.call @k_exp(%[[A]]) {nn.wave = 1 : i64}
// CHECK-NEXT: %[[D:.*]] = nn.call @k_exp(%[[B]]) {nn.wave = 1 : i64}
// CHECK-NEXT: %[[L:.*]] = nn.call @k_grow(%[[C]]) :
// CHECK-NEXT: nn.call @k_add(%[[C]], %[[D]]) {nn.wave = [[W:[0-9]+]] : i64}
// CHECK-NEXT: nn.call @k_exp(%[[D]]) {nn.wave = [[W]] : i64}
// REMARK: experts | Category:nn-schedule | alone: more than 1 MiB=1, alone: nothing small is ready=0, calls=7, calls beside others=6, waves=4
func.func @experts(%x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">}, %y: tensor<4xf32> {nn.bind = #nn.bind<input, "y">})
    -> (tensor<100000x4xf32> {nn.bind = #nn.bind<output, "l">}, tensor<4xf32> {nn.bind = #nn.bind<output, "s">},
        tensor<4xf32> {nn.bind = #nn.bind<output, "t">}) {
  %a = nn.call @k_exp(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %c = nn.call @k_exp(%a) : (tensor<4xf32>) -> tensor<4xf32>
  %l = nn.call @k_grow(%c) : (tensor<4xf32>) -> tensor<100000x4xf32>
  %b = nn.call @k_exp(%y) : (tensor<4xf32>) -> tensor<4xf32>
  %d = nn.call @k_exp(%b) : (tensor<4xf32>) -> tensor<4xf32>
  %s = nn.call @k_add(%c, %d) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %t = nn.call @k_exp(%d) : (tensor<4xf32>) -> tensor<4xf32>
  return %l, %s, %t : tensor<100000x4xf32>, tensor<4xf32>, tensor<4xf32>
}

// The update waits for the other reader of the old value.
// CHECK-LABEL: func.func @update
// CHECK-NEXT: %[[W:.*]] = nn.reshape %arg0
// CHECK-NEXT: %[[V:.*]] = nn.reshape %[[W]]
// CHECK-NEXT: %[[Y:.*]] = nn.call @k_add(%[[V]], %arg1)
// CHECK-NEXT: %[[N:.*]] = nn.call @k_add(%arg0, %arg1)
// CHECK-NEXT: return %[[N]], %[[Y]]
func.func @update(%w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, %x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, tensor<4xf32> {nn.bind = #nn.bind<output, "y">}) {
  %new = nn.call @k_add(%w, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.reshape %w : tensor<4xf32> -> tensor<2x2xf32>
  %2 = nn.reshape %1 : tensor<2x2xf32> -> tensor<4xf32>
  %y = nn.call @k_add(%2, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %new, %y : tensor<4xf32>, tensor<4xf32>
}

// A reader that needs the new value comes after it all the same: the memory plan copies.
// CHECK-LABEL: func.func @both
// CHECK-NEXT: %[[N:.*]] = nn.call @k_add(%arg0, %arg1)
// CHECK-NEXT: nn.call @k_add(%[[N]], %arg0)
func.func @both(%w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, %x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<param, "w">}, tensor<4xf32> {nn.bind = #nn.bind<output, "y">}) {
  %new = nn.call @k_add(%w, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %y = nn.call @k_add(%new, %w) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %new, %y : tensor<4xf32>, tensor<4xf32>
}

// Experts of one structure go in step for a device (GROUPS): large equal calls too, and updates in place without end. Not
// calls of one expert, which would both take memory; not different kernels.
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-schedule{groups}))' | FileCheck %s --check-prefix=GROUPS
#a = loc(fused<#mome.scope<"experts.a.x", fwd>>["m.mome":1:1])
#b = loc(fused<#mome.scope<"experts.b.x", fwd>>["m.mome":1:1])
// CHECK-LABEL: func.func @in_step
// CHECK-NEXT: %[[A:.*]] = nn.call @k_grow(%arg0) :
// CHECK-NEXT: %[[S:.*]] = nn.call @k_shrink(%[[A]]) :
// GROUPS-LABEL: func.func @in_step
// GROUPS-NEXT: %[[A:.*]] = nn.call @k_grow(%arg0) {nn.wave = 0 : i64}
// GROUPS-NEXT: %[[B:.*]] = nn.call @k_grow(%arg1) {nn.wave = 0 : i64}
// GROUPS-NEXT: nn.call @k_shrink(%[[A]]) {nn.wave = 1 : i64}
// GROUPS-NEXT: nn.call @k_shrink(%[[B]]) {nn.wave = 1 : i64}
// GROUPS-NEXT: %[[C:.*]] = nn.call @k_grow(%arg1) :
// GROUPS-NEXT: nn.call @k_shrink(%[[C]]) :
func.func @in_step(%x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">}, %y: tensor<4xf32> {nn.bind = #nn.bind<input, "y">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<output, "s">}, tensor<4xf32> {nn.bind = #nn.bind<output, "t">},
        tensor<4xf32> {nn.bind = #nn.bind<output, "u">}) {
  %a = nn.call @k_grow(%x) : (tensor<4xf32>) -> tensor<100000x4xf32> loc(#a)
  %s = nn.call @k_shrink(%a) : (tensor<100000x4xf32>) -> tensor<4xf32> loc(#a)
  %b = nn.call @k_grow(%y) : (tensor<4xf32>) -> tensor<100000x4xf32> loc(#b)
  %t = nn.call @k_shrink(%b) : (tensor<100000x4xf32>) -> tensor<4xf32> loc(#b)
  %c = nn.call @k_grow(%y) : (tensor<4xf32>) -> tensor<100000x4xf32> loc(#b)
  %u = nn.call @k_shrink(%c) : (tensor<100000x4xf32>) -> tensor<4xf32> loc(#b)
  return %s, %t, %u : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// An expert that has a call more is waited for.
nn.kernel @k_square {
^bb0(%a: tensor<4xf32>):
  %1 = nn.mul %a, %a : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}
// GROUPS-LABEL: func.func @almost_in_step
// GROUPS-NEXT: nn.call @k_square
// GROUPS-NEXT: nn.call @k_grow({{.*}}) {nn.wave = 1 : i64}
// GROUPS-NEXT: nn.call @k_grow({{.*}}) {nn.wave = 1 : i64}
// GROUPS-NEXT: nn.call @k_shrink({{.*}}) {nn.wave = 2 : i64}
// GROUPS-NEXT: nn.call @k_shrink({{.*}}) {nn.wave = 2 : i64}
func.func @almost_in_step(%x: tensor<4xf32> {nn.bind = #nn.bind<input, "x">}, %y: tensor<4xf32> {nn.bind = #nn.bind<input, "y">})
    -> (tensor<4xf32> {nn.bind = #nn.bind<output, "s">}, tensor<4xf32> {nn.bind = #nn.bind<output, "t">}) {
  %a = nn.call @k_grow(%x) : (tensor<4xf32>) -> tensor<100000x4xf32> loc(#a)
  %s = nn.call @k_shrink(%a) : (tensor<100000x4xf32>) -> tensor<4xf32> loc(#a)
  %d = nn.call @k_square(%y) : (tensor<4xf32>) -> tensor<4xf32> loc(#b)
  %b = nn.call @k_grow(%d) : (tensor<4xf32>) -> tensor<100000x4xf32> loc(#b)
  %t = nn.call @k_shrink(%b) : (tensor<100000x4xf32>) -> tensor<4xf32> loc(#b)
  return %s, %t : tensor<4xf32>, tensor<4xf32>
}

nn.kernel @k_decay {
^bb0(%a: tensor<1000000xf32>):
  %1 = nn.mul %a, %a : tensor<1000000xf32>
  nn.yield %1 : tensor<1000000xf32>
}
// CHECK-LABEL: func.func @updates
// CHECK-NOT: nn.wave
// GROUPS-LABEL: func.func @updates
// GROUPS-COUNT-3: nn.call @k_decay({{.*}}) {nn.wave = 0 : i64}
func.func @updates(%p: tensor<1000000xf32> {nn.bind = #nn.bind<param, "p">}, %q: tensor<1000000xf32> {nn.bind = #nn.bind<param, "q">},
                   %r: tensor<1000000xf32> {nn.bind = #nn.bind<param, "r">})
    -> (tensor<1000000xf32> {nn.bind = #nn.bind<param, "p">}, tensor<1000000xf32> {nn.bind = #nn.bind<param, "q">},
        tensor<1000000xf32> {nn.bind = #nn.bind<param, "r">}) {
  %a = nn.call @k_decay(%p) : (tensor<1000000xf32>) -> tensor<1000000xf32>
  %b = nn.call @k_decay(%q) : (tensor<1000000xf32>) -> tensor<1000000xf32>
  %c = nn.call @k_decay(%r) : (tensor<1000000xf32>) -> tensor<1000000xf32>
  return %a, %b, %c : tensor<1000000xf32>, tensor<1000000xf32>, tensor<1000000xf32>
}
