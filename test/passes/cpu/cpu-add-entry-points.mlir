// RUN: mome-opt %s --cpu-add-entry-points | FileCheck %s

// CHECK:      llvm.func internal @k_0.body(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr)
// CHECK:      llvm.func @k_0(%[[ARGS:.*]]: !llvm.ptr, %[[LO:.*]]: i64, %[[HI:.*]]: i64, %[[SCRATCH:.*]]: !llvm.ptr)
// CHECK-SAME:     nn.chunks = 3 : i64
// CHECK-SAME:     nn.scratch = 64 : i64
// CHECK:        %[[X:.*]] = llvm.load
// CHECK:        %[[SLOT:.*]] = llvm.getelementptr %[[ARGS]][1]
// CHECK:        %[[Y:.*]] = llvm.load %[[SLOT]]
// CHECK:        llvm.call @k_0.body(%[[X]], %[[Y]], %[[LO]], %[[HI]], %[[SCRATCH]])
llvm.func @k_0(%x: !llvm.ptr, %y: !llvm.ptr, %lo: i64, %hi: i64, %scratch: !llvm.ptr) attributes {nn.chunks = 3 : i64, nn.scratch = 64 : i64} {
  llvm.return
}

// A function that is no kernel stays.
// CHECK: llvm.func @helper(%{{.*}}: i64)
llvm.func @helper(%n: i64) {
  llvm.return
}
