// mome-lsp-server: the language server of `.mome` files, over standard input and output.
// `--delimited` reads messages separated by `// -----` lines, for tests.
#include "frontend/lsp/Server.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/LSP/Transport.h"
#include "llvm/Support/Program.h"

static llvm::cl::list<std::string>
    includeDirs("I", llvm::cl::desc("Where imports are looked up, too"), llvm::cl::Prefix);
static llvm::cl::opt<bool>
    delimited("delimited",
              llvm::cl::desc("Read messages separated by `// -----` lines, answer readably"));

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "Language server of .mome files\n");
  llvm::sys::ChangeStdinToBinary();
  auto style =
      delimited ? llvm::lsp::JSONStreamStyle::Delimited : llvm::lsp::JSONStreamStyle::Standard;
  llvm::lsp::JSONTransport transport(stdin, llvm::outs(), style, delimited);
  llvm::Expected<int> code = mome::lsp::serve(transport, includeDirs);
  if (!code) {
    llvm::errs() << "mome-lsp-server: error: " << llvm::toString(code.takeError()) << "\n";
    return 1;
  }
  return *code;
}
