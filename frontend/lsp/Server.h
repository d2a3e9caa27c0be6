// The language server: the Language Server Protocol over the analysis of Document.h.
#ifndef MOME_FRONTEND_LSP_SERVER_H
#define MOME_FRONTEND_LSP_SERVER_H

#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace llvm::lsp {
class JSONTransport;
}

namespace mome::lsp {

/// Serves until the client says `exit`. Errors of the transport are returned; 0 and 1 are the
/// protocol's exit codes.
llvm::Expected<int> serve(llvm::lsp::JSONTransport &transport,
                          const std::vector<std::string> &includeDirs);

} // namespace mome::lsp
#endif
