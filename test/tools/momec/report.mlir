// A plan written by hand: what `momec report` must say is known to the byte.
// RUN: momec report %s --compile-from=memory | FileCheck %s
// RUN: momec report %s --compile-from=memory --depth=3 | FileCheck %s --check-prefix=DEEP
// RUN: not momec report %s --compile-from=memory --entry=fit.setp 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: momec report %s --compile-from=memory --peak=0.000008,0.000016 | FileCheck %s --check-prefix=TIME
// RUN: momec report %s --compile-from=memory --peak=0.000008,0.000004 | FileCheck %s --check-prefix=SLOW
// RUN: not momec report %s --compile-from=memory --peak=230 2>&1 | FileCheck %s --check-prefix=PEAK
// RUN: not momec report %s --compile-from=memory --kernels=%t.json 2>&1 | FileCheck %s --check-prefix=KERNELS
// KERNELS: momec: error: --kernels: there is no GPU to predict for

// At the peak, the second dispatch, %1 (1024 bytes, forward, read by the backward pass) is an activation and %2 (256 bytes)
// workspace; %2 becomes %3 in place, which counts once. 704 of 2048 bytes are unused then.
// CHECK: fit.step, batch 8: 6.2 KiB of memory (inputs and outputs 256 bytes, gaps at the peak 768 bytes)
// CHECK: part {{.*}}weights {{.*}}optimizer {{.*}}gradients {{.*}}activations {{.*}}workspace {{.*}}all bytes
// CHECK-NEXT: experts.acc  1.0 KiB    2.0 KiB          -      1.0 KiB          -    4.0 KiB         0.0000    0.0000          -
// CHECK-NEXT: loss.cls           -          -          -            -  256 bytes  256 bytes              -    0.0000          -
// CHECK-NEXT: all          1.0 KiB    2.0 KiB          -      1.0 KiB  256 bytes    4.2 KiB
// CHECK: those of the peak, in loss.cls, bwd:
// CHECK-NEXT: 1.0 KiB    1 values  net.mome:2  x = fc: linear(x, 4)
// CHECK-NEXT: 256 bytes    1 values  net.mome:3  loss cls = cross_entropy(x, y)
// DEEP: experts.acc.fc
// Eight operations take a millisecond, eight bytes half of one, or two.
// TIME: predicted: no faster than this
// TIME-NEXT: part         ms forward  backward  optimizer  recomputed    all
// TIME-NEXT: experts.acc       1.000     1.000      0.000       0.000  2.000
// TIME-NEXT: loss.cls          0.000     2.000      0.000       0.000  2.000
// TIME-NEXT: all               1.000     3.000      0.000       0.000  4.000
// SLOW: all               2.000     6.000      0.000       0.000  8.000
// PEAK: --peak=230 is no peak of a machine
// ENTRY: there is no entry 'fit.setp'
// ENTRY-NEXT: entries: fit.step
module attributes {rt.package = {sources = [{path = "net.mome", text = "model Net\0A  x = fc: linear(x, 4)\0A  loss cls = cross_entropy(x, y)\0A"}]}} {
  rt.arena @state size 4096 kind state
  rt.arena @io size 256 kind io
  rt.arena @work size 2048 kind work
  rt.tensor @"param:experts.acc.fc.weight" : tensor<256xf32> at @state[0]
  rt.tensor @"moment:m/experts.acc.fc.weight" : tensor<256xf32> at @state[1024]
  rt.tensor @"moment:v/experts.acc.fc.weight" : tensor<256xf32> at @state[2048]
  rt.tensor @"input:acc" : tensor<8x8xf32> at @io[0]
  rt.kernel @k : (f32) -> f32
  rt.program @fit.step inputs [@"input:acc"] outputs [@"param:experts.acc.fc.weight"] peak 1280 {
    rt.dispatch @k(@io[0, 256] v0) -> (@work[0, 1024] v1) root "nn.linear" flops 8.0 bytes 8.0 loc(fused<#mome.scope<"experts.acc.fc", fwd>>["net.mome":2:3])
    rt.dispatch @k(@io[0, 256] v0) -> (@work[1024, 256] v2) root "nn.neg" flops 8.0 bytes 8.0 loc(fused<#mome.scope<"loss.cls", bwd>>["net.mome":3:3])
    rt.dispatch @k(@work[1024, 256] v2) -> (@work[1024, 256] v3) root "nn.neg" flops 8.0 bytes 8.0 loc(fused<#mome.scope<"loss.cls", bwd>>["net.mome":3:3])
    rt.dispatch @k(@work[0, 1024] v1, @work[1024, 256] v3) -> (@state[0, 1024] v4) root "nn.adamw" flops 8.0 bytes 8.0 loc(fused<#mome.scope<"experts.acc.fc", bwd>>["net.mome":2:3])
  }
}
