// What each stage allows, and the provenance of ops.
// RUN: mome-opt %s -nn-verify-entries='stage=place' -o /dev/null
// RUN: not mome-opt %s -nn-verify-entries='stage=autodiff' 2>&1 | FileCheck %s --check-prefix=AUTODIFF
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-autodiff),nn-verify-entries{stage=autodiff provenance=true})' -o /dev/null
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-autodiff,nn-eliminate-stop-gradient,canonicalize,cse),nn-verify-entries{provenance=true})' -o /dev/null
// RUN: not mome-opt %s -pass-pipeline='builtin.module(func.func(nn-autodiff),nn-verify-entries)' 2>&1 | FileCheck %s --check-prefix=SIMPLIFY
// RUN: mome-opt %s -mlir-print-debuginfo=false | not mome-opt -nn-verify-entries='stage=place provenance=true' 2>&1 | FileCheck %s --check-prefix=LOST

// AUTODIFF: error: 'nn.gradient' op E8: must be gone after stage 'autodiff'
// SIMPLIFY: error: 'nn.stop_gradient' op E8: must be gone after stage 'simplify'
// LOST: error: 'nn.stop_gradient' op E10: does not say which path it computes for
#fc1 = loc(fused<#mome.scope<"experts.rgb.fc1", fwd>>["a.mome":3:7])
#cls = loc(fused<#mome.scope<"loss.cls", fwd>>["a.mome":9:7])
func.func @fit.grad(%w: tensor<f32> {nn.bind = #nn.bind<param, "w">}) -> (tensor<f32> {nn.bind = #nn.bind<grad, "w">}) {
  %0 = nn.stop_gradient %w : tensor<f32> loc(#fc1)
  %1 = nn.exp %w : tensor<f32> loc(#fc1)
  %2 = nn.mul %1, %0 : tensor<f32> loc(#cls)
  %dw = nn.gradient %2 wrt %w : (tensor<f32>, tensor<f32>) -> tensor<f32> loc(#cls)
  return %dw : tensor<f32>
}
