// See Package.h. Tables are written in the order in which the ops stand; nothing is decided here.
#include "passes/Package.h"

#include "dialects/Mome/Scope.h"
#include "dialects/RT/RT.h"
#include "runtime/package_hash.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mome;

static constexpr llvm::StringLiteral compilerVersion = "momec " MOME_VERSION;

template <typename T> using Offsets = std::vector<flatbuffers::Offset<T>>;
using Strings = Offsets<flatbuffers::String>;

/// XXH3-128 in its canonical form, as 32 hex digits.
static std::string hashBytes(ArrayRef<uint8_t> bytes) {
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(bytes);
  return llvm::utohexstr(hash.high64, true, 16) + llvm::utohexstr(hash.low64, true, 16);
}

static ArrayRef<uint8_t> bytesOf(ElementsAttr image) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(image);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  ArrayRef<char> bytes = blob       ? blob->getData()
                         : resource ? ArrayRef<char>()
                                    : cast<DenseElementsAttr>(image).getRawData();
  return {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()};
}

static fb::DType toDType(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    return integer.getWidth() == 1    ? fb::DType::i1
           : integer.getWidth() == 32 ? fb::DType::i32
                                      : fb::DType::i64;
  }
  return type.isF64() ? fb::DType::f64 : type.isBF16() ? fb::DType::bf16 : fb::DType::f32;
}

static fb::BindKind toBindKind(StringRef kind) {
  for (fb::BindKind value : fb::EnumValuesBindKind()) {
    if (kind == fb::EnumNameBindKind(value)) {
      return value;
    }
  }
  llvm_unreachable("the verifier of rt.tensor knows the kinds");
}

static fb::Phase toPhase(ArrayRef<model::ScopeAttr> scopes) {
  if (scopes.empty()) {
    return fb::Phase::other;
  }
  return llvm::StringSwitch<fb::Phase>(model::stringifyPhase(scopes.front().getPhase()))
      .Case("fwd", fb::Phase::forward)
      .Case("bwd", fb::Phase::backward)
      .Case("opt", fb::Phase::optimizer)
      .Case("remat", fb::Phase::remat)
      .Default(fb::Phase::other);
}

namespace {
class Printer {
public:
  explicit Printer(ModuleOp module)
      : module(module), symbols(module),
        package(module->getAttrOfType<DictionaryAttr>(rt::RTDialect::packageAttrName)) {
    if (!package) {
      package = DictionaryAttr::get(module.getContext());
    }
  }

  FailureOr<std::string> print();

private:
  flatbuffers::Offset<fb::Variant> printVariant(rt::CodeOp code);
  flatbuffers::Offset<fb::Program> printProgram(rt::ProgramOp program);
  flatbuffers::Offset<fb::Dispatch> printDispatch(rt::DispatchOp dispatch);
  Offsets<fb::Tensor> printTensors();
  Offsets<fb::Scalar> printScalars();
  Offsets<fb::Kernel> printKernels(rt::CodeOp code);
  Offsets<fb::Launch> printLaunches(rt::LaunchesOp launches);
  Offsets<fb::Assembled> printAssembled(rt::CodeOp code);
  Offsets<fb::Section> printSections(StringRef key);
  Offsets<fb::Metric> printMetrics();
  Offsets<fb::Source> printSources();
  Offsets<fb::Cost> printCosts();

  flatbuffers::Offset<flatbuffers::String> text(StringRef string) {
    return builder.CreateString(string.data(), string.size());
  }
  flatbuffers::Offset<flatbuffers::String> textOf(DictionaryAttr dictionary, StringRef key) {
    auto value = dictionary.getAs<StringAttr>(key);
    return text(value ? value.getValue() : "");
  }
  Strings textsOf(DictionaryAttr dictionary, StringRef key) {
    Strings strings;
    if (auto array = dictionary.getAs<ArrayAttr>(key)) {
      for (auto value : array.getAsRange<StringAttr>()) {
        strings.push_back(text(value.getValue()));
      }
    }
    return strings;
  }
  int64_t numberOf(StringRef key) {
    auto value = package.getAs<IntegerAttr>(key);
    return value ? value.getInt() : 0;
  }
  SmallVector<DictionaryAttr> listOf(StringRef key) {
    auto array = package.getAs<ArrayAttr>(key);
    return array ? llvm::to_vector(array.getAsRange<DictionaryAttr>())
                 : SmallVector<DictionaryAttr>();
  }
  uint32_t indexOf(FlatSymbolRefAttr symbol) const { return indices.lookup(symbol.getAttr()); }
  std::vector<uint32_t> indicesOf(ArrayAttr names) const {
    std::vector<uint32_t> result;
    for (auto name : names.getAsRange<FlatSymbolRefAttr>()) {
      result.push_back(indexOf(name));
    }
    return result;
  }
  /// Numbers the ops of a kind by symbol.
  template <typename Op> SmallVector<Op> number() {
    SmallVector<Op> ops = llvm::to_vector(module.getOps<Op>());
    for (auto [index, op] : llvm::enumerate(ops)) {
      indices[op.getSymNameAttr()] = index;
    }
    return ops;
  }

  ModuleOp module;
  SymbolTable symbols;
  DictionaryAttr package;
  flatbuffers::FlatBufferBuilder builder;
  DenseMap<StringAttr, uint32_t> indices; // of every op within its own table
};
} // namespace

Offsets<fb::Tensor> Printer::printTensors() {
  Offsets<fb::Tensor> tensors;
  for (rt::TensorOp op : number<rt::TensorOp>()) {
    auto type = cast<RankedTensorType>(op.getType());
    std::vector<int64_t> shape(type.getShape().begin(), type.getShape().end());
    tensors.push_back(fb::CreateTensor(builder, text(op.getName()), toBindKind(op.getKind()),
                                       toDType(type.getElementType()),
                                       builder.CreateVector(shape)));
  }
  return tensors;
}

Offsets<fb::Scalar> Printer::printScalars() {
  Offsets<fb::Scalar> scalars;
  for (rt::ScalarOp op : number<rt::ScalarOp>()) {
    scalars.push_back(fb::CreateScalar(builder, text(op.getName()), toDType(op.getType()),
                                       op.getValue().convertToDouble(), op.getHost()));
  }
  return scalars;
}

Offsets<fb::Launch> Printer::printLaunches(rt::LaunchesOp launches) {
  Offsets<fb::Launch> list;
  for (auto launch : launches.getLaunches().getAsRange<rt::LaunchAttr>()) {
    auto function = text(launch.getFunction());
    list.push_back(fb::CreateLaunch(builder, function, launch.getBlocks(), launch.getThreads(),
                                    launch.getShared()));
  }
  return list;
}

Offsets<fb::Assembled> Printer::printAssembled(rt::CodeOp code) {
  Offsets<fb::Assembled> list;
  ArrayAttr records = code.getAssembledAttr();
  for (Attribute attribute : records ? records.getValue() : ArrayRef<Attribute>()) {
    auto record = cast<rt::AssembledAttr>(attribute);
    auto symbol = text(record.getFunction());
    list.push_back(fb::CreateAssembled(builder, symbol, text(record.getArchitecture()),
                                       record.getRegisters(), record.getShared(), record.getStack(),
                                       record.getSpilled()));
  }
  return list;
}

/// The ops of a kind that say how `code` runs kernels, by kernel.
template <typename Op> static DenseMap<StringAttr, Op> recordsOf(ModuleOp module, rt::CodeOp code) {
  DenseMap<StringAttr, Op> records;
  for (auto op : module.getOps<Op>()) {
    if (op.getCode() == code.getSymName()) {
      records[op.getKernelAttr().getAttr()] = op;
    }
  }
  return records;
}

/// The kernels as the variant of `code` runs them.
Offsets<fb::Kernel> Printer::printKernels(rt::CodeOp code) {
  DenseMap<StringAttr, rt::SplitOp> splits = recordsOf<rt::SplitOp>(module, code);
  DenseMap<StringAttr, rt::LaunchesOp> launchesOf = recordsOf<rt::LaunchesOp>(module, code);
  Offsets<fb::Kernel> kernels;
  for (rt::KernelOp op : number<rt::KernelOp>()) {
    auto type = cast<FunctionType>(op.getType());
    std::vector<fb::DType> types;
    for (Type element : llvm::concat<const Type>(type.getInputs(), type.getResults())) {
      types.push_back(toDType(element));
    }
    flatbuffers::Offset<flatbuffers::String> name = text(op.getSymName());
    auto list = builder.CreateVector(types);
    if (rt::SplitOp split = splits.lookup(op.getSymNameAttr())) {
      kernels.push_back(fb::CreateKernel(builder, name, split.getChunks(), split.getScratch(), list,
                                         type.getNumResults(), 0, split.getPacks(),
                                         split.getShared()));
      continue;
    }
    rt::LaunchesOp device = launchesOf.lookup(op.getSymNameAttr());
    auto launches = builder.CreateVector(device ? printLaunches(device) : Offsets<fb::Launch>());
    auto library = text(device ? device.getLibrary().value_or("") : "");
    kernels.push_back(fb::CreateKernel(builder, name, 1, device ? device.getScratch() : 0, list,
                                       type.getNumResults(), launches, 0, 0, library,
                                       device ? device.getGroup() : 1));
  }
  return kernels;
}

flatbuffers::Offset<fb::Dispatch> Printer::printDispatch(rt::DispatchOp dispatch) {
  std::vector<fb::Slice> slices;
  for (ArrayAttr list : {dispatch.getReads(), dispatch.getWrites()}) {
    for (auto slice : list.getAsRange<rt::SliceAttr>()) {
      slices.emplace_back(indexOf(slice.getArena()), slice.getOffset(), slice.getSize());
    }
  }
  SmallVector<model::ScopeAttr> scopes = model::getScopes(dispatch.getLoc());
  llvm::SetVector<StringRef> paths;
  for (model::ScopeAttr scope : scopes) {
    paths.insert(scope.getPath());
  }
  Strings scopeTexts, lineTexts;
  for (StringRef path : paths) {
    scopeTexts.push_back(text(path));
  }
  for (FileLineColLoc line : model::getPositions(dispatch.getLoc())) {
    lineTexts.push_back(text((line.getFilename().getValue() + ":" + Twine(line.getLine()) + ":" +
                              Twine(line.getColumn()))
                                 .str()));
  }
  auto args = builder.CreateVectorOfStructs(slices);
  auto expert = text(model::getExpert(dispatch.getLoc()));
  auto scope = builder.CreateVector(scopeTexts), lines = builder.CreateVector(lineTexts);
  std::vector<uint32_t> after(dispatch.getAfter().begin(), dispatch.getAfter().end());
  return fb::CreateDispatch(builder, indexOf(dispatch.getKernelAttr()), args, toPhase(scopes),
                            expert, scope, lines, text(dispatch.getRoot()),
                            dispatch.getFlops().convertToDouble(),
                            dispatch.getBytes().convertToDouble(), dispatch.getStream(),
                            builder.CreateVector(after), dispatch.getBeside(), dispatch.getGroup());
}

flatbuffers::Offset<fb::Program> Printer::printProgram(rt::ProgramOp program) {
  Offsets<fb::Dispatch> dispatches;
  for (auto dispatch : program.getBody().getOps<rt::DispatchOp>()) {
    dispatches.push_back(printDispatch(dispatch));
  }
  auto entry = text(program.getSymName());
  auto list = builder.CreateVector(dispatches);
  auto inputs = builder.CreateVector(indicesOf(program.getInputs()));
  auto outputs = builder.CreateVector(indicesOf(program.getOutputs()));
  return fb::CreateProgram(builder, entry, list, inputs, outputs, program.getPeak());
}

flatbuffers::Offset<fb::Variant> Printer::printVariant(rt::CodeOp code) {
  Offsets<fb::Arena> arenas;
  for (rt::ArenaOp op : number<rt::ArenaOp>()) {
    arenas.push_back(fb::CreateArena(builder, text(op.getSymName()),
                                     fb::ArenaKind(uint8_t(op.getKind())), op.getSize()));
  }
  Offsets<fb::Slot> slots;
  for (auto op : module.getOps<rt::TensorOp>()) {
    slots.push_back(fb::CreateSlot(builder, indices.lookup(op.getSymNameAttr()),
                                   indexOf(op.getArenaAttr()), op.getOffset(), op.getBytes()));
  }
  Offsets<fb::ScalarSlot> scalars;
  for (auto op : module.getOps<rt::ScalarOp>()) {
    scalars.push_back(fb::CreateScalarSlot(builder, indices.lookup(op.getSymNameAttr()),
                                           indexOf(op.getArenaAttr()), op.getOffset()));
  }
  Offsets<fb::Kernel> kernels = printKernels(code);
  Offsets<fb::Program> programs;
  for (auto program : module.getOps<rt::ProgramOp>()) {
    programs.push_back(printProgram(program));
  }
  ArrayRef<uint8_t> image = bytesOf(code.getImage());
  std::string hash = hashBytes(image);
  auto name = text(code.getSymName());
  auto arenaList = builder.CreateVector(arenas);
  auto slotList = builder.CreateVector(slots);
  auto scalarList = builder.CreateVector(scalars);
  auto layouts = builder.CreateVector(Offsets<fb::Layout>());
  auto kernelList = builder.CreateVector(kernels);
  auto programList = builder.CreateVector(programs);
  auto imageBytes = builder.CreateVector(image.data(), image.size());
  auto assembled = builder.CreateVector(printAssembled(code));
  return fb::CreateVariant(builder, name, arenaList, slotList, scalarList, layouts, kernelList,
                           programList, imageBytes, text(hash), assembled);
}

Offsets<fb::Section> Printer::printSections(StringRef key) {
  Offsets<fb::Section> sections;
  for (DictionaryAttr section : listOf(key)) {
    auto name = textOf(section, "name");
    sections.push_back(fb::CreateSection(builder, name, textOf(section, "json")));
  }
  return sections;
}

Offsets<fb::Metric> Printer::printMetrics() {
  Offsets<fb::Metric> metrics;
  for (DictionaryAttr metric : listOf("metrics")) {
    auto name = textOf(metric, "name");
    auto sums = builder.CreateVector(textsOf(metric, "sums"));
    metrics.push_back(fb::CreateMetric(builder, name, sums));
  }
  return metrics;
}

Offsets<fb::Cost> Printer::printCosts() {
  Offsets<fb::Cost> costs;
  for (DictionaryAttr cost : listOf("costs")) {
    auto value = cost.getAs<FloatAttr>("value");
    costs.push_back(
        fb::CreateCost(builder, textOf(cost, "name"), value ? value.getValueAsDouble() : 0));
  }
  return costs;
}

Offsets<fb::Source> Printer::printSources() {
  Offsets<fb::Source> sources;
  for (DictionaryAttr source : listOf("sources")) {
    auto content = source.getAs<StringAttr>("text");
    StringRef bytes = content ? content.getValue() : "";
    std::string hash = hashBytes(arrayRefFromStringRef(bytes));
    auto path = textOf(source, "path"), body = text(bytes);
    sources.push_back(fb::CreateSource(builder, path, body, text(hash)));
  }
  return sources;
}

FailureOr<std::string> Printer::print() {
  auto codes = llvm::to_vector(module.getOps<rt::CodeOp>());
  if (codes.empty()) {
    return module.emitError("a package needs an rt.code");
  }
  auto tensors = builder.CreateVector(printTensors());
  auto scalars = builder.CreateVector(printScalars());
  Offsets<fb::Variant> variantList;
  for (rt::CodeOp code : codes) {
    variantList.push_back(printVariant(code));
  }
  auto variants = builder.CreateVector(variantList);
  auto compiler = text(compilerVersion), model = textOf(package, "model"),
       precision = textOf(package, "precision");
  auto classes = builder.CreateVector(textsOf(package, "classes"));
  auto modalities = builder.CreateVector(textsOf(package, "modalities"));
  auto optional = builder.CreateVector(textsOf(package, "optional"));
  auto losses = builder.CreateVector(textsOf(package, "losses"));
  auto metrics = builder.CreateVector(printMetrics());
  auto train = builder.CreateVector(printSections("train"));
  auto data = builder.CreateVector(printSections("data"));
  auto sources = builder.CreateVector(printSources());
  auto costs = builder.CreateVector(printCosts());
  auto root = fb::CreatePackage(builder, /*format=*/1, compiler, model, classes, modalities,
                                optional, numberOf("batch"), numberOf("eval_batch"), precision,
                                tensors, scalars, losses, metrics, train, data, variants, sources,
                                text(unsealed_hash), costs);
  fb::FinishPackageBuffer(builder, root);
  seal_package({builder.GetBufferPointer(), builder.GetSize()});
  return std::string(reinterpret_cast<const char *>(builder.GetBufferPointer()), builder.GetSize());
}

FailureOr<std::string> mome::printPackage(ModuleOp module) {
  return Printer(module).print();
}
