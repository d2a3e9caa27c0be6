#!/bin/sh
# The runtime links neither LLVM nor MLIR, and libmome.so exports its C API only.
#   no_llvm_test.sh MOME LIBMOME
status=0
for file in "$@"; do
  needed=$(readelf -d "$file" | grep NEEDED) || { echo "$file: readelf found no libraries"; exit 1; }
  if echo "$needed" | grep -iE 'llvm|mlir|clang'; then
    echo "$file links the compiler"
    status=1
  fi
done
exported=$(readelf -W --dyn-syms "$2" | awk '$5 == "GLOBAL" && $7 != "UND" { print $8 }')
echo "$exported" | grep -q '^mome_session_run$' || { echo "$2 does not export mome_session_run"; status=1; }
if echo "$exported" | grep -v '^mome_'; then
  echo "$2 exports the names above, which are not of its C API"
  status=1
fi
exit $status
