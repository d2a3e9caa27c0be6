#!/usr/bin/env bash
# Measures the CPU kernels of bench/*.mlir against this machine's own FMA peak, taken in the same run, on one core.
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
[ $status = 0 ] || echo "bench: a product is below 80 % of the peak" >&2
exit $status
