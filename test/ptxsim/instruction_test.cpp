// Each instruction of the tables against its definition, on lanes full of edge values; and the same
// texts through ptxas where there is one, so that they are PTX and not what we think PTX is.
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/cuda/sim/half.h"
#include "test/ptxsim/instruction_cases.h"
#include "test/ptxsim/support.h"

namespace mome::ptxsim::test {

int domain_size(char domain) {
  switch (domain) {
  case 'j':
  case 'd':
    return 8;
  case 'w':
  case 'h':
  case 'q':
    return 2;
  default:
    return 4;
  }
}

std::string kernel_text(const Case &c, const std::string &name) {
  std::string body = ".visible .entry " + name +
                     "(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd) {\n"
                     ".reg .b32 t, n; .reg .b64 at, offset;\n";
  for (int k = 0; k < 4; ++k) {
    const int size = c.domains[size_t(k)] == '-' ? 4 : domain_size(c.domains[size_t(k)]);
    body += ".reg .b" + std::to_string(8 * size) + " " + char('a' + k) + ";\n";
  }
  body += "mov.u32 t, %tid.x; mov.u32 n, %ctaid.x; mad.lo.u32 t, n, 128, t;\n";
  for (int k = 0; k < 3; ++k) {
    if (c.domains[size_t(k)] == '-') {
      continue;
    }
    const std::string size = std::to_string(domain_size(c.domains[size_t(k)]));
    const std::string bits = std::to_string(8 * domain_size(c.domains[size_t(k)]));
    body += std::string("ld.param.u64 at, [p") + char('a' + k) + "]; mul.wide.u32 offset, t, " +
            size + "; add.u64 at, at, offset; ld.global.b" + bits + " " + char('a' + k) +
            ", [at];\n";
  }
  const std::string size = std::to_string(domain_size(c.domains[3]));
  const std::string bits = std::to_string(8 * domain_size(c.domains[3]));
  return body + c.code + "\nld.param.u64 at, [pd]; mul.wide.u32 offset, t, " + size +
         "; add.u64 at, at, offset; st.global.b" + bits + " [at], d;\nret;\n}\n";
}

namespace {

constexpr size_t count = 384;
const char *const header = ".version 8.7\n.target sm_90\n.address_size 64\n";

uint64_t next(uint64_t &state) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return state ^ state >> 29;
}

/// Edge values first, then noise.
std::vector<uint64_t> inputs(char domain, uint64_t seed) {
  static const float special[] = {
      0.0f,          -0.0f,          1.0f,      -1.0f, 0.5f,   2.5f,     -2.5f,    1e-40f, -1e-42f,
      INFINITY,      -INFINITY,      NAN,       3e38f, -3e38f, 65504.0f, 65520.0f, 1e-7f,  6e-8f,
      2147483648.0f, -2147483904.0f, 0x1p-126f, 1.5f};
  std::vector<uint64_t> values;
  uint64_t state = seed * 7919 + 17;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t noise = next(state);
    const float plain = float(int64_t(noise)) * 0x1p-60f;
    switch (domain) {
    case 's':
      values.push_back(noise >> 40 & (i % 3 ? 31 : 63));
      break;
    case 'f': {
      const bool edge = noise >> 33 & 1;
      values.push_back(edge ? std::bit_cast<uint32_t>(special[(noise >> 8) % std::size(special)])
                            : uint32_t(noise >> 16));
      break;
    }
    case 'g':
      values.push_back(std::bit_cast<uint32_t>(plain == 0 ? 1.0f : plain));
      break;
    case 'd':
      values.push_back(
          std::bit_cast<uint64_t>(i % 4 ? double(int64_t(noise)) * 0x1p-57
                                        : double(special[(noise >> 8) % std::size(special)])));
      break;
    case 'h':
    case 'q':
    case 'w':
      values.push_back(noise >> 24 & 0xffff);
      break;
    case 'j':
      values.push_back(i % 5 == 0 ? (noise & 3) - 2 : i % 7 ? noise : noise >> (noise & 63));
      break;
    default: // i, x, y
      values.push_back(uint32_t(i % 5 == 0 && domain == 'i' ? (noise >> 9 & 3) - 2 : noise >> 20));
    }
  }
  return values;
}

uint64_t narrow(Sim &sim, const std::vector<uint64_t> &values, int size) {
  std::vector<uint8_t> bytes(values.size() * size_t(size));
  for (size_t i = 0; i < values.size(); ++i) {
    std::memcpy(bytes.data() + i * size_t(size), &values[i], size_t(size));
  }
  return sim.buffer(bytes);
}

bool nan_of(char domain, uint64_t bits) {
  switch (domain) {
  case 'f':
    return std::isnan(std::bit_cast<float>(uint32_t(bits)));
  case 'd':
    return std::isnan(std::bit_cast<double>(bits));
  default:
    return false;
  }
}

void check(const Case &c, bool perturb) {
  SCOPED_TRACE(c.name);
  Sim sim(header + kernel_text(c, "k"));
  uint64_t device[3];
  std::vector<uint64_t> values[3];
  for (size_t k = 0; k < 3; ++k) {
    const char domain = c.domains[k];
    values[k] = domain == '-' ? std::vector<uint64_t>(count) : inputs(domain, k + 1);
    device[k] = domain == '-' ? 0 : narrow(sim, values[k], domain_size(domain));
  }
  const int size = domain_size(c.domains[3]);
  const uint64_t out = sim.empty<uint8_t>(count * size_t(size));
  Launch l = shape(count / 128, 128);
  l.perturb = perturb;
  l.seed = l.rounding_seed = perturb;
  EXPECT_CLEAN(sim.run("k", l, device[0], device[1], device[2], out));
  const auto bytes = sim.read<uint8_t>(out, count * size_t(size));
  int wrong = 0;
  for (size_t i = 0; i < count && wrong < 5; ++i) {
    uint64_t got = 0;
    std::memcpy(&got, bytes.data() + i * size_t(size), size_t(size));
    uint64_t want = c.want(values[0][i], values[1][i], values[2][i]);
    if (size < 8) {
      want &= (uint64_t{1} << (8 * size)) - 1;
    }
    bool ok = got == want || (nan_of(c.domains[3], got) && nan_of(c.domains[3], want));
    if (!ok && c.tolerance > 0) {
      const double x = std::bit_cast<float>(uint32_t(got)),
                   y = std::bit_cast<float>(uint32_t(want));
      ok = std::fabs(x - y) <=
           c.tolerance * std::fabs(y) + (c.tolerance > 0x1p-19 ? 0x1p-19 : 0x1p-22);
    }
    if (!ok) {
      ++wrong;
      ADD_FAILURE() << std::hex << c.code << " of " << values[0][i] << ", " << values[1][i] << ", "
                    << values[2][i] << " gives " << got << ", not " << want;
    }
  }
}

TEST(Instructions, Integer) {
  for (const Case &c : integer_cases()) {
    check(c, false);
  }
}
TEST(Instructions, Float) {
  for (const Case &c : float_cases()) {
    check(c, false);
  }
}
TEST(Instructions, FloatPerturbedStaysWithinTheDocumentedError) {
  for (const Case &c : float_cases()) {
    check(c, true);
  }
}
TEST(Instructions, Convert) {
  for (const Case &c : convert_cases()) {
    check(c, false);
  }
}

TEST(Instructions, AssembleWithPtxas) {
  const char *ptxas = "/usr/local/cuda/bin/ptxas";
  if (!std::filesystem::exists(ptxas)) {
    GTEST_SKIP() << "no " << ptxas
                 << ": that NVIDIA's assembler takes the texts of the cases is not "
                 << "checked here; the cases themselves ran";
  }
  const std::string path = ::testing::TempDir() + "ptxsim_cases.ptx";
  std::ofstream file(path);
  file << header;
  int n = 0;
  for (const auto &cases : {integer_cases(), float_cases(), convert_cases()}) {
    for (const Case &c : cases) {
      file << "// " << c.name << "\n" << kernel_text(c, "k" + std::to_string(n++));
    }
  }
  file.close();
  const std::string command = std::string(ptxas) + " -O0 -arch=sm_90 " + path + " -o /dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

} // namespace
} // namespace mome::ptxsim::test
