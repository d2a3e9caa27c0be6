// Small text helpers of the runtime: lists in messages, "did you mean".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mome {

/// "a, b, c", cut after `limit` names.
std::string join_names(const std::vector<std::string> &names, size_t limit = 40);

/// "did you mean 'x'?" when a name is near, else `otherwise` followed by the list.
std::string suggestion(std::string_view name, const std::vector<std::string> &names,
                       std::string_view otherwise);

/// "1.5 GiB"
std::string bytes_text(uint64_t bytes);

/// Glob over DSL paths: `*` matches within a path element, `**` anything.
bool matches_pattern(std::string_view pattern, std::string_view path);

} // namespace mome
