#!/bin/sh
# Makes ladder.ptx again, and what ptxas says of it for each machine with timings. The committed files come from nvcc 13.0.88.
cd "$(dirname "$0")" || exit 1
CUDA=${CUDA:-/usr/local/cuda}
"$CUDA/bin/nvcc" -arch=compute_80 -O3 -ptx ladder.cu -o ladder.ptx || exit 1
# Comments name the machine that compiled; the simulator does not need them.
sed -i '/^\/\//d;/^\t*\.\(file\|loc\)/d' ladder.ptx
