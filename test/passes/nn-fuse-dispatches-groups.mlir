// Which ops share a dispatch, and why others do not.
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-fuse-dispatches))' -split-input-file | FileCheck %s
// RUN: mome-opt %s -pass-pipeline='builtin.module(func.func(nn-fuse-dispatches))' -split-input-file \
// RUN:   --remarks-filter=nn-fuse-dispatches -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// A root takes its epilogue: a bias, an activation, a residual; the value before the activation is one more result.
// CHECK-LABEL: func.func @epilogue
// CHECK-NEXT: nn.dispatch(%arg0, %arg1, %arg2, %arg3) : {{.*}} -> (tensor<2x3xf32>, tensor<2x3xf32>) {
// CHECK: nn.linear
// CHECK: nn.broadcast
// CHECK: nn.add
// CHECK: nn.tanh
// CHECK: nn.add
// CHECK-NOT: nn.dispatch
func.func @epilogue(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>, %r: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = nn.linear %x, %w : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %1 = nn.broadcast %b dims [1] : tensor<3xf32> -> tensor<2x3xf32>
  %2 = nn.add %0, %1 : tensor<2x3xf32>
  %3 = nn.tanh %2 : tensor<2x3xf32>
  %4 = nn.add %3, %r : tensor<2x3xf32>
  return %2, %4 : tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// Two roots never share: the second reads the first from memory.
// CHECK-LABEL: func.func @roots
// CHECK-COUNT-2: nn.dispatch
func.func @roots(%x: tensor<2x4xf32>, %w: tensor<4x4xf32>) -> tensor<2x4xf32> {
  %0 = nn.linear %x, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = nn.exp %0 : tensor<2x4xf32>
  %2 = nn.linear %1, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// -----

// The sum needs both: it joins the second linear; joining the first would make a cycle.
// CHECK-LABEL: func.func @cycle
// CHECK: %[[A:.*]] = nn.dispatch(%arg0, %arg1)
// CHECK-NEXT: ^bb0
// CHECK-NEXT: nn.linear
// CHECK-NEXT: nn.yield
// CHECK: nn.dispatch(%[[A]], %arg1)
// CHECK: nn.linear
// CHECK: nn.add
// REMARK: remark: [Missed] nn.add {{.*}}another operand depends on the producer
func.func @cycle(%x: tensor<2x4xf32>, %w: tensor<4x4xf32>) -> tensor<2x4xf32> {
  %0 = nn.linear %x, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = nn.linear %0, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %2 = nn.add %0, %1 : tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// -----

// A row program: what computes the rows, the norm, and what reads its rows.
// CHECK-LABEL: func.func @rows
// CHECK-NEXT: nn.dispatch(%arg0, %arg1) : {{.*}} -> tensor<2xf32> {
// CHECK: nn.add
// CHECK: nn.softmax
// CHECK: nn.mul
// CHECK: nn.reduce_sum
// CHECK-NOT: nn.dispatch
func.func @rows(%x: tensor<2x4xf32>, %r: tensor<2x4xf32>) -> tensor<2xf32> {
  %0 = nn.add %x, %r : tensor<2x4xf32>
  %1 = nn.softmax %0 : tensor<2x4xf32>
  %2 = nn.mul %1, %1 : tensor<2x4xf32>
  %3 = nn.reduce_sum %2 axes [1] : tensor<2x4xf32> -> tensor<2xf32>
  return %3 : tensor<2xf32>
}

// -----

// Rows that lie elsewhere, and padding: read through the map. Columns that do are stored first.
// CHECK-LABEL: func.func @moved_rows
// CHECK-NEXT: nn.dispatch(%arg0, %arg1)
// CHECK: nn.pad
// CHECK: nn.concat
// CHECK-NOT: nn.dispatch
func.func @moved_rows(%x: tensor<2x4xf32>, %y: tensor<1x4xf32>) -> tensor<3x4xf32> {
  %0 = nn.pad %x low [1, 0] high [0, 0] interior [0, 0] value 0.0 : tensor<2x4xf32> -> tensor<3x4xf32>
  %1 = nn.softmax %0 : tensor<3x4xf32>
  %2 = nn.concat %y, %x axis 0 : (tensor<1x4xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
  %3 = nn.add %1, %2 : tensor<3x4xf32>
  return %3 : tensor<3x4xf32>
}
// CHECK-LABEL: func.func @moved_columns
// CHECK: nn.pad
// CHECK: nn.dispatch
// CHECK: nn.softmax
func.func @moved_columns(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  %0 = nn.pad %x low [0, 1] high [0, 0] interior [0, 0] value 0.0 : tensor<2x3xf32> -> tensor<2x4xf32>
  %1 = nn.softmax %0 : tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// -----

// A reduction computes what it reduces, all of it.
// CHECK-LABEL: func.func @prologue
// CHECK-NEXT: nn.dispatch
// CHECK-NOT: nn.dispatch
func.func @prologue(%x: tensor<2x4xf32>, %m: tensor<2xf32>, %s: tensor<2xf32>, %g: tensor<2x4xf32>) -> tensor<4xf32> {
  %0 = nn.broadcast %m dims [0] : tensor<2xf32> -> tensor<2x4xf32>
  %1 = nn.sub %x, %0 : tensor<2x4xf32>
  %2 = nn.broadcast %s dims [0] : tensor<2xf32> -> tensor<2x4xf32>
  %3 = nn.mul %1, %2 : tensor<2x4xf32>
  %4 = nn.mul %g, %3 : tensor<2x4xf32>
  %5 = nn.reduce_sum %4 axes [0] : tensor<2x4xf32> -> tensor<4xf32>
  return %5 : tensor<4xf32>
}

// -----

// The backward part does not compute in the forward part, whose results would have to be kept.
// CHECK-LABEL: func.func @phases
// CHECK-COUNT-2: nn.dispatch
// REMARK: remark: [Missed] nn.mul {{.*}}the producer belongs to an earlier phase
func.func @phases(%x: tensor<2x4xf32>, %w: tensor<4x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %0 = nn.linear %x, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32> loc(fused<#mome.scope<"fc", fwd>>["a.mome":1:1])
  %1 = nn.mul %0, %0 : tensor<2x4xf32> loc(fused<#mome.scope<"fc", bwd>>["a.mome":1:1])
  return %0, %1 : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// An update runs in place, so it is a kernel of its own.
// CHECK-LABEL: func.func @update
// CHECK-COUNT-2: nn.dispatch
// REMARK: remark: [Missed] nn.sub {{.*}}an update in place is a kernel of its own
func.func @update(%x: tensor<4x4xf32>, %w: tensor<4x4xf32> {nn.bind = #nn.bind<param, "w">}) -> (tensor<4x4xf32> {nn.bind = #nn.bind<param, "w">}) {
  %0 = nn.linear %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.sub %w, %0 : tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

// A broadcast that several kernels read is repeated in each: none stores it. A reshape stays outside.
// CHECK-LABEL: func.func @maps
// CHECK-NEXT: nn.dispatch(%arg0, %arg1)
// CHECK: nn.broadcast
// CHECK: nn.reshape
// CHECK-NEXT: nn.reshape
// CHECK-NEXT: nn.dispatch(%arg0, %{{.*}})
// CHECK: nn.broadcast
// CHECK-NOT: nn.dispatch
// REMARK: remark: [Missed] nn.mul {{.*}}a reshape stands between
func.func @maps(%b: tensor<3xf32>, %x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.broadcast %b dims [1] : tensor<3xf32> -> tensor<2x3xf32>
  %1 = nn.add %x, %0 : tensor<2x3xf32>
  %2 = nn.reshape %1 : tensor<2x3xf32> -> tensor<6xf32>
  %3 = nn.reshape %2 : tensor<6xf32> -> tensor<2x3xf32>
  %4 = nn.mul %3, %0 : tensor<2x3xf32>
  return %4 : tensor<2x3xf32>
}
