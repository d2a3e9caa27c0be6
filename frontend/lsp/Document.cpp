#include "frontend/lsp/Document.h"

#include "frontend/syntax/format.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

namespace mome::lsp {

using namespace syntax;

Document::Document(const std::string &path, const elaborate::ReadFile &read,
                   const std::vector<std::string> &includeDirs)
    : diagnostics_(sources_), modules_(sources_, diagnostics_, read, includeDirs),
      context_(mlir::MLIRContext::Threading::DISABLED) {
  module_ = modules_.load(path);
  if (!module_) {
    return;
  }
  Diagnostics again(sources_); // the parser has reported them
  tokens_ = lex(sources_, module_->file.id, again);
  names_.emplace(*module_, tokens_);
  if (!diagnostics_.failed() && module_->models.size() == 1) {
    context_.loadDialect<model::MomeDialect, nn::NNDialect>();
    model_ = elaborate::Elaborator(context_, sources_, diagnostics_, {}).run(*module_);
  }
}

std::optional<Range> Document::definition(uint32_t offset) const {
  const Token *token = names_ ? names_->tokenAt(offset) : nullptr;
  if (!token) {
    return std::nullopt;
  }
  if (token->kind == TokenKind::string) { // the file of an import
    for (const Import &import : module_->file.imports) {
      for (const Identifier &name : import.names) {
        auto found = module_->blocks.find(name.name);
        if (import.path_range.begin == token->range.begin && found != module_->blocks.end()) {
          return Range{found->second.second->file.id, 0, 0};
        }
      }
    }
    return std::nullopt;
  }
  std::optional<Definition> found = names_->find(*token);
  return found ? std::optional(found->range) : std::nullopt;
}

std::optional<HoverText> Document::hover(uint32_t offset) const {
  const Token *token = names_ ? names_->tokenAt(offset) : nullptr;
  if (!token || token->kind != TokenKind::name) {
    return std::nullopt;
  }
  std::string text;
  if (std::optional<Definition> found = names_->find(*token)) {
    text = describe(*found);
  } else if (const elaborate::Builtin *builtin = elaborate::findBuiltin(token->text)) {
    std::vector<std::string> parameters;
    for (const elaborate::Parameter &parameter : builtin->parameters) {
      parameters.push_back(parameter.name.str() + (parameter.fallback ? " = ..." : ""));
    }
    text = "```mome\n" + token->text + "(" + llvm::join(parameters, ", ") + ")\n```\n" +
           builtin->summary.str();
  } else {
    return std::nullopt;
  }
  std::string values = describeValues(token->range);
  return HoverText{token->range, text + (values.empty() ? "" : "\n\n" + values)};
}

std::optional<std::string> Document::formatted() const {
  if (!module_) {
    return std::nullopt;
  }
  Diagnostics again(sources_);
  return format(sources_, module_->file.id, again);
}

/// The first line of what defines a name, and what is known about its value.
std::string Document::describe(const Definition &definition) const {
  if (definition.block) {
    return describeBlock(*definition.block);
  }
  const Statement *statement = definition.statement;
  if (!statement) {
    return "```mome\n" + std::string(sources_.text(definition.range)) + "\n```";
  }
  std::string_view source = sources_.text(statement->range);
  std::string text = "```mome\n" + std::string(source.substr(0, source.find('\n'))) + "\n```";
  if (statement->kind == StatementKind::experts) {
    return text + describeExperts();
  }
  const Expr *value = statement->value.get();
  if (value && value->kind == ExprKind::label) {
    value = value->children[0].get();
  }
  std::string values = describeValues(value ? value->range : definition.range);
  return text + (values.empty() ? "" : "\n\n" + values);
}

/// The head of a block, the comment above it, and for the model what it amounts to.
std::string Document::describeBlock(const Block &block) const {
  std::string_view all = sources_.file(block.range.file).text, source = sources_.text(block.range);
  std::string text = "```mome\n" + std::string(source.substr(0, source.find(" {"))) + "\n```";
  llvm::StringRef above(all.data(), block.range.begin);
  above = above.rtrim(" ");
  std::string comment;
  while (above.consume_back("\n")) {
    llvm::StringRef line = above.substr(above.rfind('\n') + 1);
    if (!line.starts_with("//")) {
      break;
    }
    comment = line.drop_front(2).ltrim().str() + "\n" + comment;
    above = above.drop_back(line.size());
  }
  text += comment.empty() ? "" : "\n" + comment;
  bool isModel = model_ && &block == module_->models.begin()->second.first;
  return text + (isModel ? describeExperts() : "");
}

//===-- What the elaborated model knows
//----------------------------------------------------------===//

static mlir::FileLineColLoc fileLoc(mlir::Location loc) {
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(loc)) {
    return fused.getLocations().empty() ? nullptr : fileLoc(fused.getLocations()[0]);
  }
  return llvm::dyn_cast<mlir::FileLineColLoc>(loc);
}

static std::string shapeText(mlir::RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << type.getElementType() << "[";
  llvm::interleaveComma(type.getShape(), out);
  out << "]";
  return text;
}

static double flopsOf(mlir::Operation *op) {
  auto cost = llvm::dyn_cast<nn::CostModel>(op);
  return cost ? cost.getFlops() : 0;
}

static model::GraphOp evalGraph(mlir::ModuleOp module) {
  model::GraphOp result;
  module.walk([&](model::GraphOp graph) {
    result = graph.getMode() == model::Mode::eval ? graph : result;
  });
  return result;
}

std::string Document::describeCost(double parameters, double flops) const {
  std::string text = llvm::formatv("{0:n} parameters", int64_t(parameters)).str();
  return flops > 0 ? text + llvm::formatv(", {0:f2} MFLOP per sample forward", flops / 1e6).str()
                   : text;
}

/// Shapes, parameters and cost of the operations that stand at the start of `place`.
std::string Document::describeValues(Range place) const {
  if (!model_) {
    return "";
  }
  LineColumn at = sources_.position(place);
  const std::string &path = sources_.file(place.file).path;
  auto here = [&](mlir::Operation *op) {
    mlir::FileLineColLoc loc = fileLoc(op->getLoc());
    return loc && loc.getLine() == at.line && loc.getColumn() == at.column &&
           loc.getFilename() == path;
  };
  double parameters = 0, flops = 0;
  model_.get().walk([&](model::ParamOp param) {
    parameters += here(param)
                      ? double(llvm::cast<mlir::RankedTensorType>(param.getType()).getNumElements())
                      : 0;
  });
  std::vector<std::string> shapes;
  model::GraphOp graph = evalGraph(model_.get());
  graph.walk([&](mlir::Operation *op) {
    if (!here(op)) {
      return;
    }
    flops += flopsOf(op);
    // Steps on the way to the value are used only by their neighbours.
    bool inner = !op->use_empty() && llvm::all_of(op->getUsers(), here);
    auto type = op->getNumResults()
                    ? llvm::dyn_cast<mlir::RankedTensorType>(op->getResult(0).getType())
                    : nullptr;
    if (!inner && type && !llvm::isa<model::ReadOp>(op) &&
        !llvm::is_contained(shapes, shapeText(type))) {
      shapes.push_back(shapeText(type));
    }
  });
  if (shapes.empty()) {
    return "";
  }
  constexpr size_t most = 4;
  std::string text = "`" + llvm::join(llvm::ArrayRef(shapes).take_front(most), "`, `") + "`" +
                     (shapes.size() > most ? ", ..." : "");
  return parameters > 0 || flops > 0
             ? text + ", " + describeCost(parameters, flops / double(graph.getBatch()))
             : text;
}

/// What each expert and the whole model amount to.
std::string Document::describeExperts() const {
  if (!model_) {
    return "";
  }
  model::GraphOp graph = evalGraph(model_.get());
  auto line = [&](const std::string &name, llvm::StringRef prefix, mlir::Operation *scope) {
    double parameters = 0, flops = 0;
    model_.get().walk([&](model::ParamOp param) {
      bool counts = param.getSymName().starts_with(prefix);
      parameters +=
          counts ? double(llvm::cast<mlir::RankedTensorType>(param.getType()).getNumElements()) : 0;
    });
    scope->walk([&](mlir::Operation *op) { flops += flopsOf(op); });
    return "\n- " + name + ": " + describeCost(parameters, flops / double(graph.getBatch()));
  };
  std::string text = "\n";
  graph.walk([&](model::ExpertOp expert) {
    text += line("expert " + expert.getName().str(), ("experts." + expert.getName() + ".").str(),
                 expert);
  });
  return text + line("model", "", graph);
}

//===-- Positions of the protocol
//----------------------------------------------------------------===//

/// UTF-16 code units of the character that starts at `at`, and its bytes.
static std::pair<int, size_t> unitsAt(std::string_view text, size_t at) {
  size_t bytes = std::max<size_t>(1, utf8_length(text, at));
  return {bytes == 4 ? 2 : 1, bytes};
}

std::pair<int, int> positionOf(const SourceFile &file, uint32_t offset) {
  uint32_t line = file.position(offset).line;
  int character = 0;
  for (size_t at = file.line_starts[line - 1]; at < offset;) {
    auto [units, bytes] = unitsAt(file.text, at);
    character += units;
    at += bytes;
  }
  return {int(line) - 1, character};
}

uint32_t offsetOf(const SourceFile &file, int line, int character) {
  if (line < 0 || size_t(line) >= file.line_starts.size()) {
    return uint32_t(file.text.size());
  }
  size_t at = file.line_starts[line], end = at + file.line(line + 1).size();
  while (character > 0 && at < end) {
    auto [units, bytes] = unitsAt(file.text, at);
    character -= units;
    at += bytes;
  }
  return uint32_t(at);
}

} // namespace mome::lsp
