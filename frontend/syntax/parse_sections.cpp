// Imports, train and data sections. Settings share one grammar; what a keyword means is the
// elaborator's business.
#include "frontend/syntax/parser_base.h"

namespace mome::syntax {

Import Parser::import() {
  Import result;
  result.range = last();
  if (peek().kind != TokenKind::string) {
    error(peek().range, "E0112",
          "expected the file to import, as in `import \"lib/vit.mome\" { ViT }`");
    return result;
  }
  result.path_range = peek().range;
  result.path = take().text;
  Range open = peek().range;
  if (!expect("{", "before the imported names")) {
    return result;
  }
  for (skip_newlines(); !peek().is("}") && !panicking_; skip_newlines()) {
    if (std::optional<Identifier> name = expect_name("an imported name")) {
      result.names.push_back(*name);
    }
    if (!accept(",")) {
      skip_newlines();
      break;
    }
  }
  expect_close("}", "after the imported names", open);
  result.range = result.range.to(last());
  return result;
}

std::unique_ptr<Section> Parser::section(bool train) {
  auto result = std::make_unique<Section>();
  result->train = train;
  result->range = last();
  std::optional<Identifier> name = expect_name("the section's name");
  std::string_view link = train ? "of" : "for";
  if (!name || !accept_name(link)) {
    error(peek().range, "E0121", "expected '" + std::string(link) + "' and the model's name");
    return result;
  }
  result->name = *name;
  if (std::optional<Identifier> model = expect_name("the model's name")) {
    result->model = *model;
  }
  if (accept_name("after")) {
    result->after = expect_name("the earlier stage");
    if (accept(".")) {
      result->after_which = expect_name("best or last");
    }
  }
  Range open = peek().range;
  if (panicking_ || !expect("{", "before the settings")) {
    return result;
  }
  int inside = braces_;
  for (skip_newlines(); !peek().is("}") && !at_end() && !at_declaration(); skip_newlines()) {
    begin_statement();
    setting(*result);
    if (!panicking_) {
      end_statement();
    }
    if (panicking_) {
      recover(inside);
    }
  }
  unclosed_ = !expect_close("}", "to close the section", open);
  result->range = result->range.to(last());
  return result;
}

/// `batch 8, eval_batch 8` is two settings on a line; `stream a = x, b = y` is one with two items.
void Parser::setting(Section &section) {
  static constexpr std::string_view keywords[] = {"batch", "eval_batch", "accumulate", "precision",
                                                  "seed"};
  while (true) {
    std::optional<Identifier> keyword = expect_name("a setting");
    if (!keyword) {
      return;
    }
    Setting result;
    result.keyword = *keyword;
    if (peek().is("{")) { // val { resize_short, center_crop }
      SettingItem item;
      item.range = peek().range;
      item.body = setting_body();
      result.items.push_back(std::move(item));
    } else {
      bool more;
      do {
        result.items.push_back(setting_item(result.keyword.name, false));
        more = false;
        if (peek().is(",") && !panicking_) {
          bool next_setting = false;
          for (std::string_view word : keywords) {
            next_setting |= peek(1).named(word);
          }
          more = !next_setting && accept(",");
        }
      } while (more);
    }
    result.range = result.keyword.range.to(last());
    section.settings.push_back(std::move(result));
    if (panicking_ || !accept(",")) {
      return;
    }
  }
}

SettingItem Parser::setting_item(std::string_view keyword, bool nested) {
  Depth depth(*this);
  SettingItem item;
  item.range = peek().range;
  if (too_deep()) {
    return item;
  }
  bool patterned = keyword == "init" || keyword == "freeze" || keyword == "scale" ||
                   (keyword == "group" && !peek().named("rank"));
  if (patterned && !nested) {
    item.pattern = peek().kind == TokenKind::string ? take().text : pattern();
  } else if (at_name() && peek(1).is("=")) {
    const Token &name = take();
    item.name = {name.text, name.range};
    take();
    item.value = expression();
  } else if (!peek().is("{")) {
    item.value = expression();
  }
  while (at_name() && !panicking_) {
    const Token &word = take();
    item.words.push_back({word.text, word.range});
    bool takes_value = word.text == "from" || word.text == "epoch" ||
                       (word.text == "by" && keyword == "scale") ||
                       (nested && (word.text == "map"));
    if (takes_value && peek().kind != TokenKind::newline && !peek().is("{") && !peek().is(",")) {
      item.extra = expression();
    }
  }
  if (peek().is("{")) {
    item.body = setting_body();
  }
  item.range = item.range.to(last());
  return item;
}

/// `{ weight_decay = 0 }`, `{ map uniformerv2, skip "a.**" }`, `{ normalize(0.45, 0.225) }`.
std::vector<SettingItem> Parser::setting_body() {
  std::vector<SettingItem> result;
  Range open = take().range;
  for (skip_newlines(); !peek().is("}") && !at_end() && !panicking_; skip_newlines()) {
    if ((peek().named("map") || peek().named("skip")) &&
        (peek(1).kind == TokenKind::name || peek(1).kind == TokenKind::string)) {
      SettingItem item;
      const Token &word = take();
      item.range = word.range;
      item.name = {word.text, word.range};
      if (word.text == "skip" && at_name()) { // a pattern without quotes
        item.value = std::make_unique<Expr>(ExprKind::string, peek().range);
        item.value->text = pattern();
        item.value->range = item.value->range.to(last());
      } else {
        item.value = expression();
      }
      item.range = item.range.to(last());
      result.push_back(std::move(item));
    } else {
      result.push_back(setting_item("", true));
    }
    if (!accept(",")) {
      skip_newlines();
    }
  }
  expect_close("}", "after the settings", open);
  return result;
}

/// A path pattern: `experts.*.conv1`, `experts.**`, `head.logits[2]`.
std::string Parser::pattern() {
  std::string result;
  while (true) {
    // `blocks.3.4`: the lexer took 3.4 for a number.
    if (at_name() || peek().is("*") || peek().is("**") || peek().kind == TokenKind::integer ||
        peek().kind == TokenKind::real) {
      result += take().text;
    } else {
      error(peek().range, "E0122", "expected a path pattern, as in experts.*.conv1");
      return result;
    }
    if (peek().is("[") && peek(1).kind == TokenKind::integer && peek(2).is("]")) {
      take();
      result += "." + take().text;
      take();
    }
    if (!peek().is(".")) {
      return result;
    }
    result += take().text;
  }
}

} // namespace mome::syntax
