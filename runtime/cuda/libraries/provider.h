// Libraries that run some kernels instead of generated code. momec asks which calls a library does, and
// what workspace they need; a device binds each call once when it loads a package, and enqueues it where
// it would launch functions.
//
// A library is looked for at run time: what MOME_CUBLASLT or MOME_CUDNN names, else under its name as the
// system finds it, else in the CUDA toolkit's folder. Nothing of CUDA is linked or included.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "runtime/cuda/driver_abi.h"
#include "runtime/cuda/libraries/call.h"

namespace mome::cuda {

/// A call that is ready to be enqueued, on the device that was current when it was bound.
class BoundCall {
public:
  virtual ~BoundCall() = default;
  /// `arguments`: of the kernel. Throws Error (device).
  virtual void enqueue(std::span<const CUdeviceptr> arguments, CUdeviceptr workspace,
                       CUstream stream) = 0;
  /// What the library chose: "algorithm 21, 0 bytes of workspace".
  virtual std::string choice() const = 0;
};

/// One library; there is one object of each.
class Provider {
public:
  virtual ~Provider() = default;
  /// Bytes of workspace that the call may take on an architecture ("sm_80"), asked without a device.
  /// Nullopt, with a reason, when the library does not do it there. Throws nothing: the compiler asks.
  virtual std::optional<uint64_t> workspace(const LibraryCall &call,
                                            const std::string &architecture, std::string &why) = 0;
  /// For the current device, which `where` names. Throws Error (device).
  virtual std::unique_ptr<BoundCall> bind(const LibraryCall &call, uint64_t workspace,
                                          const std::string &where) = 0;
};

/// "cublaslt" or "cudnn"; null, with a reason, if the name is another or the library is not there.
/// Throws nothing.
Provider *find_provider(const std::string &name, std::string &why);
/// The same; throws Error (device) saying what to do.
Provider &provider(const std::string &name, const std::string &where);

/// Opened by find_provider: null, with a reason, when the library is not there.
Provider *open_cublaslt(std::string &why);
Provider *open_cudnn(std::string &why);

} // namespace mome::cuda
