#!/usr/bin/env bash
# Measures the CPU kernels of bench/*.mlir and the training step of bench/blocks.mome against this machine's own FMA peak,
# taken in the same run: kernels on one core, the step on one and on two, in f32 and bf16.
# Usage: run.sh BIN_DIR (see ./dev bench)
set -euo pipefail
cd "$(dirname "$0")"
status=0
for file in *.mlir; do
  echo "== $file"
  demand=()
  [ "$file" = gemm.mlir ] && demand=(--min-peak=80)
  "../$1/mome-check-kernels" "$file" --bench "${demand[@]}" || status=1
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for precision in f32 bf16; do
  "../$1/momec" blocks.mome --precision="$precision" -o "$folder/blocks.mpk"
  for threads in 1 2; do
    echo "== blocks.mome, $precision"
    "../$1/mome" profile "$folder/blocks.mpk" --best --threads "$threads" --by phase --repeat 20
  done
done
[ $status = 0 ] || echo "bench: a product is below 80 % of the peak" >&2
exit $status
