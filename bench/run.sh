#!/usr/bin/env bash
# Measures the CPU kernels of bench/*.mlir against this machine's own FMA peak, taken in the same run.
# Usage: run.sh BIN_DIR (see ./dev bench)
set -euo pipefail
cd "$(dirname "$0")"
for file in *.mlir; do
  echo "== $file"
  "../$1/mome-check-kernels" "$file" --bench
done
