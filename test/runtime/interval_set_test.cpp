#include "runtime/interval_set.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace mome::test {
namespace {

TEST(IntervalSet, MeetsWhatItHolds) {
  IntervalSet set;
  EXPECT_FALSE(set.meets(0, 100));
  set.add(10, 20);
  EXPECT_TRUE(set.meets(19, 30));
  EXPECT_TRUE(set.meets(0, 11));
  EXPECT_TRUE(set.meets(12, 13));
  EXPECT_FALSE(set.meets(20, 30));
  EXPECT_FALSE(set.meets(0, 10));
  EXPECT_FALSE(set.meets(15, 15)); // empty
}

TEST(IntervalSet, JoinsNeighbours) {
  IntervalSet set;
  set.add(10, 20);
  set.add(30, 40);
  EXPECT_EQ(set.size(), 2u);
  set.add(20, 30);
  EXPECT_EQ(set.size(), 1u);
  set.add(5, 5); // empty
  set.add(0, 100);
  EXPECT_EQ(set.size(), 1u);
  EXPECT_TRUE(set.meets(99, 100));
}

TEST(IntervalSet, AgreesWithASetOfNumbers) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 200; ++trial) {
    IntervalSet set;
    std::vector<bool> held(64);
    for (int step = 0; step < 12; ++step) {
      const unsigned begin = random() % 64, end = begin + random() % (65 - begin);
      bool meets = false;
      for (unsigned i = begin; i < end; ++i) {
        meets = meets || held[i];
      }
      ASSERT_EQ(set.meets(begin, end), meets) << begin << " " << end;
      if (step % 3 != 2) {
        set.add(begin, end);
        std::fill(held.begin() + begin, held.begin() + end, true);
      }
    }
  }
}

} // namespace
} // namespace mome::test
