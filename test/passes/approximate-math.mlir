// RUN: mome-opt %s --split-input-file --approximate-math --verify-diagnostics | FileCheck %s

// Polynomials on vectors, with multiply-adds; no math op is left but those with an instruction.
// CHECK-LABEL: func.func @exponential
// CHECK-NOT:     math.exp
// CHECK:         math.fma
// CHECK-NOT:     math.exp
// CHECK:         return
func.func @exponential(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// -----

// Large powers are infinite.
// CHECK-LABEL: func.func @power_of_two
// CHECK:         arith.cmpf ogt
// CHECK:         arith.cmpf olt
// CHECK-NOT:     math.exp2
// CHECK-COUNT-5: math.fma
// CHECK-NOT:     math.fma
// CHECK:         return
func.func @power_of_two(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp2 %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// -----

// CHECK-LABEL: func.func @finite_power_of_two
// CHECK-NOT:     arith.cmpf ogt
// CHECK:         arith.cmpf olt
// CHECK-NOT:     math.exp2
// CHECK:         return
func.func @finite_power_of_two(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp2 %x fastmath<ninf> : vector<8xf32>
  return %0 : vector<8xf32>
}

// -----

// One quotient of polynomials.
// CHECK-LABEL: func.func @error_function
// CHECK-NOT:     math.erf
// CHECK-COUNT-10: math.fma
// CHECK-NOT:     math.fma
// CHECK:         arith.divf
// CHECK-NOT:     arith.divf
// CHECK:         return
func.func @error_function(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.erf %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// -----

// CHECK-LABEL: func.func @contraction
// CHECK:         arith.mulf {{.*}} fastmath<contract>
// CHECK:         arith.addf {{.*}} fastmath<contract>
// CHECK:         arith.divf %{{.*}}, %{{.*}} : f32
func.func @contraction(%x: f32) -> f32 {
  %0 = arith.mulf %x, %x : f32
  %1 = arith.addf %0, %x : f32
  %2 = arith.divf %1, %x : f32
  return %2 : f32
}

// -----

// What is stored is what others read.
// CHECK-LABEL: func.func @stored
// CHECK:         arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK:         arith.addf {{.*}} fastmath<contract>
func.func @stored(%x: f32, %to: memref<f32>) -> f32 {
  %0 = arith.mulf %x, %x : f32
  memref.store %0, %to[] : memref<f32>
  %1 = arith.addf %0, %x : f32
  return %1 : f32
}

// -----

// Square roots have an instruction.
// CHECK-LABEL: func.func @root
// CHECK:         math.sqrt
func.func @root(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.sqrt %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// -----

func.func @double(%x: f64) -> f64 {
  // expected-error @+1 {{'math.exp' on 'f64' would call libm, which generated code cannot}}
  %0 = math.exp %x : f64
  return %0 : f64
}
