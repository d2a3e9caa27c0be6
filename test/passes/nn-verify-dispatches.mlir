// RUN: mome-opt %s -nn-verify-dispatches=stage=fuse -split-input-file -verify-diagnostics

// Nothing wrong here.
func.func @good(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%0: tensor<4xf32>):
    %1 = nn.exp %0 : tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  %z = nn.reshape %y : tensor<4xf32> -> tensor<2x2xf32>
  return %z : tensor<2x2xf32>
}

// -----

func.func @loose(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{D1: cannot stand at the top of an entry after stage 'fuse'}}
  %y = nn.exp %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @stop(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%0: tensor<4xf32>):
    // expected-error @+1 {{D2: computes nothing}}
    %1 = nn.stop_gradient %0 : tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// -----

func.func @view(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<2x2xf32> {
  ^bb0(%0: tensor<4xf32>):
    // expected-error @+1 {{D2: is a view that belongs outside}}
    %1 = nn.reshape %0 : tensor<4xf32> -> tensor<2x2xf32>
    nn.yield %1 : tensor<2x2xf32>
  }
  return %y : tensor<2x2xf32>
}
