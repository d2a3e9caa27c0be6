// The code of all kernels for the devices of one architecture.
//
//   DeviceCode code("sm_80", libraries)
//   code.addCubin("sm_86")              machine code for these, beside the PTX
//   code.emit(nn.kernel @k_1f2e...)     rt.launches @k_1f2e... on @"cuda:sm_80" scratch 0 [...]
//   code.build(module)                  the PTX of all that were emitted, or a fat binary with it
//
// A library that was asked for (passes/cuda/Libraries.h) may do a kernel: its record then has a
// call of that instead of launches. Without a CUDA toolkit the image is PTX alone, with a remark.
#ifndef MOME_PASSES_DEVICECODE_H
#define MOME_PASSES_DEVICECODE_H

#include "dialects/NN/NN.h"

namespace mome {

/// What drivers load, and what is known of the machine code in it, if there is any.
struct DeviceImage {
  std::string bytes;
  mlir::ArrayAttr assembled;
};

class DeviceCode {
public:
  DeviceCode(llvm::StringRef architecture, llvm::ArrayRef<std::string> libraries)
      : architecture(architecture), libraries(libraries) {}

  llvm::StringRef getArchitecture() const { return architecture; }
  std::string getVariant() const { return ("cuda:" + architecture).str(); }
  void addCubin(llvm::StringRef name) { cubins.push_back(name.str()); }
  /// Takes in a kernel; the record of its launches goes before it. `group`: how many dispatches one
  /// launch has at most.
  llvm::LogicalResult emit(nn::KernelOp kernel, int64_t group);
  bool isEmpty() const { return !deviceModule; }
  /// The image with all kernels.
  llvm::FailureOr<DeviceImage> build(mlir::ModuleOp module);

private:
  bool leaveToLibrary(nn::KernelOp kernel);
  void assemble(DeviceImage &image, mlir::Location loc);

  llvm::StringRef architecture;
  llvm::SmallVector<std::string> cubins;
  llvm::ArrayRef<std::string> libraries;
  mlir::OwningOpRef<mlir::ModuleOp> deviceModule;
};

} // namespace mome
#endif
