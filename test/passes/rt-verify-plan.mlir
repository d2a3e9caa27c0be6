// RUN: mome-opt %s -rt-verify-plan -split-input-file -verify-diagnostics

rt.arena @state size 64 kind state
rt.arena @work size 128 kind work
rt.tensor @"param:w" : tensor<4xf32> at @state[0]
rt.kernel @k : (f32) -> f32
// Nothing wrong here: w is read twice, then updated.
rt.program @good inputs [@"param:w"] outputs [@"param:w"] peak 128 {
  rt.dispatch @k(@state[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@state[0, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1, @work[64, 16] v2) -> (@state[0, 16] v3) root "nn.add" flops 0.0 bytes 0.0
}

// -----

rt.arena @state size 64 kind state
rt.arena @work size 128 kind work
rt.tensor @"param:w" : tensor<4xf32> at @state[0]
rt.kernel @k : (f32) -> f32
rt.program @early_update inputs [@"param:w"] outputs [@"param:w"] peak 0 {
  rt.dispatch @k(@state[0, 16] v0) -> (@state[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  // expected-error @+1 {{reads #rt.slice<@state[0, 16] v0>, but the bytes hold v1}}
  rt.dispatch @k(@state[0, 16] v0) -> (@work[0, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
}

// -----

rt.arena @state size 64 kind state
rt.arena @work size 128 kind work
rt.tensor @"param:w" : tensor<4xf32> at @state[0]
rt.kernel @k : (f32) -> f32
rt.program @clobbered inputs [@"param:w"] outputs [] peak 128 {
  rt.dispatch @k(@state[0, 16] v0) -> (@work[0, 128] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@state[0, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  // expected-error @+1 {{but the bytes hold several values}}
  rt.dispatch @k(@work[0, 128] v1) -> (@state[0, 16] v3) root "nn.exp" flops 0.0 bytes 0.0
}

// -----

rt.arena @work size 128 kind work
rt.kernel @k : (f32) -> f32
rt.program @unwritten inputs [] outputs [] peak 128 {
  // expected-error @+1 {{which nothing wrote and no named slot holds}}
  rt.dispatch @k(@work[0, 16] v0) -> (@work[64, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
}

// -----

rt.arena @work size 128 kind work
rt.kernel @k : (f32) -> f32
rt.program @peak inputs [] outputs [] peak 64 {
  // expected-error @+1 {{above the peak of 64}}
  rt.dispatch @k() -> (@work[64, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
}

// -----

rt.arena @work size 128 kind work
rt.kernel @k : (f32) -> f32
rt.program @versions inputs [] outputs [] peak 128 {
  rt.dispatch @k() -> (@work[64, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  // expected-error @+1 {{but v1 exists already}}
  rt.dispatch @k() -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
}

// -----

rt.arena @state size 64 kind state
rt.tensor @"param:w" : tensor<4xf32> at @state[0]
// expected-error @+1 {{shares bytes with another named slot of @state}}
rt.tensor @"param:v" : tensor<4xf32> at @state[0]

// -----

rt.arena @state size 64 kind state
rt.tensor @"param:w" : tensor<4xf32> at @state[0]
// expected-error @+1 {{does not write its output @"param:w"}}
rt.program @silent inputs [] outputs [@"param:w"] peak 0 {
}

// -----

rt.arena @io size 64 kind io
rt.arena @work size 128 kind work
rt.tensor @"input:x" : tensor<4xf32> at @io[0]
rt.kernel @k : (f32) -> f32
rt.program @waits inputs [@"input:x"] outputs [] peak 128 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0 stream 1 after [0]
  rt.dispatch @k(@work[64, 16] v2) -> (@work[0, 16] v3) root "nn.exp" flops 0.0 bytes 0.0 stream 2 after [1]
}
rt.program @no_wait inputs [@"input:x"] outputs [] peak 128 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  // expected-error @+1 {{conflicts with dispatch 0 of the program, but no stream or wait orders them}}
  rt.dispatch @k(@work[0, 16] v1) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0 stream 1
}

// -----

// Bytes that are reused: the third dispatch may overwrite what the second still reads.
rt.arena @io size 64 kind io
rt.arena @work size 128 kind work
rt.tensor @"input:x" : tensor<4xf32> at @io[0]
rt.kernel @k : (f32) -> f32
rt.program @reuse inputs [@"input:x"] outputs [] peak 128 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0 stream 1 after [0]
  // expected-error @+1 {{conflicts with dispatch 1 of the program}}
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v3) root "nn.exp" flops 0.0 bytes 0.0
}

// -----

rt.arena @io size 64 kind io
rt.arena @work size 192 kind work
rt.tensor @"input:x" : tensor<4xf32> at @io[0]
rt.kernel @k : (f32) -> f32
rt.kernel @k2 : (f32, f32) -> f32
rt.program @another_wait inputs [@"input:x"] outputs [] peak 192 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@work[0, 16] v1) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0 stream 1 after [0]
  // expected-error @+1 {{waits for dispatch 0 without need}}
  rt.dispatch @k2(@work[0, 16] v1, @work[64, 16] v2) -> (@work[128, 16] v3) root "nn.add" flops 0.0 bytes 0.0 stream 2 after [1, 0]
}

// -----

rt.arena @io size 64 kind io
rt.arena @work size 128 kind work
rt.tensor @"input:x" : tensor<4xf32> at @io[0]
rt.kernel @k : (f32) -> f32
rt.program @no_conflict inputs [@"input:x"] outputs [] peak 128 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  // expected-error @+1 {{waits for dispatch 0 without need}}
  rt.dispatch @k(@io[0, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0 stream 1 after [0]
}

// -----

rt.arena @io size 64 kind io
rt.arena @work size 192 kind work
rt.tensor @"input:x" : tensor<4xf32> at @io[0]
rt.kernel @k : (f32) -> f32
rt.program @beside inputs [@"input:x"] outputs [] peak 192 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[0, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0 beside 1
  rt.dispatch @k(@work[0, 16] v1) -> (@work[128, 16] v3) root "nn.exp" flops 0.0 bytes 0.0 beside 1
}
rt.program @fewer inputs [@"input:x"] outputs [] peak 192 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[0, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
}
rt.program @too_many inputs [@"input:x"] outputs [] peak 192 {
  rt.dispatch @k(@io[0, 16] v0) -> (@work[0, 16] v1) root "nn.exp" flops 0.0 bytes 0.0
  rt.dispatch @k(@io[0, 16] v0) -> (@work[64, 16] v2) root "nn.exp" flops 0.0 bytes 0.0
  // expected-error @+1 {{is to run beside the 2 dispatches before it, but conflicts with dispatch 0}}
  rt.dispatch @k(@work[0, 16] v1) -> (@work[128, 16] v3) root "nn.exp" flops 0.0 bytes 0.0 beside 2
}

// -----

// The kernel reads the first of two columns.
rt.arena @io size 64 kind io
rt.arena @work size 64 kind work
rt.tensor @"input:x" : tensor<4x2xf32> at @io[0]
nn.kernel @k {
^bb0(%x: tensor<4x2xf32>):
  %0 = nn.slice %x offsets [0, 0] sizes [4, 1] strides [1, 1] : tensor<4x2xf32> -> tensor<4x1xf32>
  nn.yield %0 : tensor<4x1xf32>
}
rt.program @all inputs [@"input:x"] outputs [] peak 64 {
  rt.dispatch @k(@io[0, 32] v0) -> (@work[0, 16] v1) root "nn.slice" flops 0.0 bytes 0.0
}
rt.program @part inputs [@"input:x"] outputs [] peak 64 {
  rt.dispatch @k(@io[0, 32, 4 of 8 at 0] v0) -> (@work[0, 16] v1) root "nn.slice" flops 0.0 bytes 0.0
}
rt.program @other_part inputs [@"input:x"] outputs [] peak 64 {
  // expected-error @+1 {{reads #rt.slice<@io[0, 32, 4 of 8 at 4] v0>, but its kernel takes other elements}}
  rt.dispatch @k(@io[0, 32, 4 of 8 at 4] v0) -> (@work[0, 16] v1) root "nn.slice" flops 0.0 bytes 0.0
}
