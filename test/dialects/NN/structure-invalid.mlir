// What a kernel cannot hold. Beside a product the sum of what it reads transposed is no second root; another sum is.
// RUN: mome-opt %s -split-input-file -verify-diagnostics

nn.kernel @companion {
^bb0(%a: tensor<4x3xf32>, %b: tensor<4x2xf32>):
  %s = nn.reduce_sum %a axes [0] : tensor<4x3xf32> -> tensor<3xf32>
  %p = nn.matmul %a, %b transpose_a : (tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
  nn.yield %p, %s : tensor<3x2xf32>, tensor<3xf32>
}

// -----

// expected-error @+1 {{C1: two roots, 'nn.matmul' and 'nn.reduce_sum'}}
nn.kernel @other_operand {
^bb0(%a: tensor<4x3xf32>, %b: tensor<4x2xf32>):
  %p = nn.matmul %a, %b transpose_a : (tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
  %s = nn.reduce_sum %b axes [0] : tensor<4x2xf32> -> tensor<2xf32>
  nn.yield %p, %s : tensor<3x2xf32>, tensor<2xf32>
}

// -----

// expected-error @+1 {{C1: two roots, 'nn.matmul' and 'nn.reduce_sum'}}
nn.kernel @two_companions {
^bb0(%a: tensor<4x3xf32>, %b: tensor<4x2xf32>):
  %s = nn.reduce_sum %a axes [0] : tensor<4x3xf32> -> tensor<3xf32>
  %p = nn.matmul %a, %b transpose_a : (tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
  %t = nn.reduce_sum %a axes [0] : tensor<4x3xf32> -> tensor<3xf32>
  nn.yield %p, %s, %t : tensor<3x2xf32>, tensor<3xf32>, tensor<3xf32>
}

// -----

// expected-error @+1 {{C1: two roots, 'nn.reduce_sum' and 'nn.matmul'}}
nn.kernel @not_transposed {
^bb0(%a: tensor<4x3xf32>, %b: tensor<3x2xf32>):
  %s = nn.reduce_sum %a axes [0] : tensor<4x3xf32> -> tensor<3xf32>
  %p = nn.matmul %a, %b : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  nn.yield %p, %s : tensor<4x2xf32>, tensor<3xf32>
}
