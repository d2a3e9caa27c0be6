// See DeviceCode.h.
#include "passes/DeviceCode.h"

#include "dialects/RT/RT.h"
#include "passes/LowerToLLVM.h"
#include "passes/cuda/BuildPtx.h"
#include "passes/cuda/KernelEmitter.h"
#include "passes/cuda/Libraries.h"
#include "passes/cuda/Ptxas.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mome;

/// Records a library's call, if one of those asked for does the kernel.
bool DeviceCode::leaveToLibrary(nn::KernelOp kernel) {
  SmallVector<std::string> architectures(cubins);
  if (architectures.empty()) {
    architectures.push_back(architecture.str());
  }
  std::string reason;
  std::optional<cuda::PlannedCall> call =
      cuda::planLibraryCall(kernel, libraries, architectures, reason);
  if (!reason.empty()) {
    remark::missed(kernel.getLoc(),
                   remark::RemarkOpts::name("library").category("nn-generate-code"))
        << remark::reason("@{0} is generated: {1}", kernel.getSymName(), reason);
  }
  if (call) {
    OpBuilder record(kernel);
    rt::LaunchesOp::create(record, kernel.getLoc(), kernel.getSymName(), getVariant(),
                           call->workspace, /*group=*/1, record.getArrayAttr({}),
                           record.getStringAttr(call->json));
  }
  return call.has_value();
}

LogicalResult DeviceCode::emit(nn::KernelOp kernel, int64_t group) {
  if (!deviceModule) {
    deviceModule = ModuleOp::create(kernel->getParentOp()->getLoc());
  }
  if (leaveToLibrary(kernel)) {
    return success();
  }
  OpBuilder device = OpBuilder::atBlockEnd(deviceModule->getBody());
  FailureOr<cuda::DeviceKernel> emitted = cuda::emitKernel(kernel, architecture, group, device);
  if (failed(emitted)) {
    return failure();
  }
  if (!emitted->reason.empty()) {
    remark::missed(kernel.getLoc(),
                   remark::RemarkOpts::name("generic").category("nn-generate-code"))
        << remark::reason("@{0} on {1}: {2}", kernel.getSymName(), getVariant(), emitted->reason);
  }
  OpBuilder record(kernel);
  SmallVector<Attribute> launches;
  for (cuda::Launch &launch : emitted->launches) {
    launches.push_back(rt::LaunchAttr::get(record.getContext(), launch.function.getSymName(),
                                           launch.blocks, launch.threads, launch.shared));
  }
  rt::LaunchesOp::create(record, kernel.getLoc(), kernel.getSymName(), getVariant(),
                         emitted->scratch, group, record.getArrayAttr(launches),
                         /*library=*/StringAttr());
  return success();
}

FailureOr<DeviceImage> DeviceCode::build(ModuleOp module) {
  PassManager manager(module.getContext()); // the code is a module of its own
  buildLowerToLLVMPipeline(manager, /*forDevice=*/true);
  if (failed(manager.run(*deviceModule))) {
    return failure();
  }
  FailureOr<std::string> ptx = cuda::buildPtx(*deviceModule, architecture);
  if (failed(ptx)) {
    return failure();
  }
  DeviceImage image{std::move(*ptx), {}};
  if (!cubins.empty()) {
    assemble(image, module.getLoc());
  }
  return image;
}

/// Makes the PTX a fat binary with machine code; where that cannot be done it stays PTX, which every
/// driver takes.
void DeviceCode::assemble(DeviceImage &image, Location loc) {
  Builder b(loc.getContext());
  SmallVector<cuda::Cubin> assembled;
  SmallVector<Attribute> records;
  std::string problem;
  for (const std::string &name : cubins) {
    std::optional<cuda::Cubin> cubin = cuda::assemblePtx(image.bytes, name, problem);
    if (!cubin) {
      break;
    }
    for (const cuda::FunctionRecord &f : cubin->functions) {
      records.push_back(rt::AssembledAttr::get(b.getContext(), f.name, name, f.registers, f.shared,
                                               f.stack, f.spilled));
    }
    assembled.push_back(std::move(*cubin));
  }
  std::optional<std::string> bundle;
  if (problem.empty()) {
    bundle = cuda::bundle(image.bytes, architecture, assembled, problem);
  }
  if (!bundle) {
    remark::missed(loc, remark::RemarkOpts::name("ptx-only").category("nn-generate-code"))
        << remark::reason("@{0} has no machine code, the driver will compile its PTX: {1}",
                          getVariant(), problem);
    return;
  }
  image = {std::move(*bundle), b.getArrayAttr(records)};
}
