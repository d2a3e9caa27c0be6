// RUN: mome-opt %s -split-input-file -verify-diagnostics -mome-verify-model

// The smallest model.
mome.model @M {
  mome.graph @eval eval batch 1 {}
}

// -----

// expected-error @below {{M1: expected a module with one mome.model and nothing else}}
module {
  mome.model @M {}
  func.func private @f()
}

// -----

mome.model @M {
  mome.graph @g train batch 1 {
    %0 = nn.constant dense<1.0> : tensor<f32>
    // expected-error @below {{M2: cannot stand in a graph}}
    %1 = nn.gradient %0 wrt %0 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  }
}

// -----

mome.model @M {
  mome.graph @g train batch 1 {
    mome.expert "a" {
      // expected-error @below {{M3: parts do not nest}}
      mome.gate "b" {
        mome.yield
      }
      mome.yield
    }
  }
}

// -----

mome.model @M {
  mome.modality @x : tensor<1xf32> index 0
  // expected-error @below {{M4: is number 1 in order, but has index 2}}
  mome.modality @y : tensor<1xf32> index 2
}

// -----

mome.model @M {
  mome.graph @t train batch 1 {}
  // expected-error @below {{M5: no scalar is called "t.clip"}}
  mome.train @t.train graph @t optimizer "sgd" {groups = [], group_of = {}, trainable = {}, clip = "t.clip", host = "{}"}
}

// -----

mome.model @M {
  mome.graph @t train batch 1 {}
  // expected-error @below {{M5: no scalar is called "t.weight_decay"}}
  mome.train @t.train graph @t optimizer "sgd" {groups = [{weight_decay = "t.weight_decay"}], group_of = {}, trainable = {}, host = "{}"}
}

// -----

mome.model @M {
  mome.graph @t train batch 1 {}
  // expected-error @below {{M6: no parameter is called "w"}}
  mome.train @t.train graph @t optimizer "sgd" {groups = [{}], group_of = {w = 0 : i64}, trainable = {}, host = "{}"}
}

// -----

mome.model @M {
  mome.scalar @flag host 1.0 : f32
  mome.param @w : tensor<f32> = <"zeros">
  mome.graph @t train batch 1 {}
  // expected-error @below {{M6: "w" is in no group}}
  mome.train @t.train graph @t optimizer "sgd" {groups = [], group_of = {}, trainable = {w = "flag"}, host = "{}"}
}

// -----

mome.model @M {
  mome.state @s : tensor<f32> = <"zeros">
  mome.graph @eval eval batch 1 {
    %0 = mome.read @s : tensor<f32>
    // expected-error @below {{M7: an eval graph changes no state}}
    mome.update @s %0 : tensor<f32>
  }
}

// -----

mome.model @M {
  mome.state @s : tensor<f32> = <"zeros">
  mome.graph @t train batch 1 {
    %0 = mome.read @s : tensor<f32>
    mome.update @s %0 : tensor<f32>
    // expected-error @below {{M7: @s is updated twice}}
    mome.update @s %0 : tensor<f32>
  }
}
