// The divergence over 1,204,224 classes, as holistic token learning takes it: statistics only, in scratch as in memory.
// RUN: mome-check-kernels %s --tolerance=2e-6 | FileCheck %s
// RUN: mome-opt %s -nn-emit-cpu-kernels | FileCheck %s --check-prefix=SCRATCH

// SCRATCH: func.func @wide{{.*}}nn.scratch = 0
// CHECK: wide row chunks=1 {{.*}} ok
nn.kernel @wide {
^bb0(%t: tensor<1x1204224xf32>, %s: tensor<1x1204224xf32>):
  %d, %a, %b = nn.kl %t, %s : (tensor<1x1204224xf32>, tensor<1x1204224xf32>) -> (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>)
  nn.yield %d, %a, %b : tensor<1xf32>, tensor<1xf32>, tensor<1xf32>
}
// SCRATCH: func.func @wide_backward{{.*}}nn.scratch = 0
// CHECK: wide_backward {{.*}} ok
nn.kernel @wide_backward {
^bb0(%t: tensor<1x1204224xf32>, %s: tensor<1x1204224xf32>, %a: tensor<1xf32>, %b: tensor<1xf32>, %d: tensor<1xf32>, %g: tensor<1x1204224xf32>):
  %ds = nn.kl_backward %t, %s, %a, %b, %d : (tensor<1x1204224xf32>, tensor<1x1204224xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1204224xf32>
  %sum = nn.add %g, %ds : tensor<1x1204224xf32>
  nn.yield %sum : tensor<1x1204224xf32>
}

// One value stands at 50 deviations, as channels do in the residual streams of CLIP: the teacher's softmax is its alone, the
// student's only half. (Inputs are uniform: a deviation is 1.15.)
// CHECK: peaky row chunks=2 {{.*}} ok
nn.kernel @peaky {
^bb0(%t: tensor<2x38400xf32>, %s: tensor<2x38400xf32>):
  %zero = nn.constant dense<0.0> : tensor<2x38400xf32>
  %peak = nn.constant dense<57.7> : tensor<2x38400xf32>
  %less = nn.constant dense<11.0> : tensor<2x38400xf32>
  %place = nn.constant dense<12345.0> : tensor<2x38400xf32>
  %i = nn.iota axis 1 : tensor<2x38400xf32>
  %here = nn.compare eq %i, %place : tensor<2x38400xf32> -> tensor<2x38400xi1>
  %high = nn.select %here, %peak, %zero : tensor<2x38400xf32>
  %low = nn.select %here, %less, %zero : tensor<2x38400xf32>
  %teacher = nn.add %t, %high : tensor<2x38400xf32>
  %student = nn.add %s, %low : tensor<2x38400xf32>
  %d, %a, %b = nn.kl %teacher, %student : (tensor<2x38400xf32>, tensor<2x38400xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  nn.yield %d, %a, %b : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}
// CHECK: peaky_backward row chunks=2 {{.*}} ok
nn.kernel @peaky_backward {
^bb0(%t: tensor<2x38400xf32>, %s: tensor<2x38400xf32>, %dy: tensor<2xf32>):
  %zero = nn.constant dense<0.0> : tensor<2x38400xf32>
  %peak = nn.constant dense<57.7> : tensor<2x38400xf32>
  %less = nn.constant dense<11.0> : tensor<2x38400xf32>
  %place = nn.constant dense<12345.0> : tensor<2x38400xf32>
  %i = nn.iota axis 1 : tensor<2x38400xf32>
  %here = nn.compare eq %i, %place : tensor<2x38400xf32> -> tensor<2x38400xi1>
  %high = nn.select %here, %peak, %zero : tensor<2x38400xf32>
  %low = nn.select %here, %less, %zero : tensor<2x38400xf32>
  %teacher = nn.add %t, %high : tensor<2x38400xf32>
  %student = nn.add %s, %low : tensor<2x38400xf32>
  %d, %a, %b = nn.kl %teacher, %student : (tensor<2x38400xf32>, tensor<2x38400xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  %ds = nn.kl_backward %teacher, %student, %a, %b, %dy : (tensor<2x38400xf32>, tensor<2x38400xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x38400xf32>
  nn.yield %d, %ds : tensor<2xf32>, tensor<2x38400xf32>
}
