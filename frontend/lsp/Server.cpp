#include "frontend/lsp/Server.h"

#include "frontend/lsp/Document.h"

#include "llvm/Support/LSP/Protocol.h"
#include "llvm/Support/LSP/Transport.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mome::lsp {

namespace protocol = llvm::lsp;
using llvm::json::Object;

namespace {

/// An open file: its text as the editor has it, and what is known about it.
struct OpenFile {
  std::string text;
  int64_t version = 0;
  std::unique_ptr<Document> document;
};

class Server {
public:
  Server(protocol::JSONTransport &transport, std::vector<std::string> includeDirs)
      : handler(transport), includeDirs(std::move(includeDirs)) {
    handler.method("initialize", this, &Server::initialize);
    handler.notification("initialized", this, &Server::ignore);
    handler.method("shutdown", this, &Server::shutdown);
    handler.notification("textDocument/didOpen", this, &Server::didOpen);
    handler.notification("textDocument/didChange", this, &Server::didChange);
    handler.notification("textDocument/didClose", this, &Server::didClose);
    handler.method("textDocument/hover", this, &Server::hover);
    handler.method("textDocument/definition", this, &Server::definition);
    handler.method("textDocument/documentSymbol", this, &Server::symbols);
    handler.method("textDocument/formatting", this, &Server::formatting);
    publish = handler.outgoingNotification<protocol::PublishDiagnosticsParams>(
        "textDocument/publishDiagnostics");
  }

  protocol::MessageHandler handler;
  bool shutDown = false;

private:
  // --- Life
  void initialize(const protocol::InitializeParams &, protocol::Callback<llvm::json::Value> reply) {
    reply(Object{
        {"capabilities", Object{{"textDocumentSync", Object{{"openClose", true}, {"change", 2}}},
                                {"hoverProvider", true},
                                {"definitionProvider", true},
                                {"documentSymbolProvider", true},
                                {"documentFormattingProvider", true}}},
        {"serverInfo", Object{{"name", "mome-lsp-server"}}}});
  }
  void ignore(const protocol::InitializedParams &) {}
  void shutdown(const protocol::NoParams &, protocol::Callback<std::nullptr_t> reply) {
    shutDown = true;
    reply(nullptr);
  }

  // --- Texts
  void didOpen(const protocol::DidOpenTextDocumentParams &params) {
    OpenFile &file = files[params.textDocument.uri.file().str()];
    file.text = params.textDocument.text;
    file.version = params.textDocument.version;
    analyze();
  }
  void didChange(const protocol::DidChangeTextDocumentParams &params) {
    auto found = files.find(params.textDocument.uri.file().str());
    if (found == files.end() || failed(protocol::TextDocumentContentChangeEvent::applyTo(
                                    params.contentChanges, found->second.text))) {
      return;
    }
    found->second.version = params.textDocument.version;
    analyze();
  }
  void didClose(const protocol::DidCloseTextDocumentParams &params) {
    publish(protocol::PublishDiagnosticsParams(params.textDocument.uri, 0));
    files.erase(params.textDocument.uri.file().str());
  }

  /// Looks at every open file anew: they may import each other.
  void analyze();
  std::optional<std::string> read(const std::string &path) const;
  protocol::Diagnostic convert(const Document &document,
                               const syntax::Diagnostic &diagnostic) const;

  // --- Questions
  const Document *document(const protocol::TextDocumentIdentifier &id) const {
    auto found = files.find(id.uri.file().str());
    return found != files.end() && found->second.document->file() ? found->second.document.get()
                                                                  : nullptr;
  }
  static const syntax::SourceFile &mainFile(const Document &document) {
    return document.sources().file(document.file()->id);
  }
  static uint32_t offset(const Document &document, protocol::Position at) {
    return offsetOf(mainFile(document), at.line, at.character);
  }
  static protocol::Range range(const Document &document, syntax::Range where) {
    const syntax::SourceFile &file = document.sources().file(where.file);
    auto [line, character] = positionOf(file, where.begin);
    auto [endLine, endCharacter] = positionOf(file, where.end);
    return {{line, character}, {endLine, endCharacter}};
  }

  void hover(const protocol::TextDocumentPositionParams &params,
             protocol::Callback<std::optional<protocol::Hover>> reply);
  void definition(const protocol::TextDocumentPositionParams &params,
                  protocol::Callback<std::vector<protocol::Location>> reply);
  void symbols(const protocol::DocumentSymbolParams &params,
               protocol::Callback<std::vector<protocol::DocumentSymbol>> reply);
  /// The protocol's parameters begin with a textDocument, as those of documentSymbol do; the rest
  /// (tab size) is not ours.
  void formatting(const protocol::DocumentSymbolParams &params,
                  protocol::Callback<std::vector<protocol::TextEdit>> reply);

  std::vector<std::string> includeDirs;
  std::map<std::string, OpenFile> files;
  protocol::OutgoingNotification<protocol::PublishDiagnosticsParams> publish;
};

std::optional<std::string> Server::read(const std::string &path) const {
  if (auto open = files.find(path); open != files.end()) {
    return open->second.text;
  }
  auto buffer =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return buffer ? std::optional((*buffer)->getBuffer().str()) : std::nullopt;
}

void Server::analyze() {
  for (auto &[path, file] : files) {
    file.document = std::make_unique<Document>(
        path, [this](const std::string &name) { return read(name); }, includeDirs);
    auto uri = protocol::URIForFile::fromFile(path);
    if (!uri) {
      llvm::consumeError(uri.takeError());
      continue;
    }
    protocol::PublishDiagnosticsParams params(*uri, file.version);
    for (const syntax::Diagnostic &diagnostic : file.document->diagnostics()) {
      params.diagnostics.push_back(convert(*file.document, diagnostic));
    }
    publish(params);
  }
}

/// A problem in an imported file shows at the import, which is where this file can do something
/// about it.
protocol::Diagnostic Server::convert(const Document &document,
                                     const syntax::Diagnostic &diagnostic) const {
  protocol::Diagnostic result;
  bool error = diagnostic.severity == syntax::Severity::error;
  result.severity =
      error ? protocol::DiagnosticSeverity::Error : protocol::DiagnosticSeverity::Warning;
  result.source = "mome";
  result.message = diagnostic.message + " [" + diagnostic.code + "]";
  if (!diagnostic.label.empty()) {
    result.message += "\n" + diagnostic.label;
  }
  for (const syntax::Diagnostic &note : diagnostic.notes) {
    result.message += "\nnote: " + note.message;
  }
  if (!diagnostic.range.valid() || !document.file()) {
    return result;
  }
  if (diagnostic.range.file == document.file()->id) {
    result.range = range(document, diagnostic.range);
    return result;
  }
  const std::string &path = document.sources().file(diagnostic.range.file).path;
  syntax::LineColumn at = document.sources().position(diagnostic.range);
  result.message = path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                   result.message;
  for (const syntax::Import &import : document.file()->imports) {
    if (llvm::StringRef(path).ends_with(import.path)) {
      result.range = range(document, import.path_range);
    }
  }
  return result;
}

void Server::hover(const protocol::TextDocumentPositionParams &params,
                   protocol::Callback<std::optional<protocol::Hover>> reply) {
  const Document *file = document(params.textDocument);
  std::optional<HoverText> text = file ? file->hover(offset(*file, params.position)) : std::nullopt;
  if (!text) {
    return reply(std::nullopt);
  }
  protocol::Hover hover(range(*file, text->range));
  hover.contents.value = text->markdown;
  reply(std::move(hover));
}

void Server::definition(const protocol::TextDocumentPositionParams &params,
                        protocol::Callback<std::vector<protocol::Location>> reply) {
  const Document *file = document(params.textDocument);
  std::optional<syntax::Range> where =
      file ? file->definition(offset(*file, params.position)) : std::nullopt;
  std::vector<protocol::Location> result;
  if (where) {
    auto uri = protocol::URIForFile::fromFile(file->sources().file(where->file).path);
    if (!uri) {
      return reply(uri.takeError());
    }
    result.emplace_back(*uri, range(*file, *where));
  }
  reply(std::move(result));
}

void Server::symbols(const protocol::DocumentSymbolParams &params,
                     protocol::Callback<std::vector<protocol::DocumentSymbol>> reply) {
  std::vector<protocol::DocumentSymbol> result;
  if (const Document *file = document(params.textDocument)) {
    auto add = [&](const syntax::Identifier &name, syntax::Range whole, protocol::SymbolKind kind) {
      result.emplace_back(name.name, kind, range(*file, whole), range(*file, name.range));
    };
    for (const auto &block : file->file()->blocks) {
      add(block->name, block->range, protocol::SymbolKind::Function);
    }
    for (const auto &block : file->file()->models) {
      add(block->name, block->range, protocol::SymbolKind::Class);
    }
    for (const auto &section : file->file()->sections) {
      add(section->name, section->range, protocol::SymbolKind::Object);
    }
  }
  reply(std::move(result));
}

void Server::formatting(const protocol::DocumentSymbolParams &params,
                        protocol::Callback<std::vector<protocol::TextEdit>> reply) {
  std::vector<protocol::TextEdit> edits;
  const Document *file = document(params.textDocument);
  std::optional<std::string> text = file ? file->formatted() : std::nullopt;
  if (text && *text != mainFile(*file).text) {
    protocol::TextEdit edit;
    edit.range = range(*file, {file->file()->id, 0, uint32_t(mainFile(*file).text.size())});
    edit.newText = std::move(*text);
    edits.push_back(std::move(edit));
  }
  reply(std::move(edits));
}

} // namespace

llvm::Expected<int> serve(protocol::JSONTransport &transport,
                          const std::vector<std::string> &includeDirs) {
  Server server(transport, includeDirs);
  if (llvm::Error error = transport.run(server.handler)) {
    return std::move(error);
  }
  return server.shutDown ? 0 : 1;
}

} // namespace mome::lsp
