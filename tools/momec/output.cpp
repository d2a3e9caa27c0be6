// See output.h.
#include "tools/momec/output.h"

#include "dialects/RT/RT.h"
#include "passes/cuda/Ptxas.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mome;

namespace momec {

int fail(const std::string &message) {
  llvm::errs() << "momec: error: " << message << "\n";
  return momec::failed;
}

int writeFile(StringRef path, StringRef bytes) {
  if (path == "-") {
    llvm::outs() << bytes;
    llvm::outs().flush();
    return ok;
  }
  std::string temporary = (path + ".partial").str();
  std::error_code error;
  {
    llvm::raw_fd_ostream stream(temporary, error);
    if (!error) {
      stream << bytes;
      stream.close();
      error = stream.error();
      stream.clear_error();
    }
  }
  if (!error) {
    error = llvm::sys::fs::rename(temporary, path);
  }
  if (error) {
    llvm::sys::fs::remove(temporary);
    return fail("cannot write '" + path.str() + "': " + error.message());
  }
  return ok;
}

std::string printModule(ModuleOp module) {
  OpPrintingFlags printing;
  printing.enableDebugInfo(true);
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, printing);
  return text + "\n";
}

static int writeCubin(StringRef ptx, StringRef path, StringRef architecture) {
  std::string problem;
  std::optional<cuda::Cubin> cubin = cuda::assemblePtx(ptx, architecture, problem);
  if (!cubin) {
    return fail(problem + "\n  hint: --emit=ptx needs no CUDA toolkit; packages carry PTX");
  }
  int64_t registers = 0, spilled = 0;
  for (const cuda::FunctionRecord &f : cubin->functions) {
    registers = std::max(registers, f.registers);
    spilled += f.spilled;
  }
  llvm::errs() << llvm::formatv(
      "momec: ptxas: {0} functions, at most {1} registers, {2} bytes spilled\n",
      cubin->functions.size(), registers, spilled);
  return writeFile(path, cubin->code);
}

int writeDeviceCode(ModuleOp module, const CompileOptions &options, StringRef path) {
  for (auto code : module.getOps<rt::CodeOp>()) {
    if (code.getSymName().starts_with("cuda:")) {
      auto image = cast<DenseResourceElementsAttr>(code.getImage());
      ArrayRef<char> bytes = image.getRawHandle().getBlob()->getData();
      StringRef ptx(bytes.data(), bytes.size());
      bool asPtx = options.deviceCode == CompileOptions::DeviceCode::ptx;
      return asPtx ? writeFile(path, ptx) : writeCubin(ptx, path, options.pipeline.cuda);
    }
  }
  return fail("'" + options.input + "' has no kernel, so there is no device code");
}

} // namespace momec
