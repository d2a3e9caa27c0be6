// Every expectation can fail: the message names the element and both values, and the exit code is 1.
// RUN: not mome-interp %s --entry=close 2>&1 | FileCheck %s --check-prefix=CLOSE
// RUN: not mome-interp %s --entry=nan 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not mome-interp %s --entry=gradient 2>&1 | FileCheck %s --check-prefix=GRADIENT
// RUN: not mome-interp %s --entry=not_differentiable 2>&1 | FileCheck %s --check-prefix=NOVJP
// RUN: not mome-interp %s --entry=forms 2>&1 | FileCheck %s --check-prefix=FORMS

// CLOSE: failures.mlir:[[@LINE+4]]:3: error: 'check.expect_close' op at [1]: 2.5 instead of 2, difference 0.5
func.func @close() {
  %x = nn.constant dense<[1.0, 2.5]> : tensor<2xf64>
  %y = nn.constant dense<[1.0, 2.0]> : tensor<2xf64>
  check.expect_close %x, %y rel 1.0e-3 : tensor<2xf64>
  return
}

// NAN: error: 'check.expect_close' op at [0]: nan instead of 1
func.func @nan() {
  %x = nn.constant dense<0x7FF8000000000000> : tensor<2xf64>
  %y = nn.constant dense<1.0> : tensor<2xf64>
  check.expect_close %x, %y rel 1.0e+30 : tensor<2xf64>
  return
}

// nn.stop_gradient gives a derivative that differences contradict.
func.func private @stopped(%x: tensor<2xf64>) -> tensor<2xf64> {
  %0 = nn.stop_gradient %x : tensor<2xf64>
  %1 = nn.mul %0, %x : tensor<2xf64>
  return %1 : tensor<2xf64>
}
// GRADIENT: error: 'check.expect_grad' op the gradient of argument 0 differs from finite differences at [0]:
func.func @gradient() {
  %x = nn.constant dense<[1.0, 2.0]> : tensor<2xf64>
  check.expect_grad @stopped(%x) : tensor<2xf64>
  return
}

func.func private @backward(%dy: tensor<2xf64>) -> tensor<3xf64> {
  %i = nn.constant dense<[0, 1]> : tensor<2xi32>
  %0 = nn.take_backward %dy, %i axis 0 : tensor<2xf64>, tensor<2xi32> -> tensor<3xf64>
  return %0 : tensor<3xf64>
}
// NOVJP: error: 'nn.take_backward' op is not differentiable
func.func @not_differentiable() {
  %x = nn.constant dense<[1.0, 2.0]> : tensor<2xf64>
  check.expect_grad @backward(%x) : tensor<2xf64>
  return
}

// The scalar code of erfinv has single precision only.
func.func private @erfinv(%x: tensor<1xf64>) -> tensor<1xf64> {
  %0 = nn.erfinv %x : tensor<1xf64>
  return %0 : tensor<1xf64>
}
// FORMS: error: 'check.expect_forms' op the scalar code of 'nn.erfinv' differs at [0]:
func.func @forms() {
  %x = nn.constant dense<0.25> : tensor<1xf64>
  check.expect_forms @erfinv(%x) : tensor<1xf64>
  return
}
