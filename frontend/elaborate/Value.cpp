// See Value.h.
#include "frontend/elaborate/Value.h"

#include "frontend/syntax/ast.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Format.h"

namespace mome::elaborate {

using namespace syntax;

std::string Value::describe(int64_t batch) const {
  struct Describer {
    int64_t batch;
    std::string operator()(const Poison &) { return "an invalid value"; }
    std::string operator()(const None &) { return "nothing"; }
    std::string operator()(bool value) { return value ? "true" : "false"; }
    std::string operator()(int64_t value) { return std::to_string(value); }
    std::string operator()(double value) {
      llvm::SmallString<16> text;
      llvm::raw_svector_ostream(text) << llvm::format("%g", value);
      return text.str().str();
    }
    std::string operator()(const std::string &value) { return "\"" + value + "\""; }
    std::string operator()(const Tensor &value) { return elaborate::describe(value, batch); }
    std::string operator()(const std::shared_ptr<List> &value) {
      return "a list of " + std::to_string(value->size());
    }
    std::string operator()(const BlockRef &value) {
      return "block '" + value.block->name.name + "'";
    }
    std::string operator()(const Modality &value) { return "modality '" + value.name + "'"; }
    std::string operator()(const ExpertRef &value) { return "expert '" + value->name + "'"; }
    std::string operator()(const ExpertsRef &) { return "the experts"; }
    std::string operator()(const Weights &value) {
      return "the gate's weights " + elaborate::describe(value.tensor, batch);
    }
    std::string operator()(const Range &value) {
      return std::to_string(value.begin) + ".." + std::to_string(value.end);
    }
    std::string operator()(const Initializer &value) { return "initialiser " + value.kind; }
  };
  return std::visit(Describer{batch}, data);
}

} // namespace mome::elaborate
