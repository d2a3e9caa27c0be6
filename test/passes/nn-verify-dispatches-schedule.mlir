// RUN: mome-opt %s -nn-verify-dispatches=stage=schedule -split-input-file -verify-diagnostics

func.func @early(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{D1: cannot stand at the top of an entry after stage 'schedule'}}
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%0: tensor<4xf32>):
    %1 = nn.exp %0 : tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// -----

// expected-error @+1 {{D3: is not named by its content, @k_}}
nn.kernel @k_0 {
^bb0(%0: tensor<4xf32>):
  %1 = nn.exp %0 : tensor<4xf32>
  nn.yield %1 : tensor<4xf32>
}

// -----

// expected-error @+1 {{D3: is never called}}
nn.kernel @k_19d08b4ac4e57b4d {
^bb0(%0: tensor<4xf32>):
  nn.yield %0 : tensor<4xf32>
}
