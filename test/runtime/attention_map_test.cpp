// Attention over a clip: what counts as one, its numbers, its picture.
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/train/attention_map.h"

using namespace mome::train;

namespace {

/// Gray 0.5 after normalization is undone.
struct GrayClip {
  std::vector<float> values;
  ClipView view;
  GrayClip(int64_t channels, int64_t frames, int64_t height, int64_t width)
      : values(size_t(channels * frames * height * width), 0.0f),
        view{values, channels, frames, height, width, {"view", 0.5f, 0.25f}} {}
};

/// [heads, frames (1 + patches)], one token of head 0 set to 1.
std::vector<float> single(int64_t heads, int64_t tokens, int64_t token) {
  std::vector<float> weights(size_t(heads * tokens), 0.0f);
  weights[size_t(token)] = 1;
  return weights;
}

} // namespace

TEST(AttentionMap, FindsFramesAndPatchesFromTheNumberOfTokens) {
  const GrayClip clip(3, 8, 224, 224);
  const auto map = attention_map(std::vector<float>(12 * 1576, 1.0f / 1576), 12, clip.view);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->frames, 8);
  EXPECT_EQ(map->rows, 14);
  EXPECT_EQ(map->columns, 14);
  EXPECT_NEAR(map->frame_share(3), 196.0 / 1576, 1e-6);
  EXPECT_NEAR(map->classes[3], 1.0 / 1576, 1e-7);
}

TEST(AttentionMap, AClipMayHaveBeenMadeShorter) {
  const GrayClip clip(3, 8, 32, 32);
  const auto map = attention_map(std::vector<float>(4 * 17, 0.0f), 1, clip.view);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->frames, 4);
  EXPECT_EQ(map->rows, 4);
}

TEST(AttentionMap, PatchesFollowThePicturesProportions) {
  const GrayClip clip(1, 2, 32, 64);
  const auto map = attention_map(std::vector<float>(2 * (1 + 4 * 8), 0.0f), 1, clip.view);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->rows, 4);
  EXPECT_EQ(map->columns, 8);
}

TEST(AttentionMap, OtherNumbersOfTokensAreRefused) {
  const GrayClip clip(3, 4, 32, 32);
  EXPECT_FALSE(attention_map(std::vector<float>(67, 0.0f), 1, clip.view));
  EXPECT_FALSE(attention_map(std::vector<float>(3, 0.0f), 1, clip.view));
}

TEST(AttentionMap, HeadsAreAveraged) {
  const GrayClip clip(3, 2, 32, 32);
  const auto map =
      attention_map(single(4, 2 * 17, 17 + 1 + 6), 4, clip.view); // frame 1, row 1, column 2
  ASSERT_TRUE(map);
  EXPECT_FLOAT_EQ(map->patches[16 + 6], 0.25f);
  EXPECT_FLOAT_EQ(map->frame_share(1), 0.25f);
  EXPECT_FLOAT_EQ(map->frame_share(0), 0.0f);
}

TEST(AttentionMap, ThePictureGlowsWhereTheAttentionIs) {
  const GrayClip clip(1, 2, 32, 32);
  const auto map = attention_map(single(1, 2 * 17, 17 + 1 + 6), 1, clip.view);
  const mome::video::Frames plain = paint_clip(clip.view, nullptr);
  const mome::video::Frames picture = paint_clip(clip.view, &*map);
  ASSERT_EQ(picture.width, 2 * 160 + 4);
  ASSERT_EQ(picture.height, 160);
  const auto red = [](const mome::video::Frames &p, int x, int y) {
    return int(p.pixels[size_t(y * p.width + x) * 3]);
  };
  EXPECT_EQ(red(plain, 10, 10), 128);               // 0.5 of 255
  const int x = 164 + 160 * 5 / 8, y = 160 * 3 / 8; // centre of row 1, column 2 of frame 1
  EXPECT_GE(red(picture, x, y), 210);
  EXPECT_EQ(red(picture, 164 + 10, 150), 128);               // far away: untouched
  EXPECT_EQ(red(picture, 160 * 5 / 8, y), red(plain, 1, 1)); // the other frame: untouched
  const auto most = std::max_element(picture.pixels.begin(), picture.pixels.end());
  EXPECT_EQ(*most, 255); // the gap between the frames
}
