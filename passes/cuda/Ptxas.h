// The assembler of the CUDA toolkit, where there is one: PTX to the machine code of one architecture.
// Packages carry PTX, which every driver compiles; this shows what comes of it.
#ifndef MOME_PASSES_CUDA_PTXAS_H
#define MOME_PASSES_CUDA_PTXAS_H

#include "mlir/Support/LLVM.h"

#include <optional>
#include <string>

namespace mome::cuda {

struct Cubin {
  std::string code; // an ELF file
  std::string
      record; // of every function: registers, spills, shared memory, as ptxas -v prints them
};

/// What a record says of all functions together.
struct PtxasTotals {
  int64_t functions = 0, registers = 0, spilledBytes = 0; // registers: the most of any
};
PtxasTotals summarize(llvm::StringRef record);

/// Runs ptxas: that in $CUDA_PATH/bin, else in PATH, else in /usr/local/cuda/bin. Without a result
/// `problem` says that there is none, or gives the command that failed and what it said.
std::optional<Cubin> assemblePtx(llvm::StringRef ptx, llvm::StringRef architecture,
                                 std::string &problem);

} // namespace mome::cuda
#endif
