// RUN: mome-interp %s --entry=f --arg 'dense<[1.0, 2.0]>' --arg 'dense<3.0>' | FileCheck %s --check-prefix=ARGS
// RUN: mome-interp %s --entry=f --random-seed=1 > %t.1
// RUN: mome-interp %s --entry=f --random-seed=1 > %t.2
// RUN: mome-interp %s --entry=f --random-seed=2 > %t.3
// RUN: diff %t.1 %t.2
// RUN: not diff %t.1 %t.3
// RUN: not mome-interp %s 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not mome-interp %s --entry=nothing 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mome-interp %s --entry=f --arg 'dense<[1.0]>' 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not mome-interp %s --entry=f --arg 'dense<1.0>' --arg 'dense<1.0>' --arg 'dense<1.0>' 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: not mome-interp %s.missing 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: sed s/nn.mul/nn.add/ %s > %t.add.mlir
// RUN: mome-interp %s --against=%s --random-seed=3
// RUN: not mome-interp %s --against=%t.add.mlir --random-seed=3 2>&1 | FileCheck %s --check-prefix=AGAINST

// ARGS: f (output "scaled") = dense<[3, 6]> : tensor<2xf32>
// ARGS-NEXT: f#1 = dense<3> : tensor<f32>
// MISSING: error: has no value for argument 0 ('x'): give --arg, --args, --set or --random-seed
// UNKNOWN: error: no function to run: @nothing is not defined here
// TYPE: error:
// MANY: error: takes 2 arguments, 3 values are given
// FILE: error: could not open input file
// AGAINST: error: f (output "scaled") differs at [0]:
func.func @f(%x: tensor<2xf32> {nn.bind = #nn.bind<input, "x">}, %s: tensor<f32> {nn.bind = #nn.bind<scalar, "s">})
    -> (tensor<2xf32> {nn.bind = #nn.bind<output, "scaled">}, tensor<f32>) {
  %0 = nn.broadcast %s dims [] : tensor<f32> -> tensor<2xf32>
  %1 = nn.mul %x, %0 : tensor<2xf32>
  return %1, %s : tensor<2xf32>, tensor<f32>
}

// By name: the results of one run are the arguments of the next.
// RUN: mome-interp %s --entry=g --set x=2 --set s=3 --out=%t.out
// RUN: mome-interp %s --entry=g --args=%t.out --set s=-1 | FileCheck %s --check-prefix=NAMED
// RUN: not mome-interp %s --entry=g --args=%t.out 2>&1 | FileCheck %s --check-prefix=UNNAMED
// RUN: not mome-interp %s --entry=g --args=%s 2>&1 | FileCheck %s --check-prefix=NOTENSORS
// RUN: not mome-interp %s --entry=h --args=%t.out 2>&1 | FileCheck %s --check-prefix=SHAPE
// RUN: not mome-interp %s --entry=g --set s 2>&1 | FileCheck %s --check-prefix=SETTING
// NAMED: g (output "x") = dense<[-6, -6]> : tensor<2xf32>
// NAMED-NEXT: g#1 (loss "l") = dense<-1> : tensor<f32>
// UNNAMED: error: has no value for argument 1 ('s'): give --arg, --args, --set or --random-seed
// NOTENSORS: mome-interp: error: {{.*}}options.mlir
// SHAPE: error: argument 'x' is 'tensor<3xf32>', but its value has another shape
// SETTING: mome-interp: error: --set wants NAME=NUMBER, not 's'
func.func private @g(%x: tensor<2xf32> {nn.bind = #nn.bind<param, "x">}, %s: tensor<f32> {nn.bind = #nn.bind<scalar, "s">},
                     %p: tensor<2x1xf32> {nn.bind = #nn.bind<presence, "presence">})
    -> (tensor<2xf32> {nn.bind = #nn.bind<output, "x">}, tensor<f32> {nn.bind = #nn.bind<loss, "l">}) {
  %0 = nn.broadcast %s dims [] : tensor<f32> -> tensor<2xf32>
  %1 = nn.mul %x, %0 : tensor<2xf32>
  %2 = nn.reshape %p : tensor<2x1xf32> -> tensor<2xf32>
  %3 = nn.mul %1, %2 : tensor<2xf32>
  return %3, %s : tensor<2xf32>, tensor<f32>
}
func.func private @h(%x: tensor<3xf32> {nn.bind = #nn.bind<param, "x">}) {
  return
}
