// RUN: mome-opt %s -nn-verify-dispatches='stage=fuse provenance' -split-input-file -verify-diagnostics

func.func @good(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%0: tensor<4xf32>):
    %1 = nn.exp %0 : tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  } loc(fused<#mome.scope<"gate", fwd>>["a.mome":1:2])
  return %y : tensor<4xf32>
}

// -----

func.func @lost(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{D4: has lost its DSL path}}
  %y = nn.dispatch(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%0: tensor<4xf32>):
    %1 = nn.exp %0 : tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}
