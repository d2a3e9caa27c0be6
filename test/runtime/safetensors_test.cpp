// The safetensors reader: what it accepts, and every promise of the format it holds a file to.
#include <cstring>

#include "runtime/safetensors.h"
#include "test/runtime/temp_data.h"

namespace mome {
namespace {

using test::expect_error;

std::string file_of(const std::string &header, size_t data) {
  const uint64_t length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header + std::string(data, '\1');
}

void parse(const std::string &text) {
  SafetensorsFile(std::as_bytes(std::span(text)), "f.safetensors");
}

TEST(Safetensors, RoundTrip) {
  test::TempDir dir;
  const float a[] = {1, 2, 3};
  train::TensorFileWriter writer(
      dir / "t.safetensors",
      {{"a", BindKind::param, DType::f32, {3, 1}}, {"empty", BindKind::param, DType::i64, {0}}},
      {{"format", "pt"}});
  writer.add(std::as_bytes(std::span(a)));
  writer.add({});
  const std::string hash = writer.commit();
  const SafetensorsFile file(dir / "t.safetensors");
  EXPECT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.find("a")->shape, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(std::memcmp(file.find("a")->bytes.data(), a, sizeof a), 0);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(hash, xxh3_hex(test::slurp(dir / "t.safetensors")));
}

TEST(Safetensors, Refuses) {
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  parse(file_of("{" + a + "}", 8));
  expect_error(5, {"only 3 bytes"}, [] { parse("abc"); });
  expect_error(5, {"claims"}, [] { parse(std::string(8, '\xff') + "{}"); });
  expect_error(5, {"not valid JSON"}, [] { parse(file_of("{\"a\":", 0)); });
  expect_error(5, {"not a JSON object"}, [] { parse(file_of("[]", 0)); });
  expect_error(5, {"'a' appears twice"}, [&] { parse(file_of("{" + a + "," + a + "}", 8)); });
  expect_error(5, {"at its end"}, [&] { parse(file_of("{" + a + "}", 9)); });
  expect_error(5, {"outside the file"}, [&] { parse(file_of("{" + a + "}", 7)); });
  expect_error(5, {"does not fill"}, [] {
    parse(file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8));
  });
  expect_error(5, {"does not fill"}, [] {
    parse(file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}})",
                  0));
  });
  expect_error(5, {"F8_E5M2"}, [] {
    parse(file_of(R"({"a":{"dtype":"F8_E5M2","shape":[8],"data_offsets":[0,8]}})", 8));
  });
  expect_error(5, {"must hold sizes"}, [] {
    parse(file_of(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8));
  });
  expect_error(5, {"overlaps"}, [&] {
    parse(file_of("{" + a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12));
  });
  expect_error(5, {"hole"}, [&] {
    parse(file_of("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16));
  });
  expect_error(5, {"unknown key 'x'"}, [] {
    parse(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", 8));
  });
  expect_error(5, {"metadata"}, [] { parse(file_of(R"({"__metadata__":{"a":1}})", 0)); });
}

} // namespace
} // namespace mome
