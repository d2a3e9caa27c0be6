// Strict reading of JSON objects: every key is asked for once, what nobody asked for is an error.
//
//   JsonObject o(json, "train section 'finetune'");
//   batch = o.integer("batch");  kind = o.text("kind", "shuffle");  o.done();
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "runtime/error.h"

namespace mome {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;
using MakeError = std::function<Error(std::string where, std::string what)>;

/// Parses text; throws make_error(where, ...) for what is not JSON.
inline Json parse_json(std::string_view text, const std::string &where,
                       const MakeError &make_error) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    throw make_error(where, "not valid JSON");
  }
  return json;
}

class JsonObject {
public:
  JsonObject(const Json &json, std::string where, MakeError make_error)
      : json(json), where(std::move(where)), make_error(std::move(make_error)) {
    if (!json.is_object()) {
      fail("an object is expected");
    }
  }

  [[noreturn]] void fail(const std::string &what) const { throw make_error(where, what); }

  /// The value of a key, or null when it is absent.
  const Json *find(std::string_view key) {
    asked.emplace(key);
    const auto it = json.find(key);
    return it == json.end() ? nullptr : &*it;
  }
  const Json &get(std::string_view key) {
    const Json *value = find(key);
    if (value == nullptr) {
      fail("no key '" + std::string(key) + "'");
    }
    return *value;
  }

  std::string text(std::string_view key) { return as_text(key, get(key)); }
  std::string text(std::string_view key, std::string_view absent) {
    const Json *value = find(key);
    return value == nullptr ? std::string(absent) : as_text(key, *value);
  }
  int64_t integer(std::string_view key) { return as_integer(key, get(key)); }
  int64_t integer(std::string_view key, int64_t absent) {
    const Json *value = find(key);
    return value == nullptr ? absent : as_integer(key, *value);
  }
  double number(std::string_view key, double absent) {
    const Json *value = find(key);
    if (value != nullptr && !value->is_number()) {
      fail("'" + std::string(key) + "' must be a number");
    }
    return value == nullptr ? absent : value->get<double>();
  }
  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> result;
    for (const Json &value : array(key)) {
      result.push_back(as_text(key, value));
    }
    return result;
  }
  std::vector<double> numbers(std::string_view key) {
    std::vector<double> result;
    for (const Json &value : array(key)) {
      if (!value.is_number()) {
        fail("'" + std::string(key) + "' must hold numbers");
      }
      result.push_back(value.get<double>());
    }
    return result;
  }
  /// An array, empty when the key is absent.
  Json array(std::string_view key) {
    const Json *value = find(key);
    if (value != nullptr && !value->is_array()) {
      fail("'" + std::string(key) + "' must be a list");
    }
    return value == nullptr ? Json::array() : *value;
  }

  /// Call last: keys nobody asked for are errors.
  void done() const {
    for (const auto &item : json.items()) {
      if (asked.find(item.key()) == asked.end()) {
        fail("unknown key '" + item.key() + "'");
      }
    }
  }

private:
  const Json &json;
  std::string where;
  MakeError make_error;
  std::set<std::string, std::less<>> asked;

  std::string as_text(std::string_view key, const Json &value) const {
    if (!value.is_string()) {
      fail("'" + std::string(key) + "' must be a string");
    }
    return value.get<std::string>();
  }
  int64_t as_integer(std::string_view key, const Json &value) const {
    if (!value.is_number_integer()) {
      fail("'" + std::string(key) + "' must be an integer");
    }
    return value.get<int64_t>();
  }
};

} // namespace mome
