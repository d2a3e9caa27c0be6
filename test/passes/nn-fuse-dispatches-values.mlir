// Fusing, outlining and scheduling change no number: the golden model's gradients, in the interpreter.
// DEFINE: %{golden} = %models/golden/vit_mome
// DEFINE: %{run} = mome-interp --entry=fit.grad --args=%{golden}.params.safetensors --args=%{golden}.inputs.safetensors \
// DEFINE:   --set alpha=0.01 --set beta=1
// RUN: momec %{golden}.mome --emit=simplify -o %t.simplify.mlir
// RUN: momec %t.simplify.mlir --compile-from=simplify --emit=fuse -o %t.fuse.mlir
// RUN: momec %t.fuse.mlir --compile-from=fuse --emit=schedule -o %t.schedule.mlir
// RUN: %{run} %t.simplify.mlir --out=%t.simplify
// RUN: %{run} %t.fuse.mlir --out=%t.fuse
// RUN: %{run} %t.schedule.mlir --out=%t.schedule
// RUN: %python %root/test/models/compare.py values %t.simplify %t.fuse
// RUN: %python %root/test/models/compare.py values %t.fuse %t.schedule
