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

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static std::string findPtxas() {
  if (const char *toolkit = std::getenv("CUDA_PATH")) {
    SmallString<128> folder(toolkit);
    llvm::sys::path::append(folder, "bin");
    if (auto path = llvm::sys::findProgramByName("ptxas", {folder})) {
      return *path;
    }
  }
  if (auto path = llvm::sys::findProgramByName("ptxas")) {
    return *path;
  }
  auto path = llvm::sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"});
  return path ? *path : "";
}

namespace {
/// A folder that goes away.
struct TemporaryFolder {
  TemporaryFolder() { error = llvm::sys::fs::createUniqueDirectory("mome", path); }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }
  std::string file(StringRef name) const { return (path + "/" + name).str(); }
  SmallString<128> path;
  std::error_code error;
};
} // namespace

static std::string contentOf(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  return file ? (*file)->getBuffer().str() : "";
}

std::optional<Cubin> mome::cuda::assemblePtx(StringRef ptx, StringRef architecture,
                                             std::string &problem) {
  std::string ptxas = findPtxas();
  if (ptxas.empty()) {
    problem = "there is no ptxas in $CUDA_PATH/bin, in PATH or in /usr/local/cuda/bin";
    return std::nullopt;
  }
  TemporaryFolder folder;
  std::string input = folder.file("kernels.ptx"), output = folder.file("kernels.cubin");
  std::string log = folder.file("log");
  std::error_code error = folder.error;
  if (!error) {
    llvm::raw_fd_ostream stream(input, error);
    stream << ptx;
  }
  if (error) {
    problem = "cannot write a temporary file: " + error.message();
    return std::nullopt;
  }
  std::string target = ("-arch=" + architecture).str();
  SmallVector<StringRef> command{ptxas, "-v", target, input, "-o", output};
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(log), StringRef(log)};
  if (int status = llvm::sys::ExecuteAndWait(ptxas, command, std::nullopt, redirects)) {
    problem = "'" + llvm::join(command, " ") + "' failed with " + std::to_string(status) + ":\n" +
              contentOf(log);
    return std::nullopt;
  }
  return Cubin{contentOf(output), contentOf(log)};
}

PtxasTotals mome::cuda::summarize(StringRef record) {
  PtxasTotals totals;
  llvm::Regex used("Used ([0-9]+) registers"), spilled("([0-9]+) bytes spill stores");
  for (StringRef line : llvm::split(record, '\n')) {
    SmallVector<StringRef> match;
    int64_t number = 0;
    if (used.match(line, &match) && !match[1].getAsInteger(10, number)) {
      ++totals.functions;
      totals.registers = std::max(totals.registers, number);
    } else if (spilled.match(line, &match) && !match[1].getAsInteger(10, number)) {
      totals.spilledBytes += number;
    }
  }
  return totals;
}
