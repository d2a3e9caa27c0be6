// See Ptxas.h.
#include "passes/cuda/Ptxas.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <map>

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static std::string findTool(StringRef name) {
  if (const char *toolkit = std::getenv("CUDA_PATH")) {
    SmallString<128> folder(toolkit);
    llvm::sys::path::append(folder, "bin");
    if (auto path = llvm::sys::findProgramByName(name, {folder})) {
      return *path;
    }
  }
  if (auto path = llvm::sys::findProgramByName(name)) {
    return *path;
  }
  auto path = llvm::sys::findProgramByName(name, {"/usr/local/cuda/bin"});
  return path ? *path : "";
}

static std::string contentOf(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  return file ? (*file)->getBuffer().str() : "";
}

namespace {
/// One run of a tool in a folder of its own, which goes away.
class ToolRun {
public:
  /// False, with `problem`, where there is no such tool or no folder.
  bool open(StringRef name, std::string &problem) {
    tool = findTool(name);
    if (tool.empty()) {
      problem =
          ("there is no " + name + " in $CUDA_PATH/bin, in PATH or in /usr/local/cuda/bin").str();
    } else if (std::error_code error = llvm::sys::fs::createUniqueDirectory("mome", folder)) {
      problem = "cannot make a temporary folder: " + error.message();
    }
    return problem.empty();
  }
  ~ToolRun() { llvm::sys::fs::remove_directories(folder); }
  std::string file(StringRef name) const { return (folder + "/" + name).str(); }
  /// The path of a new file with this content.
  std::string write(StringRef name, StringRef content, std::string &problem) const {
    std::error_code error;
    llvm::raw_fd_ostream stream(file(name), error);
    stream << content;
    stream.close();
    if (error || stream.error()) {
      problem = "cannot write a temporary file: " + (error ? error : stream.error()).message();
      stream.clear_error();
    }
    return file(name);
  }
  /// What the tool printed; nullopt, with `problem`, where it failed.
  std::optional<std::string> run(ArrayRef<std::string> arguments, std::string &problem) const {
    SmallVector<StringRef> command{tool};
    command.append(arguments.begin(), arguments.end());
    std::string log = file("log");
    std::optional<StringRef> redirects[] = {StringRef(), StringRef(log), StringRef(log)};
    if (int status = llvm::sys::ExecuteAndWait(tool, command, std::nullopt, redirects)) {
      problem = "'" + llvm::join(command, " ") + "' failed with " + std::to_string(status) + ":\n" +
                contentOf(log);
      return std::nullopt;
    }
    return contentOf(log);
  }

private:
  std::string tool;
  SmallString<128> folder;
};
} // namespace

/// Registers of a multiprocessor, on every architecture.
static constexpr int64_t allRegisters = 65536;

namespace {
/// Blocks per multiprocessor that functions are to be assembled for.
using Residency = std::map<std::string, int64_t>;
} // namespace

static std::optional<Cubin> runPtxas(StringRef ptx, StringRef architecture, std::string &problem) {
  ToolRun ptxas;
  if (!ptxas.open("ptxas", problem)) {
    return std::nullopt;
  }
  std::string input = ptxas.write("kernels.ptx", ptx, problem);
  if (!problem.empty()) {
    return std::nullopt;
  }
  std::string output = ptxas.file("kernels.cubin");
  std::optional<std::string> record =
      ptxas.run({"-v", ("-arch=" + architecture).str(), input, "-o", output}, problem);
  if (!record) {
    return std::nullopt;
  }
  return Cubin{architecture.str(), contentOf(output), parseRecord(*record)};
}

/// The PTX with `.minnctapersm` for these functions; `alone`: without all others.
static std::string limitRegisters(StringRef ptx, const Residency &blocks, bool alone) {
  static constexpr llvm::StringLiteral start = "\n.visible .entry ", bounds = "\n.maxntid ";
  size_t end = ptx.find(start);
  std::string result = ptx.substr(0, end).str();
  while (end != StringRef::npos) {
    size_t begin = end;
    end = ptx.find(start, begin + 1);
    StringRef function = ptx.slice(begin, end);
    auto wanted = blocks.find(function.drop_front(start.size()).split('(').first.str());
    if (wanted == blocks.end()) {
      result += alone ? "" : function;
      continue;
    }
    size_t line = function.find('\n', function.find(bounds) + 1);
    result += function.take_front(line);
    result += "\n.minnctapersm " + std::to_string(wanted->second);
    result += function.substr(line);
  }
  return result;
}

/// Threads per block of a function, as its PTX bounds them.
static int64_t findThreads(StringRef ptx, StringRef name) {
  StringRef function = ptx.substr(ptx.find((".visible .entry " + name + "(").str()));
  int64_t threads = 1024;
  function.split(".maxntid ").second.split(',').first.getAsInteger(10, threads);
  return threads;
}

/// For what numbers of blocks the functions that spill do so no more, or 1 where they always do.
static Residency findResidency(StringRef ptx, const Cubin &spilling, std::string &problem) {
  Residency blocks;
  for (const FunctionRecord &f : spilling.functions) {
    if (f.spilled > 0) {
      blocks[f.name] = std::max<int64_t>(
          1, allRegisters / std::max<int64_t>(1, f.registers * findThreads(ptx, f.name)));
    }
  }
  for (bool changed = !blocks.empty(); changed;) {
    changed = false;
    auto attempt =
        runPtxas(limitRegisters(ptx, blocks, /*alone=*/true), spilling.architecture, problem);
    for (const FunctionRecord &f : attempt ? attempt->functions : SmallVector<FunctionRecord>()) {
      if (f.spilled > 0 && blocks[f.name] > 1) {
        --blocks[f.name];
        changed = true;
      }
    }
  }
  return blocks;
}

std::optional<Cubin> mome::cuda::assemblePtx(StringRef ptx, StringRef architecture,
                                             std::string &problem) {
  std::optional<Cubin> cubin = runPtxas(ptx, architecture, problem);
  if (!cubin) {
    return std::nullopt;
  }
  Residency blocks = findResidency(ptx, *cubin, problem);
  if (blocks.empty() || !problem.empty()) {
    return cubin;
  }
  return runPtxas(limitRegisters(ptx, blocks, /*alone=*/false), architecture, problem);
}

SmallVector<FunctionRecord> mome::cuda::parseRecord(StringRef record) {
  SmallVector<FunctionRecord> functions;
  llvm::Regex name("Compiling entry function '([^']+)'"), registers("Used ([0-9]+) registers");
  llvm::Regex shared("([0-9]+) bytes smem"), stack("([0-9]+) bytes stack frame");
  llvm::Regex spilled("([0-9]+) bytes spill stores");
  auto read = [](StringRef line, llvm::Regex &pattern, int64_t &number) {
    SmallVector<StringRef> match;
    if (pattern.match(line, &match)) {
      match[1].getAsInteger(10, number);
    }
  };
  for (StringRef line : llvm::split(record, '\n')) {
    SmallVector<StringRef> match;
    if (name.match(line, &match)) {
      functions.emplace_back().name = match[1].str();
    }
    if (!functions.empty()) {
      read(line, registers, functions.back().registers);
      read(line, shared, functions.back().shared);
      read(line, stack, functions.back().stack);
      read(line, spilled, functions.back().spilled);
    }
  }
  return functions;
}

std::optional<std::string> mome::cuda::bundle(StringRef ptx, StringRef architecture,
                                              ArrayRef<Cubin> cubins, std::string &problem) {
  ToolRun fatbinary;
  if (!fatbinary.open("fatbinary", problem)) {
    return std::nullopt;
  }
  std::string output = fatbinary.file("kernels.fatbin");
  // Uncompressed: whoever wants to read the PTX can, the stand-in for the driver among them.
  SmallVector<std::string> arguments{"-64", "--compress=false", "--create=" + output};
  auto add = [&](StringRef kind, StringRef name, StringRef machine, StringRef content) {
    std::string path = fatbinary.write(name, content, problem);
    arguments.push_back(
        ("--image3=kind=" + kind + ",sm=" + machine.drop_front(3) + ",file=" + path).str());
  };
  add("ptx", "kernels.ptx", architecture, ptx);
  for (const Cubin &cubin : cubins) {
    add("elf", cubin.architecture + ".cubin", cubin.architecture, cubin.code);
  }
  if (!problem.empty() || !fatbinary.run(arguments, problem)) {
    return std::nullopt;
  }
  return contentOf(output);
}
