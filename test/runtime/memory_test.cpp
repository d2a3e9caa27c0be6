// How much memory a process may still take: the machine's, and that of every control group it is in.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "runtime/cpu_device.h"

namespace mome::test {
namespace {

namespace fs = std::filesystem;

class Memory : public testing::Test {
protected:
  fs::path root =
      fs::temp_directory_path() / ("mome_memory_" + std::to_string(::getpid()) +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());

  void SetUp() override {
    fs::remove_all(root);
    write("proc/meminfo", "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n");
  }
  void TearDown() override { fs::remove_all(root); }
  void write(const std::string &path, const std::string &text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  uint64_t available() const { return available_memory(root.string()); }
};

TEST_F(Memory, OfTheMachine) {
  EXPECT_EQ(available(), uint64_t(8000000) << 10);
}

TEST_F(Memory, OfTheTightestGroup) {
  write("proc/self/cgroup", "0::/user/job\n");
  write("sys/fs/cgroup/user/job/memory.max", "max\n");
  write("sys/fs/cgroup/user/job/memory.current", "1000\n");
  EXPECT_EQ(available(), uint64_t(8000000) << 10);
  write("sys/fs/cgroup/user/memory.max", "5000000\n");
  write("sys/fs/cgroup/user/memory.current", "2000000\n");
  EXPECT_EQ(available(), 3000000u);
  write("sys/fs/cgroup/user/job/memory.max", "1500\n");
  EXPECT_EQ(available(), 500u);
  write("sys/fs/cgroup/user/job/memory.current", "2500\n"); // over its limit
  EXPECT_EQ(available(), 0u);
}

TEST_F(Memory, InAContainerTheRootGroupCounts) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "4096\n");
  write("sys/fs/cgroup/memory.current", "96\n");
  EXPECT_EQ(available(), 4000u);
}

TEST_F(Memory, OfAGroupOfVersion1) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/a\n3:memory:/docker/abc\nnonsense\n");
  write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9000\n");
  write("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(available(), 8000u);
}

TEST_F(Memory, DamagedFilesAreNoLimit) {
  write("proc/self/cgroup", "0::/job\n");
  write("sys/fs/cgroup/job/memory.max", "lots\n");
  write("sys/fs/cgroup/job/memory.current", "");
  EXPECT_EQ(available(), uint64_t(8000000) << 10);
}

} // namespace
} // namespace mome::test
