// Panel layouts and the search for numbers that are not finite.
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

#include "runtime/layout.h"
#include "runtime/numerics.h"

namespace mome::test {
namespace {

template <typename T> std::span<const std::byte> bytes_of(const std::vector<T> &v) {
  return std::as_bytes(std::span(v));
}

TEST(Layout, PanelsAreAsDocumented) {
  const NamedTensor t{"w", BindKind::param, DType::i32, {3, 2}};
  const std::vector<int32_t> natural = {10, 11, 20, 21, 30, 31};
  EXPECT_EQ(stored_bytes(t, 2), 32u);
  std::vector<int32_t> stored(8, 99);
  pack_panels(t, 2, bytes_of(natural), std::as_writable_bytes(std::span(stored)));
  EXPECT_EQ(stored, (std::vector<int32_t>{10, 20, 11, 21, 30, 0, 31, 0}));
}

TEST(Layout, UnpackUndoesPack) {
  for (const std::vector<int64_t> &shape : std::vector<std::vector<int64_t>>{
           {1}, {48}, {5}, {7, 3}, {16, 4}, {9, 2, 5}, {1, 1, 1, 1}}) {
    for (uint32_t panel : {1u, 2u, 8u, 16u, 48u}) {
      const NamedTensor t{"w", BindKind::param, DType::f32, shape};
      std::vector<float> natural(t.elements()), back(t.elements());
      std::iota(natural.begin(), natural.end(), 1.0f);
      std::vector<std::byte> stored(stored_bytes(t, panel));
      pack_panels(t, panel, bytes_of(natural), stored);
      unpack_panels(t, panel, stored, std::as_writable_bytes(std::span(back)));
      EXPECT_EQ(back, natural) << shape_text(shape) << " " << panel;
    }
  }
}

TEST(Numerics, FindsTheFirstBadNumber) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(find_bad_number(DType::f32, bytes_of(std::vector<float>{0, -1, 3e38f, 1e-45f})));
  const auto bad = find_bad_number(DType::f32, bytes_of(std::vector<float>{0, -inf, NAN}));
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->index, 1u);
  EXPECT_EQ(bad->value, -inf);
  const auto wide = find_bad_number(DType::f64, bytes_of(std::vector<double>{1e300, 2, NAN}));
  ASSERT_TRUE(wide);
  EXPECT_EQ(wide->index, 2u);
  EXPECT_TRUE(std::isnan(wide->value));
  const auto brief = find_bad_number(DType::bf16, bytes_of(std::vector<uint16_t>{0x7f7f, 0x7f80}));
  ASSERT_TRUE(brief);
  EXPECT_EQ(brief->index, 1u);
  EXPECT_EQ(brief->value, inf);
  EXPECT_FALSE(find_bad_number(DType::i32, bytes_of(std::vector<int32_t>{0x7f800000})));
}

} // namespace
} // namespace mome::test
