// See module_sources.h.
#include "tools/momec/module_sources.h"

#include "dialects/RT/RT.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mome;

namespace momec {

static DictionaryAttr packageOf(ModuleOp module) {
  return module->getAttrOfType<DictionaryAttr>(rt::RTDialect::packageAttrName);
}

void attachSources(ModuleOp module, ArrayRef<SourceText> sources) {
  Builder builder(module.getContext());
  SmallVector<Attribute> list;
  for (const auto &[path, text] : sources) {
    list.push_back(
        builder.getDictionaryAttr({builder.getNamedAttr("path", builder.getStringAttr(path)),
                                   builder.getNamedAttr("text", builder.getStringAttr(text))}));
  }
  NamedAttrList package(packageOf(module));
  package.set("sources", builder.getArrayAttr(list));
  module->setAttr(rt::RTDialect::packageAttrName, package.getDictionary(module.getContext()));
}

std::vector<SourceText> getSources(ModuleOp module) {
  std::vector<SourceText> sources;
  DictionaryAttr package = packageOf(module);
  auto files = package ? package.getAs<ArrayAttr>("sources") : ArrayAttr();
  for (Attribute attribute : files ? files.getValue() : ArrayRef<Attribute>()) {
    auto file = dyn_cast<DictionaryAttr>(attribute); // a text of the user may say anything
    auto path = file ? file.getAs<StringAttr>("path") : StringAttr();
    auto text = file ? file.getAs<StringAttr>("text") : StringAttr();
    if (path && text) {
      sources.push_back({path.str(), text.str()});
    }
  }
  return sources;
}

std::string sourceLine(ModuleOp module, StringRef place) {
  auto [path, number] = place.rsplit(':');
  unsigned line = 0;
  if (number.getAsInteger(10, line)) {
    return "";
  }
  for (const SourceText &source : getSources(module)) {
    if (source.path == path) {
      StringRef rest = source.text;
      for (unsigned i = 1; i < line; ++i) {
        rest = rest.split('\n').second;
      }
      return rest.split('\n').first.trim().str();
    }
  }
  return "";
}

} // namespace momec
