// One case per numbered constraint.
// RUN: mome-opt %s -split-input-file -verify-diagnostics

mome.model @M {
  // expected-error @below {{C1: cannot stand in a model}}
  %0 = nn.constant dense<1.0> : tensor<f32>
}

// -----

// expected-error @below {{C2: has more than one eval graph}}
mome.model @M {
  mome.graph @a eval batch 1 {}
  mome.graph @b eval batch 1 {}
}

// -----

mome.model @M {
  // expected-error @below {{C1: needs a static float tensor, not 'tensor<?xf32>'}}
  mome.modality @x : tensor<?xf32> index 0
}

// -----

mome.model @M {
  // expected-error @below {{C1: needs at least one class}}
  mome.label @y classes 0
}

// -----

mome.model @M {
  // expected-error @below {{C1: a scalar is f32 or i64, not 'f64'}}
  mome.scalar @s hyper 1.0 : f64
}

// -----

mome.model @M {
  // expected-error @below {{C1: needs a static float tensor, not 'tensor<2xi32>'}}
  mome.param @w : tensor<2xi32> = <"zeros">
}

// -----

mome.model @M {
  // expected-error @below {{C1: needs a static float tensor, not 'tensor<2xi32>'}}
  mome.state @w : tensor<2xi32> = <"zeros">
}

// -----

mome.model @M {
  // expected-error @below {{unknown initialiser 'orthogonal'}}
  mome.param @w : tensor<2xf32> = <"orthogonal">
}

// -----

mome.model @M {
  // expected-error @below {{initialiser 'uniform' takes 2 numbers, not 1}}
  mome.param @w : tensor<2xf32> = <"uniform", [1.0]>
}

// -----

mome.model @M {
  // expected-error @below {{C1: the batch must be positive}}
  mome.graph @g train batch 0 {}
}

// -----

mome.model @M {
  mome.graph @g train batch 1 {
    %0 = nn.constant dense<1.0> : tensor<f32>
    mome.loss "a" %0 : tensor<f32>
    mome.output "a" %0 : tensor<f32>
    // expected-error @below {{C2: 'a' is declared twice}}
    mome.loss "a" %0 : tensor<f32>
  }
}

// -----

mome.model @M {
  mome.graph @g train batch 1 {
    // expected-error @below {{C1: @g is no declaration}}
    %0 = mome.read @g : tensor<f32>
  }
}

// -----

mome.model @M {
  mome.modality @x : tensor<4xf32> index 0
  mome.graph @g train batch 2 {
    // expected-error @below {{C2: @x reads as 'tensor<2x4xf32>', not 'tensor<4xf32>'}}
    %0 = mome.read @x : tensor<4xf32>
  }
}

// -----

mome.model @M {
  mome.modality @x : tensor<4xf32> index 0
  mome.graph @g train batch 2 {
    // expected-error @below {{C1: must be 'tensor<2x1xf32>', not 'tensor<2xf32>'}}
    %0 = mome.mask presence : tensor<2xf32>
  }
}

// -----

// expected-error @below {{C1: stands outside a graph}}
%0 = mome.mask valid : tensor<2xf32>

// -----

mome.model @M {
  mome.graph @g train batch 2 {
    // expected-error @below {{C1: results must match the yielded values}}
    %0 = mome.expert "a" -> tensor<f32> {
      mome.yield
    }
  }
}

// -----

mome.model @M {
  mome.graph @g train batch 2 {
    %0 = nn.constant dense<1.0> : tensor<f32>
    // expected-error @below {{C1: needs one name per sum}}
    mome.metric "m" [](%0 : tensor<f32>) {
    ^bb0(%s: tensor<f32>):
      mome.yield %s : tensor<f32>
    }
  }
}

// -----

mome.model @M {
  mome.graph @g train batch 2 {
    %0 = nn.constant dense<1.0> : tensor<2xf32>
    // expected-error @below {{C2: the region must take the sums and yield one scalar}}
    mome.metric "m" ["s"](%0 : tensor<2xf32>) {
    ^bb0(%s: tensor<2xf32>):
      mome.yield %s : tensor<2xf32>
    }
  }
}

// -----

mome.model @M {
  mome.param @w : tensor<2xf32> = <"zeros">
  mome.graph @g train batch 2 {
    %0 = nn.constant dense<1.0> : tensor<2xf32>
    // expected-error @below {{C1: @w is no state of type 'tensor<2xf32>'}}
    mome.update @w %0 : tensor<2xf32>
  }
}

// -----

mome.model @M {
  mome.graph @eval eval batch 2 {}
  // expected-error @below {{C1: @eval is no train graph}}
  mome.train @t graph @eval optimizer "sgd" {groups = [], group_of = {}, trainable = {}, host = "{}"}
}

// -----

mome.model @M {
  mome.graph @t train batch 2 {}
  // expected-error @below {{C2: "w" names no group}}
  mome.train @t.train graph @t optimizer "sgd" {groups = [{}], group_of = {w = 1 : i64}, trainable = {}, host = "{}"}
}

// -----

mome.model @M {
  mome.graph @t train batch 2 {}
  // expected-error @below {{C3: unknown optimizer "lion"}}
  mome.train @t.train graph @t optimizer "lion" {groups = [], group_of = {}, trainable = {}, host = "{}"}
}
