// The identity of a package: XXH3-128 of its bytes, the 32 digits of the hash itself taken as zero
// bytes.
//
// Header only, so that the compiler seals what it writes with the function the runtime checks it
// by:
//   fields.hash = builder.CreateString(mome::unsealed_hash);
//   ... builder.Finish(...);  mome::seal_package({builder.GetBufferPointer(), builder.GetSize()});
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/package_generated.h"

namespace mome {

inline constexpr size_t hash_digits = 32;
inline const std::string unsealed_hash(hash_digits, '0');

/// The hash of a package whose own hash starts at byte `at`; `at + 32 <= bytes.size()`.
inline std::string hash_package(std::span<const uint8_t> bytes, size_t at) {
  static constexpr uint8_t zeros[hash_digits] = {};
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, bytes.data(), at);
  XXH3_128bits_update(&state, zeros, hash_digits);
  XXH3_128bits_update(&state, bytes.data() + at + hash_digits, bytes.size() - at - hash_digits);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
  std::string text;
  for (unsigned char byte : canonical.digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

/// Writes the hash into a finished package built with `unsealed_hash`; returns it.
inline std::string seal_package(std::span<uint8_t> bytes) {
  const flatbuffers::String *field = fb::GetPackage(bytes.data())->hash();
  const size_t at = size_t(field->Data() - bytes.data());
  const std::string text = hash_package(bytes, at);
  std::memcpy(bytes.data() + at, text.data(), hash_digits);
  return text;
}

} // namespace mome
