// RandAugment on 8-bit pictures, "rand-mM-nN-mstdS-inc1": N of fifteen operations, drawn with
// replacement, each applied with probability 1/2 at a magnitude drawn from N(M, S) in [0, 10]; the
// same for all pictures of a clip. Colour operations leave luma pictures as they are. Geometry is
// resampled bicubically (a = -0.5), outside is gray.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/data/video/config.h"
#include "runtime/video/video.h"

namespace mome::data {

enum class Augmentation : uint8_t {
  auto_contrast,
  equalize,
  invert,
  rotate,
  posterize,
  solarize,
  solarize_add,
  color,
  contrast,
  brightness,
  sharpness,
  shear_x,
  shear_y,
  translate_x,
  translate_y
};
constexpr size_t augmentation_count = 15;

/// One operation with its level: an angle, a factor, a threshold, a fraction.
struct AugmentStep {
  Augmentation kind;
  double level = 0;
};

/// The steps of a clip.
std::vector<AugmentStep> draw_augmentations(const RandAugment &config, uint64_t seed,
                                            uint32_t stream);
void apply_augmentation(const AugmentStep &step, video::Frames &frames);

} // namespace mome::data
