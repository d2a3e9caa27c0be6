#include "runtime/hash.h"

#include <cstdio>

#include <xxhash.h>

namespace mome {
namespace {

std::string to_hex(XXH128_hash_t h) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)h.high64,
                (unsigned long long)h.low64);
  return text;
}

} // namespace

Xxh3::Xxh3() : state(XXH3_createState()) {
  XXH3_128bits_reset(static_cast<XXH3_state_t *>(state.get()));
}

void Xxh3::Free::operator()(void *s) const {
  XXH3_freeState(static_cast<XXH3_state_t *>(s));
}

void Xxh3::update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(static_cast<XXH3_state_t *>(state.get()), bytes.data(), bytes.size());
}

std::string Xxh3::hex() const {
  return to_hex(XXH3_128bits_digest(static_cast<XXH3_state_t *>(state.get())));
}

std::string xxh3_hex(std::span<const std::byte> bytes) {
  return to_hex(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string xxh3_hex(std::string_view text) {
  return xxh3_hex(std::as_bytes(std::span(text)));
}

} // namespace mome
