// See BuildImage.h. LLVM generates the object in process; ld.lld, a program of the same LLVM, links
// it.
//
// LLVM may turn loops into calls of memcpy, memmove and memset, so the image brings its own,
// hidden. A call of anything else is an undefined symbol, which the linker refuses: an error here,
// not a crash in a training run.
#include "passes/cpu/BuildImage.h"

#include "passes/LlvmBackend.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"

#include <atomic>
#include <thread>

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

static constexpr llvm::StringLiteral triple = "x86_64-unknown-linux-gnu";

// no-builtins keeps LLVM from recognising memcpy in memcpy.
static constexpr llvm::StringLiteral memoryFunctions = R"(
define hidden ptr @memcpy(ptr noalias %to, ptr noalias %from, i64 %size) #0 {
entry:
  %empty = icmp eq i64 %size, 0
  br i1 %empty, label %done, label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %source = getelementptr i8, ptr %from, i64 %i
  %target = getelementptr i8, ptr %to, i64 %i
  %byte = load i8, ptr %source
  store i8 %byte, ptr %target
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %size
  br i1 %more, label %loop, label %done
done:
  ret ptr %to
}

define hidden ptr @memmove(ptr %to, ptr %from, i64 %size) #0 {
entry:
  %down = icmp ugt ptr %to, %from
  br label %head
head:
  %i = phi i64 [0, %entry], [%next, %body]
  %more = icmp ult i64 %i, %size
  br i1 %more, label %body, label %done
body:
  %next = add i64 %i, 1
  %back = sub i64 %size, %next
  %at = select i1 %down, i64 %back, i64 %i
  %source = getelementptr i8, ptr %from, i64 %at
  %target = getelementptr i8, ptr %to, i64 %at
  %byte = load i8, ptr %source
  store i8 %byte, ptr %target
  br label %head
done:
  ret ptr %to
}

define hidden ptr @memset(ptr %to, i32 %value, i64 %size) #0 {
entry:
  %byte = trunc i32 %value to i8
  br label %head
head:
  %i = phi i64 [0, %entry], [%next, %body]
  %more = icmp ult i64 %i, %size
  br i1 %more, label %body, label %done
body:
  %target = getelementptr i8, ptr %to, i64 %i
  store i8 %byte, ptr %target
  %next = add i64 %i, 1
  br label %head
done:
  ret ptr %to
}

attributes #0 = { nounwind noinline "no-builtins" }
)";

namespace {
/// A unit on its way to an object; each has a context of its own, so that each may have a thread.
struct Object {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
  bool optimize = false;
  llvm::SmallVector<char, 0> bytes;
  bool done = false;
};
} // namespace

static std::unique_ptr<llvm::TargetMachine> createMachine(const Target &target) {
  return createTargetMachine(triple, target.llvmCpu, target.features);
}

static void generateObject(Object &object) {
  if (object.optimize) {
    mome::optimize(*object.module, *object.machine);
  }
  llvm::raw_svector_ostream stream(object.bytes);
  llvm::legacy::PassManager passes;
  if (!object.machine->addPassesToEmitFile(passes, stream, nullptr,
                                           llvm::CodeGenFileType::ObjectFile)) {
    passes.run(*object.module);
    object.done = true;
  }
}

/// Generates all objects; a crash of LLVM in any of them is caught.
static bool generateObjects(ArrayRef<std::unique_ptr<Object>> objects) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> crashed = false;
  auto work = [&] {
    for (size_t i; (i = next++) < objects.size();) {
      llvm::CrashRecoveryContext recovery;
      crashed = !recovery.RunSafely([&] { generateObject(*objects[i]); }) || crashed;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) {
    threads.emplace_back(work);
  }
  work();
  for (std::thread &thread : threads) {
    thread.join();
  }
  return !crashed && llvm::all_of(objects, [](auto &object) { return object->done; });
}

/// The linker: the one beside our LLVM, else one in PATH.
static llvm::ErrorOr<std::string> findLinker() {
  if (auto path = llvm::sys::findProgramByName("ld.lld", {MOME_LLVM_TOOLS_DIR})) {
    return path;
  }
  if (auto path = llvm::sys::findProgramByName("ld.lld-22")) {
    return path;
  }
  return llvm::sys::findProgramByName("ld.lld");
}

namespace {
/// A file that goes away.
struct TemporaryFile {
  explicit TemporaryFile(StringRef suffix) {
    error = llvm::sys::fs::createTemporaryFile("mome", suffix, path);
  }
  ~TemporaryFile() { llvm::sys::fs::remove(path); }
  SmallString<128> path;
  std::error_code error;
};
} // namespace

/// All objects in one file: making hundreds of files takes as long as linking them.
static std::error_code writeObjects(StringRef path, ArrayRef<StringRef> objects) {
  std::vector<std::string> names;
  std::vector<llvm::NewArchiveMember> members;
  for (StringRef object : objects) {
    names.push_back(std::to_string(names.size()) + ".o");
    members.emplace_back(llvm::MemoryBufferRef(object, names.back()));
  }
  return llvm::errorToErrorCode(llvm::writeArchive(path, members, llvm::SymtabWritingMode::NoSymtab,
                                                   llvm::object::Archive::K_GNU,
                                                   /*Deterministic=*/true, /*Thin=*/false));
}

static FailureOr<std::string> link(ArrayRef<StringRef> objects, Location loc) {
  auto linker = findLinker();
  if (!linker) {
    return emitError(loc, "cannot find the linker ld.lld; install the package lld-22");
  }
  TemporaryFile input("a"), output("so"), log("log");
  SmallVector<StringRef> arguments = {*linker,
                                      "-shared",
                                      "-nostdlib",
                                      "--no-undefined",
                                      "--hash-style=sysv",
                                      "--build-id=none",
                                      "--strip-all",
                                      "--gc-sections",
                                      "-z",
                                      "noexecstack",
                                      "-z",
                                      "norelro",
                                      "-o",
                                      output.path,
                                      "--whole-archive",
                                      input.path};
  std::error_code error = input.error ? input.error : output.error ? output.error : log.error;
  if (error = error ? error : writeObjects(input.path, objects); error) {
    return emitError(loc, "cannot write a temporary file: ") << error.message();
  }
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(log.path), StringRef(log.path)};
  if (llvm::sys::ExecuteAndWait(*linker, arguments, std::nullopt, redirects) != 0) {
    auto text = llvm::MemoryBuffer::getFile(log.path);
    return emitError(loc, "linking failed:\n") << (text ? (*text)->getBuffer() : StringRef());
  }
  auto image = llvm::MemoryBuffer::getFile(output.path);
  if (!image) {
    return emitError(loc, "cannot read ") << output.path;
  }
  return (*image)->getBuffer().str();
}

/// A unit in LLVM's form; null after an error.
static std::unique_ptr<Object> translate(CodeUnit unit, const Target &target) {
  auto object = std::make_unique<Object>();
  object->module = translateToLLVM(unit.module, object->context);
  if (!object->module) {
    return nullptr;
  }
  object->machine = createMachine(target);
  object->optimize = unit.optimize;
  setTarget(*object->module, *object->machine);
  return object;
}

static std::unique_ptr<Object> makeMemoryFunctions(const Target &target) {
  auto object = std::make_unique<Object>();
  llvm::SMDiagnostic problem;
  object->module = llvm::parseAssemblyString(memoryFunctions, problem, object->context);
  assert(object->module && "the text above does not parse");
  object->machine = createMachine(target);
  object->optimize = true;
  setTarget(*object->module, *object->machine);
  return object;
}

static StringRef bytesOf(const Object &object) {
  return StringRef(object.bytes.data(), object.bytes.size());
}

FailureOr<std::vector<std::string>> mome::cpu::compileUnits(ArrayRef<CodeUnit> units,
                                                            const Target &target) {
  std::vector<std::unique_ptr<Object>> objects;
  for (const CodeUnit &unit : units) {
    objects.push_back(translate(unit, target));
    if (!objects.back()) {
      return failure();
    }
  }
  if (!generateObjects(objects)) {
    ModuleOp first = units.front().module;
    return first.emitError("LLVM failed to generate code");
  }
  std::vector<std::string> result;
  for (const std::unique_ptr<Object> &object : objects) {
    result.push_back(bytesOf(*object).str());
  }
  return result;
}

FailureOr<std::string> mome::cpu::linkImage(ArrayRef<StringRef> objects, const Target &target,
                                            Location loc) {
  std::unique_ptr<Object> memory = makeMemoryFunctions(target);
  generateObject(*memory);
  SmallVector<StringRef> all(objects);
  all.push_back(bytesOf(*memory));
  return link(all, loc);
}
