// nn-generate-code: kernels become machine code.
//
//   nn.kernel @k_1f2e... { ... }  ->  rt.kernel @k_1f2e... : (f32) -> f32
//                                     rt.split @k_1f2e... on @"x86-64-v3" chunks 16 scratch 4096
//                                     rt.code @"x86-64-v3" image dense_resource<...>
//   and with cuda=sm_80:              rt.launches @k_1f2e... on @"cuda:sm_80" scratch 0 [...]
//                                     rt.code @"cuda:sm_80" image dense_resource<...>
//
// `target-cpu` and `cuda` may name several processors (CpuCode.h) or architectures (DeviceCode.h): each
// gets a code of its own. With cubins=sm_80,sm_90 the devices' images have machine code for these, each
// in the latest variant that it may: that for sm_90a, which runs on no other device, in the variant for
// that. `libraries` may take kernels. `codegen=reference` sends all kernels to the reference lowering.
// Invariant out: no `nn` op is left.
#include "passes/CpuCode.h"
#include "passes/DeviceCode.h"
#include "passes/Passes.h"

#include "dialects/RT/RT.h"
#include "passes/cuda/BuildPtx.h"
#include "passes/cuda/Libraries.h"
#include "passes/cuda/Ptxas.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_GENERATECODEPASS
#include "passes/Passes.h.inc"

namespace {
class CodeGenerator {
public:
  CodeGenerator(ModuleOp module, std::vector<CpuCode> processors, std::vector<DeviceCode> devices)
      : module(module), processors(std::move(processors)), devices(std::move(devices)) {}

  /// Replaces each nn.kernel by its records, and adds the code of all of them.
  LogicalResult run();

private:
  LogicalResult emitKernels();
  void addCode(StringRef variant, StringRef image, ArrayAttr assembled);

  ModuleOp module;
  std::vector<CpuCode> processors;
  std::vector<DeviceCode> devices;
};
} // namespace

/// The element types of a kernel's operands and results.
static FunctionType getElementTypes(nn::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  auto elements = [](TypeRange types) {
    return llvm::map_to_vector(types, [](Type type) { return getElementTypeOrSelf(type); });
  };
  return FunctionType::get(kernel.getContext(), elements(body.getArgumentTypes()),
                           elements(body.getTerminator()->getOperandTypes()));
}

/// How many dispatches one launch has at most, by kernel.
static llvm::StringMap<int64_t> findGroups(ModuleOp module) {
  llvm::StringMap<int64_t> groups;
  module.walk([&](rt::DispatchOp dispatch) {
    int64_t &group = groups[dispatch.getKernel()];
    group = std::max<int64_t>(group, dispatch.getGroup());
  });
  return groups;
}

LogicalResult CodeGenerator::emitKernels() {
  llvm::StringMap<int64_t> groups = findGroups(module);
  for (auto kernel : llvm::make_early_inc_range(module.getOps<nn::KernelOp>())) {
    OpBuilder record(kernel);
    rt::KernelOp::create(record, kernel.getLoc(), kernel.getSymNameAttr(),
                         TypeAttr::get(getElementTypes(kernel)));
    for (CpuCode &processor : processors) {
      if (failed(processor.emit(kernel))) {
        return failure();
      }
    }
    for (DeviceCode &device : devices) {
      if (failed(device.emit(kernel, std::max<int64_t>(groups.lookup(kernel.getSymName()), 1)))) {
        return failure();
      }
    }
    kernel.erase();
  }
  return success();
}

void CodeGenerator::addCode(StringRef variant, StringRef image, ArrayAttr assembled) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto type = RankedTensorType::get({int64_t(image.size())}, builder.getI8Type());
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(
      ArrayRef<char>(image.data(), image.size()), /*align=*/64, /*dataIsMutable=*/false);
  rt::CodeOp::create(builder, module.getLoc(), builder.getStringAttr(variant),
                     DenseResourceElementsAttr::get(type, "code", std::move(blob)), assembled);
}

LogicalResult CodeGenerator::run() {
  if (failed(emitKernels())) {
    return failure();
  }
  for (CpuCode &processor : processors) {
    FailureOr<std::string> image = processor.build(module);
    if (failed(image)) {
      return failure();
    }
    addCode(processor.getVariant(), *image, /*assembled=*/{});
  }
  for (DeviceCode &device : devices) {
    if (device.isEmpty()) {
      continue;
    }
    FailureOr<DeviceImage> image = device.build(module);
    if (failed(image)) {
      return failure();
    }
    addCode(device.getVariant(), image->bytes, image->assembled);
  }
  return success();
}

/// The latest of the architectures whose PTX can become machine code for `cubin`; null if there is none.
static DeviceCode *findOwner(MutableArrayRef<DeviceCode> devices, StringRef cubin) {
  DeviceCode *owner = nullptr;
  for (DeviceCode &device : devices) {
    StringRef architecture = device.getArchitecture();
    bool isLater =
        !owner || cuda::numberOf(architecture) > cuda::numberOf(owner->getArchitecture());
    if (cuda::runsOn(architecture, cubin) && isLater) {
      owner = &device;
    }
  }
  return owner;
}

namespace {
struct GenerateCode : impl::GenerateCodePassBase<GenerateCode> {
  using impl::GenerateCodePassBase<GenerateCode>::GenerateCodePassBase;

  void runOnOperation() override {
    SmallVector<std::string> libraries(this->libraries.begin(), this->libraries.end());
    FailureOr<std::vector<CpuCode>> processors = makeProcessors();
    if (failed(processors)) {
      return signalPassFailure();
    }
    FailureOr<std::vector<DeviceCode>> devices = makeDevices(libraries);
    if (failed(devices)) {
      return signalPassFailure();
    }
    if (failed(CodeGenerator(getOperation(), std::move(*processors), std::move(*devices)).run())) {
      signalPassFailure();
    }
  }

private:
  FailureOr<std::vector<CpuCode>> makeProcessors();
  /// They refer to `libraries`.
  FailureOr<std::vector<DeviceCode>> makeDevices(ArrayRef<std::string> libraries);
};
} // namespace

static SmallVector<StringRef> splitNames(StringRef names) {
  SmallVector<StringRef> parts;
  names.split(parts, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  return parts;
}

FailureOr<std::vector<CpuCode>> GenerateCode::makeProcessors() {
  std::vector<CpuCode> processors;
  for (StringRef name : splitNames(targetCpu)) {
    const cpu::Target *target = cpu::findTarget(name);
    if (!target || (codegen != "cpu" && codegen != "reference")) {
      return getOperation().emitError("unknown target-cpu '")
             << name << "' or codegen '" << codegen << "'; known: " << cpu::targetNames()
             << "; cpu, reference";
    }
    processors.emplace_back(*target, codegen == "reference", cache);
  }
  return processors;
}

FailureOr<std::vector<DeviceCode>> GenerateCode::makeDevices(ArrayRef<std::string> libraries) {
  std::vector<DeviceCode> devices;
  for (StringRef name : splitNames(cuda)) {
    if (!cuda::isArchitecture(name)) {
      return getOperation().emitError("unknown CUDA architecture '") << name << "'";
    }
    devices.emplace_back(name, libraries);
  }
  for (StringRef cubin : cubins) {
    if (DeviceCode *owner = findOwner(devices, cubin)) {
      owner->addCubin(cubin);
    }
  }
  if (std::string problem = cuda::findLibraries(libraries); !problem.empty()) {
    return getOperation().emitError("a library that was asked for cannot be: ") << problem;
  }
  return devices;
}
} // namespace mome
