// The assembler of the CUDA toolkit, where there is one: PTX to the machine code of one architecture.
// A package carries PTX, which every driver compiles; cubins beside it save the driver that work, in a
// fat binary from which it takes what fits its device.
#ifndef MOME_PASSES_CUDA_PTXAS_H
#define MOME_PASSES_CUDA_PTXAS_H

#include "mlir/Support/LLVM.h"

#include <optional>
#include <string>

namespace mome::cuda {

/// What ptxas says of one function: registers per thread, bytes of shared memory per block (without
/// what a launch asks for), bytes of stack and of spilled registers per thread.
struct FunctionRecord {
  std::string name;
  int64_t registers = 0, shared = 0, stack = 0, spilled = 0;
};

/// The machine code of one architecture.
struct Cubin {
  std::string architecture; // "sm_80"
  std::string code;         // an ELF file
  llvm::SmallVector<FunctionRecord> functions;
};

/// Runs ptxas: that in $CUDA_PATH/bin, else in PATH, else in /usr/local/cuda/bin. Without a result
/// `problem` says that there is none, or gives the command that failed and what it said.
///
/// ptxas may spill some registers so that one more block fits on a multiprocessor. Such functions are
/// assembled again with `.minnctapersm`: for as many blocks as before, then for fewer, until nothing spills.
std::optional<Cubin> assemblePtx(llvm::StringRef ptx, llvm::StringRef architecture,
                                 std::string &problem);

/// The functions of what `ptxas -v` printed.
llvm::SmallVector<FunctionRecord> parseRecord(llvm::StringRef record);

/// PTX and cubins in one uncompressed fat binary, made by the toolkit's fatbinary.
std::optional<std::string> bundle(llvm::StringRef ptx, llvm::StringRef architecture,
                                  llvm::ArrayRef<Cubin> cubins, std::string &problem);

} // namespace mome::cuda
#endif
