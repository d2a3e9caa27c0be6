// nn-generate-code: kernels become machine code.
//
//   nn.kernel @k_1f2e... { ... }  ->  rt.kernel @k_1f2e... : (f32) -> f32
//                                     rt.split @k_1f2e... on @"x86-64-v3" chunks 16 scratch 4096
//                                     rt.code @"x86-64-v3" image dense_resource<...>
//   and with cuda=sm_80:              rt.launches @k_1f2e... on @"cuda:sm_80" scratch 0 [...]
//                                     rt.code @"cuda:sm_80" image dense_resource<...>
//
// `target-cpu` and `cuda` may name several processors or architectures: each gets a code of its own.
// With cubins=sm_80,sm_90 the devices' images are fat binaries of their PTX and of machine code for these,
// where a CUDA toolkit is found; without one PTX alone, with a remark. (Machine code goes to the latest variant that
// it may: that for sm_90a, which runs on no other device, to the variant for that.) `libraries` may take kernels
// (passes/cuda/Libraries.h): rt.launches then has a call of one instead of launches.
//
// Each kernel goes to the first fast family that takes it (passes/cpu/KernelEmitter.h), else, with
// a remark, to the reference lowering; `codegen=reference` sends all of them there. With a cache
// (passes/cpu/ObjectCache.h) a kernel whose object is known is neither emitted nor compiled; the
// image is the same. Invariant out: no `nn` op is left.
#include "passes/Passes.h"

#include "passes/Kernels.h"
#include "passes/LowerToLLVM.h"
#include "passes/cpu/BuildImage.h"
#include "passes/cpu/KernelEmitter.h"
#include "passes/cpu/ObjectCache.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/ReferenceKernels.h"
#include "passes/cuda/BuildPtx.h"
#include "passes/cuda/KernelEmitter.h"
#include "passes/cuda/Libraries.h"
#include "passes/cuda/Ptxas.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_GENERATECODEPASS
#include "passes/Passes.h.inc"

namespace {
/// A kernel on its way to an object.
struct Kernel {
  std::string text; // what the cache knows it by
  cpu::KernelObject object;
  OwningOpRef<ModuleOp> unit; // its code; null if the cache has it
};

/// The code for one processor.
class CpuCode {
public:
  CpuCode(const cpu::Target &target, bool onlyReference, StringRef cache)
      : target(target), onlyReference(onlyReference),
        cache(cache, (target.name + (onlyReference ? " reference" : " cpu")).str()) {}

  StringRef getName() const { return target.name; }
  /// Takes in a kernel; its record goes before it.
  LogicalResult emit(nn::KernelOp kernel);
  /// The image with all kernels.
  FailureOr<std::string> build(ModuleOp module);

private:
  LogicalResult emitKernel(nn::KernelOp kernel, Kernel &emitted);
  FailureOr<func::FuncOp> emitFunction(nn::KernelOp kernel, Kernel &emitted);
  LogicalResult compile(MLIRContext &context);

  const cpu::Target &target;
  bool onlyReference;
  cpu::ObjectCache cache;
  std::vector<Kernel> kernels;
};

/// The code for the devices of one architecture, assembled for some.
class DeviceCode {
public:
  DeviceCode(StringRef architecture, ArrayRef<std::string> libraries)
      : architecture(architecture), libraries(libraries) {}

  StringRef getArchitecture() const { return architecture; }
  void addCubin(StringRef name) { cubins.push_back(name.str()); }

  std::string getVariant() const { return ("cuda:" + architecture).str(); }
  /// Adds the kernel to the device module, and the record of its launches before it. `group`: how many dispatches one
  /// launch has at most.
  LogicalResult emit(nn::KernelOp kernel, int64_t group);
  /// Adds the code of all kernels to the module.
  LogicalResult addTo(ModuleOp module);

private:
  bool leaveToLibrary(nn::KernelOp kernel);
  void assemble(rt::CodeOp code, StringRef ptx);

  StringRef architecture;
  SmallVector<std::string> cubins;
  ArrayRef<std::string> libraries;
  OwningOpRef<ModuleOp> deviceModule;
};

class CodeGenerator {
public:
  CodeGenerator(ModuleOp module, std::vector<CpuCode> processors, std::vector<DeviceCode> devices)
      : module(module), processors(std::move(processors)), devices(std::move(devices)) {}

  /// Replaces each nn.kernel by its records, and adds the code of all of them.
  LogicalResult run();

private:
  LogicalResult emitKernels();

  ModuleOp module;
  std::vector<CpuCode> processors;
  std::vector<DeviceCode> devices;
};
} // namespace

//===-- Processors ----------------------------------------------------------------------------===//

/// Emits the kernel's function into a unit of its own, with the first generator that takes it.
FailureOr<func::FuncOp> CpuCode::emitFunction(nn::KernelOp kernel, Kernel &emitted) {
  emitted.unit = ModuleOp::create(kernel.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(emitted.unit->getBody());
  if (!onlyReference) {
    cpu::EmitResult result = cpu::emitKernel(kernel, target, builder);
    if (result) {
      return result.function;
    }
    emitted.object.refusal = result.reason.empty() ? "no family takes it" : result.reason;
  }
  return cpu::emitReferenceKernel(kernel, builder);
}

LogicalResult CpuCode::emitKernel(nn::KernelOp kernel, Kernel &emitted) {
  emitted.text = cache.isOn() ? contentText(kernel.getBody()) : "";
  if (std::optional<cpu::KernelObject> known = cache.find(emitted.text)) {
    emitted.object = std::move(*known);
  } else {
    FailureOr<func::FuncOp> function = emitFunction(kernel, emitted);
    if (failed(function)) {
      return failure();
    }
    auto number = [&](StringRef name) { return cpu::getRecordNumber(*function, name); };
    emitted.object.chunks = number(cpu::chunksAttrName);
    emitted.object.scratch = number(cpu::scratchAttrName);
    emitted.object.packs = number(cpu::packsAttrName);
    emitted.object.shared = number(cpu::sharedAttrName);
  }
  if (!emitted.object.refusal.empty()) {
    remark::missed(kernel.getLoc(),
                   remark::RemarkOpts::name("reference").category("nn-generate-code"))
        << remark::reason("@{0}: {1}", kernel.getSymName(), emitted.object.refusal);
  }
  return success();
}

LogicalResult CpuCode::emit(nn::KernelOp kernel) {
  Kernel &emitted = kernels.emplace_back();
  if (failed(emitKernel(kernel, emitted))) {
    return failure();
  }
  OpBuilder record(kernel);
  const cpu::KernelObject &object = emitted.object;
  rt::SplitOp::create(record, kernel.getLoc(), kernel.getSymName(), target.name, object.chunks,
                      object.scratch, object.packs, object.shared);
  return success();
}

/// Compiles what the cache does not have.
LogicalResult CpuCode::compile(MLIRContext &context) {
  std::vector<Kernel *> fresh;
  std::vector<cpu::CodeUnit> units;
  for (Kernel &kernel : kernels) {
    if (!kernel.unit) {
      continue;
    }
    PassManager manager(&context); // the code is a module of its own
    cpu::buildLowerKernelsPipeline(manager);
    if (failed(manager.run(*kernel.unit))) {
      return failure();
    }
    bool naive = onlyReference || !kernel.object.refusal.empty();
    fresh.push_back(&kernel);
    units.push_back({*kernel.unit, naive});
  }
  FailureOr<std::vector<std::string>> objects = cpu::compileUnits(units, target);
  if (failed(objects)) {
    return failure();
  }
  for (auto [kernel, bytes] : llvm::zip_equal(fresh, *objects)) {
    kernel->object.bytes = std::move(bytes);
    cache.store(kernel->text, kernel->object);
  }
  return success();
}

FailureOr<std::string> CpuCode::build(ModuleOp module) {
  if (failed(compile(*module.getContext()))) {
    return failure();
  }
  SmallVector<StringRef> objects = llvm::map_to_vector(
      kernels, [](const Kernel &kernel) -> StringRef { return kernel.object.bytes; });
  return cpu::linkImage(objects, target, module.getLoc());
}

//===-- Devices -------------------------------------------------------------------------------===//

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

static DenseResourceElementsAttr imageAttr(Builder builder, StringRef image) {
  auto type = RankedTensorType::get({int64_t(image.size())}, builder.getI8Type());
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(
      ArrayRef<char>(image.data(), image.size()), /*align=*/64, /*dataIsMutable=*/false);
  return DenseResourceElementsAttr::get(type, "code", std::move(blob));
}

static rt::CodeOp addCode(ModuleOp module, const Twine &variant, StringRef image) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  return rt::CodeOp::create(builder, module.getLoc(), builder.getStringAttr(variant),
                            imageAttr(builder, image), /*assembled=*/ArrayAttr());
}

LogicalResult DeviceCode::addTo(ModuleOp module) {
  if (!deviceModule) {
    return success(); // no kernel
  }
  PassManager manager(module.getContext()); // the code is a module of its own
  buildLowerToLLVMPipeline(manager, /*forDevice=*/true);
  if (failed(manager.run(*deviceModule))) {
    return failure();
  }
  FailureOr<std::string> ptx = cuda::buildPtx(*deviceModule, architecture);
  if (failed(ptx)) {
    return failure();
  }
  rt::CodeOp code = addCode(module, getVariant(), *ptx);
  if (!cubins.empty()) {
    assemble(code, *ptx);
  }
  return success();
}

/// Makes the image a fat binary with machine code; where that cannot be done it stays PTX, which
/// every driver takes.
void DeviceCode::assemble(rt::CodeOp code, StringRef ptx) {
  Builder b(code.getContext());
  SmallVector<cuda::Cubin> assembled;
  SmallVector<Attribute> records;
  std::string problem;
  for (const std::string &name : cubins) {
    std::optional<cuda::Cubin> cubin = cuda::assemblePtx(ptx, name, problem);
    if (!cubin) {
      break;
    }
    for (const cuda::FunctionRecord &f : cubin->functions) {
      records.push_back(rt::AssembledAttr::get(b.getContext(), f.name, name, f.registers, f.shared,
                                               f.stack, f.spilled));
    }
    assembled.push_back(std::move(*cubin));
  }
  std::optional<std::string> image;
  if (problem.empty()) {
    image = cuda::bundle(ptx, architecture, assembled, problem);
  }
  if (!image) {
    remark::missed(code.getLoc(), remark::RemarkOpts::name("ptx-only").category("nn-generate-code"))
        << remark::reason("@{0} has no machine code, the driver will compile its PTX: {1}",
                          code.getSymName(), problem);
    return;
  }
  code.setImageAttr(imageAttr(b, *image));
  code.setAssembledAttr(b.getArrayAttr(records));
}

//===-- All of them ---------------------------------------------------------------------------===//

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

LogicalResult CodeGenerator::run() {
  if (failed(emitKernels())) {
    return failure();
  }
  for (CpuCode &processor : processors) {
    FailureOr<std::string> image = processor.build(module);
    if (failed(image)) {
      return failure();
    }
    addCode(module, processor.getName(), *image);
  }
  for (DeviceCode &device : devices) {
    if (failed(device.addTo(module))) {
      return failure();
    }
  }
  return success();
}

/// The latest of the architectures whose PTX can become machine code for `cubin`; null if there is none.
static DeviceCode *findOwner(MutableArrayRef<DeviceCode> devices, StringRef cubin) {
  DeviceCode *owner = nullptr;
  for (DeviceCode &device : devices) {
    StringRef architecture = device.getArchitecture();
    bool isLater = !owner || cuda::numberOf(architecture) > cuda::numberOf(owner->getArchitecture());
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
    std::vector<CpuCode> processors;
    SmallVector<StringRef> names;
    StringRef(targetCpu).split(names, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    for (StringRef name : names) {
      const cpu::Target *target = cpu::findTarget(name);
      if (!target || (codegen != "cpu" && codegen != "reference")) {
        getOperation().emitError("unknown target-cpu '")
            << name << "' or codegen '" << codegen << "'; known: " << cpu::targetNames()
            << "; cpu, reference";
        return signalPassFailure();
      }
      processors.emplace_back(*target, codegen == "reference", cache);
    }
    SmallVector<std::string> libraries(this->libraries.begin(), this->libraries.end());
    std::vector<DeviceCode> devices;
    names.clear();
    StringRef(cuda).split(names, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    for (StringRef name : names) {
      if (!cuda::isArchitecture(name)) {
        getOperation().emitError("unknown CUDA architecture '") << name << "'";
        return signalPassFailure();
      }
      devices.emplace_back(name, libraries);
    }
    for (StringRef cubin : cubins) {
      if (DeviceCode *owner = findOwner(devices, cubin)) {
        owner->addCubin(cubin);
      }
    }
    if (std::string problem = cuda::findLibraries(libraries); !problem.empty()) {
      getOperation().emitError("a library that was asked for cannot be: ") << problem;
      return signalPassFailure();
    }
    if (failed(CodeGenerator(getOperation(), std::move(processors), std::move(devices)).run())) {
      signalPassFailure();
    }
  }
};
} // namespace
} // namespace mome
