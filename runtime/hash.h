// XXH3-128: the integrity hash of packages, checkpoints and data indices; printed as 32 hex digits.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mome {

class Xxh3 {
public:
  Xxh3();
  void update(std::span<const std::byte> bytes);
  std::string hex() const;

private:
  struct Free {
    void operator()(void *state) const;
  };
  std::unique_ptr<void, Free> state;
};

std::string xxh3_hex(std::span<const std::byte> bytes);
std::string xxh3_hex(std::string_view text);

} // namespace mome
