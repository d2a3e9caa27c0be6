// libFuzzer: JSON sections of a hostile package parse or throw Error.
#include <cstdint>

#include "runtime/data/stream.h"
#include "runtime/error.h"
#include "runtime/train/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(bytes), size);
  try {
    mome::train::parse_config("t", text);
  } catch (const mome::Error &) {
  }
  try {
    mome::data::parse_source("d", text);
  } catch (const mome::Error &) {
  }
  return 0;
}
