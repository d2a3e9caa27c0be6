// Writes the tiny package to a file, for tests of tools and of the C API.
#include "test/runtime/tiny_package.h"

int main(int argc, char **argv) {
  const std::vector<uint8_t> bytes = mome::test::tiny_package();
  std::ofstream out(argv[1], std::ios::binary);
  out.write(reinterpret_cast<const char *>(bytes.data()), long(bytes.size()));
  return out.flush() && argc == 2 ? 0 : 1;
}
