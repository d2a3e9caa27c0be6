// What sections are made of: numbers, calls and words of the text, their JSON, and named scalars.
#include "frontend/elaborate/SectionElaborator.h"

#include "llvm/ADT/StringExtras.h"

namespace mome::elaborate {

using namespace syntax;
namespace json = llvm::json;

std::optional<double> SectionElaborator::number(const Expr *expr, llvm::StringRef what) {
  if (!expr) {
    error(settingRange, "E0401", what.str() + " needs a number");
    return std::nullopt;
  }
  if (expr->kind == ExprKind::quantity) {
    return expr->real;
  }
  Value value = e.evaluate(*expr);
  if (std::optional<double> result = value.number()) {
    return result;
  }
  if (!value.poisoned()) {
    error(expr->range, "E0401", what.str() + " needs a number, not " + e.describe(value));
  }
  return std::nullopt;
}

const Expr *SectionElaborator::call(const Setting &setting, std::string &name) {
  const Expr *expr = setting.items.empty() ? nullptr : setting.items[0].value.get();
  if (expr && expr->kind == ExprKind::call && expr->children[0]->kind == ExprKind::name) {
    name = expr->children[0]->text;
    return expr;
  }
  if (expr && expr->kind == ExprKind::name) {
    name = expr->text;
    return expr;
  }
  error(setting.range, "E0401",
        "'" + setting.keyword.name + "' needs a kind, as in " +
            (setting.keyword.name == "clip"       ? "global_norm(20)"
             : setting.keyword.name == "schedule" ? "cosine(epochs = 100)"
                                                  : "adamw(lr = 1e-3)"));
  return nullptr;
}

const Expr *SectionElaborator::argument(const Expr &call, llvm::StringRef name, size_t position) {
  size_t seen = 0;
  for (const Argument &argument : call.arguments) {
    if (argument.name.name.empty() ? seen++ == position : argument.name.name == name) {
      return argument.value.get();
    }
  }
  return nullptr;
}

/// Reports arguments that there are none of, and those given twice. The first `positional` of the
/// names may be left out.
void SectionElaborator::checkArguments(const Expr &call, llvm::ArrayRef<llvm::StringRef> names,
                                       size_t positional) {
  std::string kind = call.kind == ExprKind::call ? call.children[0]->text : call.text;
  std::set<llvm::StringRef> given;
  size_t seen = 0;
  for (const Argument &argument : call.arguments) {
    llvm::StringRef name = argument.name.name;
    if (name.empty() && seen < positional) {
      name = names[seen++];
    }
    if (name.empty()) {
      error(argument.value->range, "E0402",
            "'" + kind + "' wants this by name; known: " + llvm::join(names, ", "));
    } else if (!llvm::is_contained(names, name)) {
      error(argument.name.range, "E0402",
            "'" + kind + "' has no '" + name.str() + "'; known: " + llvm::join(names, ", "));
    } else if (!given.insert(name).second) {
      error(argument.value->range, "E0402", "'" + name.str() + "' is given twice");
    }
  }
}

std::string SectionElaborator::word(const Expr *expr) const {
  return expr ? std::string(e.sources.text(expr->range)) : std::string();
}

json::Value SectionElaborator::toJson(const Expr &expr) {
  switch (expr.kind) {
  case ExprKind::integer:
    return expr.integer;
  case ExprKind::real:
  case ExprKind::quantity:
    return expr.real;
  case ExprKind::boolean:
    return expr.boolean;
  case ExprKind::string:
  case ExprKind::name:
    return expr.text;
  case ExprKind::unary:
    return expr.children[0]->kind == ExprKind::integer ? json::Value(-expr.children[0]->integer)
                                                       : json::Value(-expr.children[0]->real);
  case ExprKind::list: {
    json::Array array;
    for (const ExprPtr &child : expr.children) {
      array.push_back(toJson(*child));
    }
    return array;
  }
  case ExprKind::binary:
    if (expr.text == "..") {
      return json::Array{toJson(*expr.children[0]), toJson(*expr.children[1])};
    }
    break;
  case ExprKind::call: {
    json::Object object{{"kind", word(expr.children[0].get())}};
    json::Array positional;
    for (const Argument &argument : expr.arguments) {
      if (argument.name.name.empty()) {
        positional.push_back(toJson(*argument.value));
      } else {
        object[argument.name.name] = toJson(*argument.value);
      }
    }
    if (!positional.empty()) {
      object["args"] = std::move(positional);
    }
    return object;
  }
  default:
    break;
  }
  return word(&expr);
}

json::Value SectionElaborator::toJson(const SettingItem &item) {
  json::Object object;
  if (!item.name.name.empty()) {
    object["name"] = item.name.name;
  }
  if (item.value) {
    object["value"] = toJson(*item.value);
  }
  for (size_t i = 0; i + 1 < item.words.size(); ++i) {
    if (item.words[i].name == "on") {
      object["on"] = item.words[i + 1].name;
    }
  }
  json::Array body;
  for (const SettingItem &inner : item.body) {
    body.push_back(toJson(inner));
  }
  if (!body.empty()) {
    object["body"] = std::move(body);
  }
  return object;
}

void SectionElaborator::scalar(llvm::StringRef leaf, double value, mlir::Type type) {
  e.declareScalar(full(leaf), model::ScalarKind::train, value, type ? type : e.builder.getF32Type(),
                  e.loc(section.name.range));
}

void SectionElaborator::hostScalar(llvm::StringRef leaf) {
  e.declareScalar(full(leaf), model::ScalarKind::host, 0, e.builder.getF32Type(),
                  e.loc(section.name.range));
}

void SectionElaborator::argumentScalar(const Expr &call, llvm::StringRef name, size_t position,
                                       std::optional<double> fallback) {
  const Expr *expr = argument(call, name, position);
  if (!expr && fallback) {
    scalar(name, *fallback);
  } else if (std::optional<double> value = number(expr, "'" + name.str() + "'")) {
    if (*value < 0) { // of rates, decays, epochs and shares
      return error(expr->range, "E0401", "'" + name.str() + "' must not be negative");
    }
    scalar(name, *value);
  }
}

} // namespace mome::elaborate
