// RUN: mome-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{C1: the size must be a multiple of 64}}
rt.arena @a size 100 kind state

// -----

rt.kernel @k : (f32) -> f32
rt.code @c image dense<[46, 118]> : tensor<2xi8>
// expected-error @+1 {{C1: needs at least one chunk}}
rt.split @k on @c chunks 0 scratch 0

// -----

rt.kernel @k : (f32) -> f32
rt.code @c image dense<[46, 118]> : tensor<2xi8>
// expected-error @+1 {{C1: needs at least one chunk, and no negative number}}
rt.split @k on @c chunks 1 scratch 0 packs -1 shared 64

// -----

rt.kernel @k : (f32) -> f32
rt.code @c image dense<[46, 118]> : tensor<2xi8>
// expected-error @+1 {{C1: packs write shared memory: both or neither}}
rt.split @k on @c chunks 1 scratch 0 packs 2 shared 0

// -----

rt.kernel @k : (f32) -> f32
// expected-error @+1 {{C2: needs the rt.kernel @k and the rt.code @c}}
rt.split @k on @c chunks 1 scratch 0

// -----

// expected-error @+1 {{C1: the image must be a vector of i8}}
rt.code @c image dense<1> : tensor<2xi32>

// -----

rt.arena @state size 64 kind state
// expected-error @+1 {{C1: the symbol must be "kind:name"}}
rt.tensor @"parameter:w" : tensor<4xf32> at @state[0]

// -----

rt.arena @state size 64 kind state
// expected-error @+1 {{C2: not a static tensor}}
rt.tensor @"param:w" : tensor<?xf32> at @state[0]

// -----

rt.arena @state size 64 kind state
// expected-error @+1 {{C3: bytes [64, 80) are not a slot of arena @state of 64 bytes}}
rt.tensor @"param:w" : tensor<4xf32> at @state[64]

// -----

rt.arena @work size 64 kind work
// expected-error @+1 {{C3: @work is not an arena that holds it}}
rt.tensor @"param:w" : tensor<4xf32> at @work[0]

// -----

rt.arena @io size 64 kind io
// expected-error @+1 {{C1: the symbol must be "scalar:name"}}
rt.scalar @lr : f32 = 0.0 at @io[0]

// -----

rt.arena @io size 64 kind io
// expected-error @+1 {{C2: a scalar is f32 or i64}}
rt.scalar @"scalar:lr" : f64 = 0.0 at @io[0]

// -----

rt.arena @state size 64 kind state
// expected-error @+1 {{C3: @state is not an arena that holds it}}
rt.scalar @"scalar:lr" : f32 = 0.0 at @state[0]

// -----

// expected-error @+1 {{C1: @"input:x" is no named tensor}}
rt.program @p inputs [@"input:x"] outputs [] peak 0 {
}

// -----

// expected-error @+1 {{C2: a peak of 64 does not fit 0 bytes of work}}
rt.program @p inputs [] outputs [] peak 64 {
}

// -----

// expected-error @+1 {{C3: holds 'rt.kernel'}}
rt.program @p inputs [] outputs [] peak 0 {
  rt.kernel @k : (f32) -> f32
}

// -----

rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C1: there is no kernel @k}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : (f32) -> f32
rt.arena @io size 64 kind io
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C2: #rt.slice<@io[0, 128] v0> is outside of its arena}}
  rt.dispatch @k(@io[0, 128] v0) -> () root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : (f32) -> f32
rt.arena @io size 64 kind io
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C3: writes overlap}}
  rt.dispatch @k() -> (@io[0, 64] v1, @io[0, 64] v2) root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : (f32) -> f32
rt.arena @io size 128 kind io
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C4: writes #rt.slice<@io[0, 64] v1> while reading}}
  rt.dispatch @k(@io[0, 128] v0) -> (@io[0, 64] v1) root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : (f32) -> f32
rt.code @"cuda:sm_80" image dense<[46, 118]> : tensor<2xi8>
// expected-error @+1 {{C1: scratch and shared memory must not be negative}}
rt.launches @k on @"cuda:sm_80" scratch 0 [#rt.launch<"k_0" blocks 0 threads 256 shared 0>]

// -----

rt.kernel @k : (f32) -> f32
rt.code @"cuda:sm_80" image dense<[46, 118]> : tensor<2xi8>
// expected-error @+1 {{C1: a kernel must have either launches or a library}}
rt.launches @k on @"cuda:sm_80" scratch 0 []

// -----

rt.kernel @k : (f32) -> f32
// expected-error @+1 {{C2: needs the rt.kernel @k and the rt.code @"cuda:sm_80"}}
rt.launches @k on @"cuda:sm_80" scratch 0 [#rt.launch<"k_0" blocks 1 threads 256 shared 0>]

// -----

rt.kernel @k : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C5: no stream has the number 64}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 stream 64
}

// -----

rt.kernel @k : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0
  // expected-error @+1 {{C5: waits for what does not come before it}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 stream 1 after [1]
}

// -----

rt.kernel @k : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0
  // expected-error @+1 {{C5: no 2 dispatches come before it}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 beside 2
}

// -----

rt.kernel @k : (f32) -> f32
rt.arena @io size 128 kind io
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C2: #rt.slice<@io[0, 64, 16 of 24 at 0] v0> is no part of bytes that are read}}
  rt.dispatch @k(@io[0, 64, 16 of 24 at 0] v0) -> (@io[64, 64] v1) root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : (f32) -> f32
rt.arena @io size 128 kind io
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{is no part of bytes that are read}}
  rt.dispatch @k(@io[0, 64, 4 of 0 at 8] v0) -> (@io[64, 64] v1) root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : (f32) -> f32
rt.arena @io size 128 kind io
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C2: #rt.slice<@io[64, 64, 16 of 32 at 16] v1> is no part of bytes that are read}}
  rt.dispatch @k(@io[0, 64] v0) -> (@io[64, 64, 16 of 32 at 16] v1) root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C6: no group has 0 dispatches}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 group 0
}

// -----

rt.kernel @k : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  // expected-error @+1 {{C6: its group goes beyond the program}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 group 2
}

// -----

rt.kernel @k : () -> ()
rt.kernel @l : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 group 2
  // expected-error @+1 {{C6: does not fit the group that it is in}}
  rt.dispatch @l() -> () root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 group 2
  // expected-error @+1 {{C6: does not fit the group that it is in}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 stream 1
}

// -----

rt.kernel @k : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 stream 1
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 group 2
  // expected-error @+1 {{C6: does not fit the group that it is in}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 after [0]
}

// -----

rt.kernel @k : () -> ()
rt.program @p inputs [] outputs [] peak 0 {
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 group 3
  // expected-error @+1 {{C6: does not fit the group that it is in}}
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0 group 2
  rt.dispatch @k() -> () root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.kernel @k : () -> ()
rt.code @"cuda:sm_80" image dense<0> : tensor<4xi8>
// expected-error @+1 {{C1: a library runs no groups}}
rt.launches @k on @"cuda:sm_80" scratch 0 group 2 [] library "{}"

// -----

rt.kernel @k : () -> ()
rt.code @"cuda:sm_80" image dense<0> : tensor<4xi8>
// expected-error @+1 {{C1: scratch and shared memory must not be negative, blocks, threads and the group must be positive}}
rt.launches @k on @"cuda:sm_80" scratch 0 group 0 [#rt.launch<"k_0" blocks 1 threads 256 shared 0>]
