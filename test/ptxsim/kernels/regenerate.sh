#!/bin/sh
# Makes the PTX of this folder again. The committed files come from nvcc 13.0.88 and clang 22.1.8.
cd "$(dirname "$0")" || exit 1
CUDA=${CUDA:-/usr/local/cuda}
for f in *.cu; do
  name=${f%.cu}
  "$CUDA/bin/nvcc" -arch=sm_80 -O3 -ptx "$f" -o "$name.nvcc.ptx" || exit 1
  clang-22 -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 --cuda-path="$CUDA" -O3 -S \
    -Wno-unknown-cuda-version "$f" -o "$name.clang.ptx" || exit 1
  # Comments name the machine that compiled; the simulator does not need them.
  sed -i '/^\/\//d;/^\t*\.\(file\|loc\)/d' "$name.nvcc.ptx" "$name.clang.ptx"
done
