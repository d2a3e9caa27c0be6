// Gradients after nn-autodiff, against values worked out by hand; and the provenance of backward ops.
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-autodiff))' | mome-interp - | FileCheck %s
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-autodiff))' -mlir-print-debuginfo -mlir-print-local-scope \
// RUN:   | FileCheck %s --check-prefix=LOC

// x = 2, w = 3, shared by both terms: L = w x^2 + sin(w). dL/dw = x^2 + cos(w), dL/dx = 2 w x.
// CHECK: shared = dense<3.010008>
// CHECK: shared#1 = dense<12
func.func @shared() -> (tensor<f64>, tensor<f64>) {
  %x = nn.constant dense<2.0> : tensor<f64>
  %w = nn.constant dense<3.0> : tensor<f64>
  %0 = nn.square %x : tensor<f64>
  %1 = nn.mul %w, %0 : tensor<f64>
  %2 = nn.sin %w : tensor<f64>
  %l = nn.add %1, %2 : tensor<f64>
  %d:2 = nn.gradient %l wrt %w, %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %d#0, %d#1 : tensor<f64>, tensor<f64>
}

// A backward op has its forward op's scope and line.
// LOC-LABEL: func.func private @provenance
// LOC: nn.mul {{.*}} loc(fused<#mome.scope<"experts.rgb.fc1", bwd>>["a.mome":3:7])
func.func private @provenance(%x: tensor<f64>) -> tensor<f64> {
  %l = nn.exp %x : tensor<f64> loc(fused<#mome.scope<"experts.rgb.fc1", fwd>>["a.mome":3:7])
  %dx = nn.gradient %l wrt %x : (tensor<f64>, tensor<f64>) -> tensor<f64>
  return %dx : tensor<f64>
}
