// What the parser takes, and what it says about what it does not take.
#include "runtime/error.h"
#include "test/ptxsim/support.h"

namespace mome::ptxsim::test {
namespace {

const std::string header = ".version 8.0\n.target sm_80\n.address_size 64\n";

std::string error_of(const std::string &text, bool decode_too = true) {
  try {
    auto module = std::make_shared<Module>(parse(text, "x.ptx"));
    if (decode_too) {
      for (const Function &f : module->functions) {
        if (f.kernel) {
          decode(module, f.name, {});
        }
      }
    }
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}
void expect_error(const std::string &text, const std::string &part) {
  const std::string error = error_of(text);
  EXPECT_NE(error.find(part), std::string::npos) << "'" << error << "' lacks '" << part << "'";
}
std::string kernel(const std::string &body) {
  return header + ".visible .entry k(.param .u64 p) {\n" + body + "\n}";
}

TEST(Parser, UnknownInstructionIsNamedWithItsPlace) {
  expect_error(kernel("  frobnicate.b32 %r1, 5;"), "x.ptx:5:3: unknown instruction 'frobnicate'");
}
TEST(Parser, UnknownModifier) {
  expect_error(kernel(".reg .b32 a;\n add.wrap.u32 a, a, 1;"), "unknown modifier '.wrap'");
}
TEST(Parser, UnknownNames) {
  expect_error(kernel(".reg .b32 a;\n mov.b32 a, b;"), "unknown name 'b'");
  expect_error(kernel("bra nowhere;"), "unknown name 'nowhere'");
  expect_error(kernel(".reg .b32 a;\n mov.u32 a, %tid.w;"), "%tid.w");
}
TEST(Parser, WrongRegisters) {
  expect_error(kernel(".reg .b64 a;\n add.u32 a, a, 1;"), "register of b64");
  expect_error(kernel(".reg .b32 a;\n @a ret;"), "no predicate");
  expect_error(kernel(".reg .pred p; .reg .b32 a;\n add.u32 a, p, 1;"), "register of pred");
}
TEST(Parser, Truncated) {
  const std::string whole = kernel_file("basics.clang.ptx");
  for (size_t n = 1; n < whole.size(); n += 997) {
    error_of(whole.substr(0, n)); // any message, no crash
  }
  const std::string cut = kernel("ret;");
  expect_error(cut.substr(0, cut.size() - 1), "x.ptx:");
}
TEST(Parser, Damaged) {
  const std::string whole = kernel_file("basics.nvcc.ptx");
  for (size_t n = 1; n < whole.size(); n += 499) {
    std::string bad = whole;
    bad[n] = char(bad[n] ^ (1 << (n % 7)));
    error_of(bad);
  }
}
TEST(Parser, Nothing) {
  expect_error("", "no .version");
  expect_error("\x7f"
               "ELF",
               "unexpected byte");
  expect_error(header + ".visible .entry k() { ret; ", "does not end");
  expect_error(header + "/* never", "comment");
}
TEST(Parser, ScopesOfInlineAssembly) {
  Sim sim(header + R"(
.visible .entry k(.param .u64 p) {
  .reg .b32 r<3>; .reg .b64 a;
  mov.u32 r0, 1;
  { .reg .b32 r0; .reg .pred q; mov.u32 r0, 5; setp.eq.u32 q, r0, 5; @q bra DONE; mov.u32 r1, 9; DONE: mov.u32 r1, r0; }
  { .reg .pred q; setp.ne.u32 q, r0, 1; @q bra DONE; add.u32 r1, r1, r0; DONE: }
  ld.param.u64 a, [p]; st.global.u32 [a], r1;
  ret;
})");
  const uint64_t out = sim.empty<uint32_t>(1);
  EXPECT_CLEAN(sim.run("k", shape(1, 1), out));
  EXPECT_EQ(sim.read<uint32_t>(out, 1)[0], 6u);
}
TEST(Parser, VariablesAndConstants) {
  Sim sim(header + R"(
.global .align 4 .u32 table[4] = {1, 0x10, 07, 0b11};
.global .align 8 .u64 where = table+8;
.const .align 4 .f32 pi = 0f40490FDB;
.const .align 2 .b8 bytes[] = {1, 2, 3};
.visible .entry k(.param .u64 p) {
  .reg .b32 v, w; .reg .b64 a, b; .reg .f32 f;
  ld.param.u64 a, [p];
  ld.global.u32 v, [table+4]; st.global.u32 [a], v;
  ld.global.u64 b, [where]; ld.global.u32 v, [b]; st.global.u32 [a+4], v;
  ld.const.f32 f, [pi]; st.global.f32 [a+8], f;
  ld.const.u8 v, [bytes+2]; st.global.u32 [a+12], v;
  st.global.u32 [a+16], -1;
  ret;
})");
  const uint64_t out = sim.empty<uint32_t>(5);
  EXPECT_CLEAN(sim.run("k", shape(1, 1), out));
  EXPECT_EQ(sim.read<uint32_t>(out, 5), (std::vector<uint32_t>{16, 7, 0x40490fdb, 3, 0xffffffff}));
}
TEST(Parser, BranchTable) {
  Sim sim(header + R"(
.visible .entry k(.param .u64 p) {
  .reg .b32 t, i, v; .reg .b64 a, o;
  mov.u32 t, %tid.x; rem.u32 i, t, 3; ld.param.u64 a, [p]; mul.wide.u32 o, t, 4; add.u64 a, a, o;
  ts: .branchtargets L0, L1, L2;
  brx.idx i, ts;
L0: mov.u32 v, 100; bra.uni END;
L1: mov.u32 v, 200; bra.uni END;
L2: mov.u32 v, 300;
END: st.global.u32 [a], v;
  ret;
})");
  const uint64_t out = sim.empty<uint32_t>(32);
  EXPECT_CLEAN(sim.run("k", shape(1, 32), out));
  const auto v = sim.read<uint32_t>(out, 32);
  for (uint32_t i = 0; i < 32; ++i) {
    EXPECT_EQ(v[i], (i % 3 + 1) * 100);
  }
}
TEST(Parser, Recursion) {
  expect_error(header + ".func f() { call f; ret; }\n.visible .entry k() { call f; ret; }",
               "recursion");
}
TEST(Launches, AreChecked) {
  Sim sim(header + ".visible .entry k() .maxntid 64, 1, 1 { ret; }");
  EXPECT_THROW(sim.run("k", shape(1, 65)), Error);
  EXPECT_THROW(sim.run("k", shape(0, 32)), Error);
  EXPECT_THROW(sim.run("nothing", shape(1, 32)), Error);
}

} // namespace
} // namespace mome::ptxsim::test
