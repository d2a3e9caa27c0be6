// RUN: mome-opt %s -split-input-file -verify-diagnostics -mome-lint-losses -o /dev/null

// Nothing to say: a bounded weight, a teacher that is held still, parameters and losses that meet.
mome.model @Good {
  mome.param @teacher : tensor<2x3xf32> = <"ones">
  mome.param @student : tensor<2x3xf32> = <"ones">
  mome.param @w : tensor<2xf32> = <"zeros">
  mome.param @frozen : tensor<2xf32> = <"zeros">
  mome.graph @fit train batch 2 {
    %t = mome.read @teacher : tensor<2x3xf32>
    %s = mome.expert "a" -> tensor<2x3xf32> {
      %0 = mome.read @student : tensor<2x3xf32>
      mome.yield %0 : tensor<2x3xf32>
    }
    %w = mome.read @w : tensor<2xf32>
    %bounded = nn.softmax %w : tensor<2xf32>
    %held = nn.stop_gradient %t : tensor<2x3xf32>
    %kl, %0, %1 = nn.kl %held, %s : (tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
    %2 = nn.mul %bounded, %kl : tensor<2xf32>
    %3 = nn.reduce_sum %2 axes [0] : tensor<2xf32> -> tensor<f32>
    mome.loss "intra" %3 : tensor<f32>
    %4 = nn.square %t : tensor<2x3xf32>
    %5 = nn.reduce_sum %4 axes [0, 1] : tensor<2x3xf32> -> tensor<f32>
    mome.loss "decay" %5 : tensor<f32>
  }
  mome.train @fit.train graph @fit optimizer "sgd" {
    groups = [{}], group_of = {student = 0 : i64, teacher = 0 : i64, w = 0 : i64}, trainable = {}, host = "{}"}
}

// -----

// A free weight inside a loss, behind a mean.
mome.model @FreeWeight {
  mome.param @x : tensor<2x3xf32> = <"ones">
  mome.param @w : tensor<2xf32> = <"ones">
  mome.graph @fit train batch 2 {
    %x = mome.read @x : tensor<2x3xf32>
    %w = mome.read @w : tensor<2xf32>
    %loss = mome.term "intra" -> tensor<f32> {
      %0 = nn.slice %w offsets [1] sizes [1] strides [1] : tensor<2xf32> -> tensor<1xf32>
      %1 = nn.reshape %0 : tensor<1xf32> -> tensor<f32>
      %2 = nn.square %x : tensor<2x3xf32>
      %3 = nn.reduce_sum %2 axes [0, 1] : tensor<2x3xf32> -> tensor<f32>
      // expected-warning @below {{a learnable weight without bound multiplies a loss that is never negative: training only lowers it [W0601]}}
      %4 = nn.mul %1, %3 : tensor<f32>
      %half = nn.constant dense<0.5> : tensor<f32>
      %5 = nn.mul %4, %half : tensor<f32>
      mome.yield %5 : tensor<f32>
    }
    mome.loss "intra" %loss : tensor<f32>
  }
  mome.train @fit.train graph @fit optimizer "sgd" {
    groups = [{}], group_of = {w = 0 : i64, x = 0 : i64}, trainable = {}, host = "{}"}
}

// -----

// A free weight of a whole loss. A factor inside the network is no such weight: @gamma.
mome.model @FreeLossWeight {
  mome.param @x : tensor<3xf32> = <"ones">
  mome.param @gamma : tensor<3xf32> = <"ones">
  mome.param @w : tensor<f32> = <"ones">
  mome.graph @fit train batch 2 {
    %x = mome.read @x : tensor<3xf32>
    %w = mome.read @w : tensor<f32>
    %gamma = mome.read @gamma : tensor<3xf32>
    %0 = nn.relu %x : tensor<3xf32>
    %1 = nn.mul %0, %gamma : tensor<3xf32>
    %2 = nn.square %1 : tensor<3xf32>
    %3 = nn.reduce_sum %2 axes [0] : tensor<3xf32> -> tensor<f32>
    // expected-warning @below {{the learnable weight of loss 'l' has no bound, and the loss is never negative: training only lowers it [W0601]}}
    mome.loss "l" %3 weight %w : tensor<f32> : tensor<f32>
  }
  mome.train @fit.train graph @fit optimizer "sgd" {
    groups = [{}], group_of = {gamma = 0 : i64, w = 0 : i64, x = 0 : i64}, trainable = {}, host = "{}"}
}

// -----

// A teacher that learns.
mome.model @Teacher {
  mome.param @t : tensor<2x3xf32> = <"ones">
  mome.param @s : tensor<2x3xf32> = <"ones">
  mome.graph @fit train batch 2 {
    %t = mome.read @t : tensor<2x3xf32>
    %s = mome.read @s : tensor<2x3xf32>
    // expected-warning @below {{the teacher is trained towards the student too: it has no stop_gradient [W0602]}}
    %a, %0, %1 = nn.kl %t, %s : (tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
    %l = nn.reduce_sum %a axes [0] : tensor<2xf32> -> tensor<f32>
    mome.loss "mutual" %l : tensor<f32>
  }
  mome.train @fit.train graph @fit optimizer "sgd" {
    groups = [{}], group_of = {s = 0 : i64, t = 0 : i64}, trainable = {}, host = "{}"}
}

// -----

// A loss behind stop_gradient, and the parameter in front of it.
mome.model @Cut {
  // expected-warning @below {{no loss trains parameter 'w' [W0604]}}
  mome.param @w : tensor<f32> = <"ones">
  mome.graph @fit train batch 2 {
    %w = mome.read @w : tensor<f32>
    %0 = nn.stop_gradient %w : tensor<f32>
    %1 = nn.square %0 : tensor<f32>
    // expected-warning @below {{loss 'cut' trains nothing: no trained parameter reaches it [W0603]}}
    mome.loss "cut" %1 : tensor<f32>
  }
  mome.train @fit.train graph @fit optimizer "sgd" {
    groups = [{}], group_of = {w = 0 : i64}, trainable = {}, host = "{}"}
}

// -----

// Parameters that no section trains are not the lint's business.
mome.model @Frozen {
  mome.param @w : tensor<f32> = <"ones">
  mome.graph @eval eval batch 2 {
    %w = mome.read @w : tensor<f32>
    mome.output "w" %w : tensor<f32>
  }
}
