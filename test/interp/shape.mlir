// Every op that moves elements, against the result written out.
// RUN: mome-interp %s | FileCheck %s

// CHECK: reshape = dense<{{\[}}[0, 1], [2, 3], [4, 5]]> : tensor<3x2xi32>
func.func @reshape() -> tensor<3x2xi32> {
  %x = nn.constant dense<[[0, 1, 2], [3, 4, 5]]> : tensor<2x3xi32>
  %y = nn.reshape %x : tensor<2x3xi32> -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// CHECK: transpose = dense<{{\[}}[0, 3], [1, 4], [2, 5]]> : tensor<3x2xi32>
// CHECK: transpose#1 = dense<{{\[}}{{\[}}[0, 3], [1, 4], [2, 5]]]> : tensor<1x3x2xi32>
func.func @transpose() -> (tensor<3x2xi32>, tensor<1x3x2xi32>) {
  %x = nn.constant dense<[[0, 1, 2], [3, 4, 5]]> : tensor<2x3xi32>
  %y = nn.transpose %x permutation [1, 0] : tensor<2x3xi32> -> tensor<3x2xi32>
  %z = nn.reshape %x : tensor<2x3xi32> -> tensor<2x1x3xi32>
  %w = nn.transpose %z permutation [1, 2, 0] : tensor<2x1x3xi32> -> tensor<1x3x2xi32>
  return %y, %w : tensor<3x2xi32>, tensor<1x3x2xi32>
}

// CHECK: broadcast = dense<{{\[}}[7, 7], [8, 8], [9, 9]]> : tensor<3x2xi32>
// CHECK: broadcast#1 = dense<{{\[}}[7, 8, 9], [7, 8, 9]]> : tensor<2x3xi32>
func.func @broadcast() -> (tensor<3x2xi32>, tensor<2x3xi32>) {
  %x = nn.constant dense<[7, 8, 9]> : tensor<3xi32>
  %y = nn.broadcast %x dims [0] : tensor<3xi32> -> tensor<3x2xi32>
  %z = nn.broadcast %x dims [1] : tensor<3xi32> -> tensor<2x3xi32>
  return %y, %z : tensor<3x2xi32>, tensor<2x3xi32>
}

// CHECK: slice = dense<{{\[}}[3, 5]]> : tensor<1x2xi32>
func.func @slice() -> tensor<1x2xi32> {
  %x = nn.constant dense<[[0, 1, 2], [3, 4, 5]]> : tensor<2x3xi32>
  %y = nn.slice %x offsets [1, 0] sizes [1, 2] strides [1, 2] : tensor<2x3xi32> -> tensor<1x2xi32>
  return %y : tensor<1x2xi32>
}

// CHECK: pad = dense<[-1, 1, -1, -1, 2, -1, -1, 3, -1, -1]> : tensor<10xf64>
func.func @pad() -> tensor<10xf64> {
  %x = nn.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf64>
  %y = nn.pad %x low [1] high [2] interior [2] value -1.0 : tensor<3xf64> -> tensor<10xf64>
  return %y : tensor<10xf64>
}

// CHECK: concat = dense<{{\[}}[0, 1, 6, 0, 1], [2, 3, 7, 2, 3]]> : tensor<2x5xi32>
func.func @concat() -> tensor<2x5xi32> {
  %x = nn.constant dense<[[0, 1], [2, 3]]> : tensor<2x2xi32>
  %y = nn.constant dense<[[6], [7]]> : tensor<2x1xi32>
  %z = nn.concat %x, %y, %x axis 1 : (tensor<2x2xi32>, tensor<2x1xi32>, tensor<2x2xi32>) -> tensor<2x5xi32>
  return %z : tensor<2x5xi32>
}

// CHECK: roll = dense<[3, 1, 2]> : tensor<3xi32>
// CHECK: roll#1 = dense<[2, 3, 1]> : tensor<3xi32>
func.func @roll() -> (tensor<3xi32>, tensor<3xi32>) {
  %x = nn.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = nn.roll %x shift 1 axis 0 : tensor<3xi32>
  %z = nn.roll %x shift -4 axis 0 : tensor<3xi32>
  return %y, %z : tensor<3xi32>, tensor<3xi32>
}

// CHECK: shift = dense<[0, 1, 2]> : tensor<3xi32>
// CHECK: shift#1 = dense<[3, 0, 0]> : tensor<3xi32>
func.func @shift() -> (tensor<3xi32>, tensor<3xi32>) {
  %x = nn.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = nn.shift %x by 1 axis 0 : tensor<3xi32>
  %z = nn.shift %x by -2 axis 0 : tensor<3xi32>
  return %y, %z : tensor<3xi32>, tensor<3xi32>
}

// CHECK: take = dense<{{\[}}[4, 5], [0, 0], [4, 5]]> : tensor<3x2xf64>
// CHECK: take#1 = dense<{{\[}}[0, 0], [30, 30], [0, 0]]> : tensor<3x2xf64>
func.func @take() -> (tensor<3x2xf64>, tensor<3x2xf64>) {
  %x = nn.constant dense<[[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]> : tensor<3x2xf64>
  %i = nn.constant dense<[1, -1, 1]> : tensor<3xi32>
  %y = nn.take %x, %i axis 0 : tensor<3x2xf64>, tensor<3xi32> -> tensor<3x2xf64>
  %dy = nn.constant dense<[[10.0, 10.0], [1.0, 1.0], [20.0, 20.0]]> : tensor<3x2xf64>
  %dx = nn.take_backward %dy, %i axis 0 : tensor<3x2xf64>, tensor<3xi32> -> tensor<3x2xf64>
  return %y, %dx : tensor<3x2xf64>, tensor<3x2xf64>
}

// CHECK: one_hot = dense<{{\[}}[0, 0, 1], [0, 0, 0], [1, 0, 0]]> : tensor<3x3xf64>
func.func @one_hot() -> tensor<3x3xf64> {
  %i = nn.constant dense<[2, -1, 0]> : tensor<3xi32>
  %y = nn.one_hot %i : tensor<3xi32> -> tensor<3x3xf64>
  return %y : tensor<3x3xf64>
}
