// Mutants of generated code and of a program's calls of the driver: each one thing made wrong, and the
// checker that is there for it must say so. Inputs/mutants.py has the table, and prints it.
// DEFINE: %{driver} = env MOME_CUDA_DRIVER=%lib/libmome_fakecuda.so
// RUN: %{driver} mome-check-kernels --cuda %s --low=-1 --high=1 --mantissa-bits=10 --ptx=%t.ptx
// RUN: %{driver} MOME_FAKECUDA=model=h100 mome-check-kernels --cuda --cuda-architecture=sm_90a %s --only=k_wgmma --low=-1 --high=1 --ptx=%t.wgmma.ptx
// RUN: %python %S/Inputs/mutants.py %t.ptx %t.wgmma.ptx %root/test/ptxsim/kernels/tensor_gemm.nvcc.ptx %lib/libmome_fakecuda.so

nn.kernel @k_gemm {
^bb0(%x: tensor<64x96xf32>, %w: tensor<64x96xf32>):
  %0 = nn.matmul %x, %w transpose_b : (tensor<64x96xf32>, tensor<64x96xf32>) -> tensor<64x64xf32>
  nn.yield %0 : tensor<64x64xf32>
}

nn.kernel @k_add {
^bb0(%x: tensor<1000xf32>, %y: tensor<1000xf32>):
  %0 = nn.add %x, %y : tensor<1000xf32>
  nn.yield %0 : tensor<1000xf32>
}

nn.kernel @k_softmax {
^bb0(%x: tensor<7x33xf32>):
  %0 = nn.softmax %x : tensor<7x33xf32>
  nn.yield %0 : tensor<7x33xf32>
}

nn.kernel @k_wide_softmax {
^bb0(%x: tensor<2x1100xf32>):
  %0 = nn.softmax %x : tensor<2x1100xf32>
  nn.yield %0 : tensor<2x1100xf32>
}

nn.kernel @k_sum {
^bb0(%x: tensor<4x50000xf32>):
  %0 = nn.reduce_sum %x axes [1] : tensor<4x50000xf32> -> tensor<4xf32>
  nn.yield %0 : tensor<4xf32>
}

nn.kernel @k_tf32 {
^bb0(%x: tensor<32x512xf32>, %w: tensor<64x512xf32>):
  %0 = nn.matmul %x, %w transpose_b {nn.precision = "tf32"} : (tensor<32x512xf32>, tensor<64x512xf32>) -> tensor<32x64xf32>
  nn.yield %0 : tensor<32x64xf32>
}

// Eight steps of k, twice the ring.
nn.kernel @k_wgmma {
^bb0(%x: tensor<64x456xbf16>, %w: tensor<456x128xbf16>):
  %0 = nn.matmul %x, %w {mome.tile = array<i64: 64, 128>} : (tensor<64x456xbf16>, tensor<456x128xbf16>) -> tensor<64x128xf32>
  nn.yield %0 : tensor<64x128xf32>
}
