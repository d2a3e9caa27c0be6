// Packages: what is read, and that every kind of damage is refused with exit code 5.
#include <gtest/gtest.h>

#include "runtime/error.h"
#include "runtime/package.h"
#include "test/runtime/tiny_package.h"

namespace mome::test {
namespace {

std::span<const std::byte> bytes_of(const std::vector<uint8_t> &v) {
  return std::as_bytes(std::span(v));
}

/// The message of the error that the package meets; fails when it is accepted.
std::string refusal(const std::vector<uint8_t> &file) {
  try {
    Package::parse(bytes_of(file), "t.mpk");
  } catch (const Error &error) {
    EXPECT_EQ(error.exit, Exit::mismatch);
    EXPECT_TRUE(error.where.starts_with("t.mpk"));
    EXPECT_FALSE(error.hint.empty());
    return error.message;
  }
  ADD_FAILURE() << "accepted";
  return {};
}

std::string refusal(const std::function<void(fb::PackageT &)> &change) {
  return refusal(tiny_package(change));
}

bool has(const std::string &text, const char *part) {
  return text.find(part) != text.npos;
}

TEST(Package, ReadsEveryTable) {
  const std::vector<uint8_t> file = tiny_package();
  const auto package = Package::parse(bytes_of(file), "t.mpk");
  EXPECT_EQ(package->model, "Tiny");
  EXPECT_EQ(package->hash.size(), 32u);
  ASSERT_EQ(package->tensors.size(), 5u);
  EXPECT_EQ(package->tensors[1].describe(), "param 'head.w' f32 [3, 2]");
  EXPECT_EQ(package->tensor_index("param:head.w"), 1u);
  EXPECT_EQ(package->tensor_index("logits"), 2u);
  EXPECT_EQ(package->find_scalar("fit.lr"), 1u);
  EXPECT_EQ(package->train[0].name, "fit");
  const Variant &variant = package->variants[0];
  EXPECT_EQ(variant.panels, (std::vector<uint32_t>{0, 2, 0, 0, 0}));
  EXPECT_EQ(variant.slots[4].offset, 64u);
  EXPECT_EQ(variant.scalars[0].size, 8u);
  ASSERT_NE(variant.find("fit.step"), nullptr);
  EXPECT_EQ(variant.find("fit.step")->dispatches[3].args.size(), 4u);
  EXPECT_EQ(variant.find("fit.step")->dispatches[0].lines,
            std::vector<std::string>{"tiny.mome:3:5"});
  EXPECT_EQ(variant.arena_bytes(), 128u + 384 + 64);
}

TEST(Package, NamesThatAreMissingOrAmbiguousAreExplained) {
  const std::vector<uint8_t> file = tiny_package();
  const auto package = Package::parse(bytes_of(file), "t.mpk");
  EXPECT_THROW(package->tensor_index("head.w"), Error);
  try {
    package->tensor_index("logit");
    FAIL();
  } catch (const Error &error) {
    EXPECT_TRUE(has(error.hint, "logits"));
  }
}

TEST(Package, TheSameTablesGiveTheSameBytes) {
  EXPECT_EQ(tiny_package(), tiny_package());
}

TEST(Package, EveryTruncationIsRefused) {
  const std::vector<uint8_t> file = tiny_package();
  for (size_t size = 0; size < file.size(); size += size < 2000 ? 1 : 997) {
    const std::vector<uint8_t> cut(file.begin(), file.begin() + long(size));
    EXPECT_FALSE(refusal(cut).empty()) << size;
  }
}

TEST(Package, EveryFlippedBitIsRefused) {
  std::vector<uint8_t> file = tiny_package();
  for (size_t i = 0; i < file.size(); i += i < 4000 ? 1 : 613) {
    file[i] ^= uint8_t(1 << i % 8);
    EXPECT_FALSE(refusal(file).empty()) << i;
    file[i] ^= uint8_t(1 << i % 8);
  }
}

/// Lets the vector in `field` of `table` begin four bytes later: inside itself, where numbers of 8
/// bytes are at odd addresses.
void move_vector(std::vector<uint8_t> &file, const flatbuffers::Table *table, uint16_t field) {
  const uint16_t at = table->GetOptionalFieldOffset(field);
  ASSERT_NE(at, 0);
  uint8_t *offset = file.data() + (reinterpret_cast<const uint8_t *>(table) - file.data()) + at;
  flatbuffers::WriteScalar(offset, flatbuffers::ReadScalar<uint32_t>(offset) + 4);
  seal_package(file);
}

template <typename T> const flatbuffers::Table *table(const T *typed) {
  return reinterpret_cast<const flatbuffers::Table *>(typed);
}

TEST(Package, VectorsAtOddAddressesAreRefused) {
  std::vector<uint8_t> shape = tiny_package(), args = tiny_package();
  move_vector(shape, table(fb::GetPackage(shape.data())->tensors()->Get(Tiny::w)),
              fb::Tensor::VT_SHAPE);
  EXPECT_EQ(refusal(shape), "its tables are damaged");
  const fb::Program *program = fb::GetPackage(args.data())->variants()->Get(0)->programs()->Get(0);
  move_vector(args, table(program->dispatches()->Get(0)), fb::Dispatch::VT_ARGS);
  EXPECT_EQ(refusal(args), "its tables are damaged");
}

TEST(Package, AnEmptyVectorMayLieAnywhere) {
  // FlatBuffers' builder writes some so. Four bytes into 2^32 stands a vector of no elements.
  std::vector<uint8_t> file =
      tiny_package([](fb::PackageT &p) { p.tensors[Tiny::loss]->shape = {1ll << 32}; });
  move_vector(file, table(fb::GetPackage(file.data())->tensors()->Get(Tiny::loss)),
              fb::Tensor::VT_SHAPE);
  EXPECT_TRUE(Package::parse(bytes_of(file), "t.mpk")->tensors[Tiny::loss].shape.empty());
}

TEST(Package, ForeignFilesAreRefused) {
  EXPECT_TRUE(has(refusal(std::vector<uint8_t>(4096, 'x')), "not a mome package"));
  EXPECT_TRUE(has(refusal(tiny_code()), "not a mome package"));
  EXPECT_TRUE(has(refusal([](fb::PackageT &p) { p.format = 2; }), "format version 2"));
}

// One row per check of package_verify.cpp and of the tables the reader builds.
struct Damage {
  const char *message;
  std::function<void(fb::PackageT &)> change;
};

TEST(Package, ContradictionsAreRefused) {
  using P = fb::PackageT;
  const std::vector<Damage> rows = {
      {"nameless tensor", [](P &p) { p.tensors[0]->name = ""; }},
      {"is not possible", [](P &p) { p.tensors[0]->shape = {-4, -2}; }},
      {"is not possible", [](P &p) { p.tensors[0]->shape = {4, 0}; }},
      {"is not possible", [](P &p) { p.tensors[0]->shape = {1ll << 40, 1ll << 40}; }},
      {"two of param 'head.w'", [](P &p) { p.tensors[4]->kind = fb::BindKind::param; }},
      {"unknown element type", [](P &p) { p.tensors[0]->dtype = fb::DType(6); }},
      {"unknown kind of tensor", [](P &p) { p.tensors[0]->kind = fb::BindKind(14); }},
      {"two of scalar", [](P &p) { p.scalars[2]->name = "fit.lr"; }},
      {"nameless scalar", [](P &p) { p.scalars[2]->name = ""; }},
      {"neither f32 nor i64", [](P &p) { p.scalars[1]->dtype = fb::DType::bf16; }},
      {"two of train section",
       [](P &p) { p.train.push_back(std::make_unique<fb::SectionT>(*p.train[0])); }},
      {"negative batch", [](P &p) { p.batch = -1; }},
      {"nameless variant", [](P &p) { p.variants[0]->name = ""; }},
      {"two of variant", [](P &p) { p.variants.push_back(Tiny::variant()); }},
      {"two of arena", [](P &p) { p.variants[0]->arenas[1]->name = "state"; }},
      {"has 1152921504606846976 bytes", [](P &p) { p.variants[0]->arenas[2]->size = 1ull << 60; }},
      {"unknown arena kind", [](P &p) { p.variants[0]->arenas[2]->kind = fb::ArenaKind(3); }},
      {"places number 9", [](P &p) { p.variants[0]->slots[0]->tensor = 9; }},
      {"twice", [](P &p) { p.variants[0]->slots[0]->tensor = 1; }},
      {"does not place number 0",
       [](P &p) { p.variants[0]->slots.erase(p.variants[0]->slots.begin()); }},
      {"does not place number 2", [](P &p) { p.variants[0]->scalars.pop_back(); }},
      {"arena number 3", [](P &p) { p.variants[0]->slots[0]->arena = 3; }},
      {"reaches beyond", [](P &p) { p.variants[0]->slots[0]->offset = 384; }},
      {"reaches beyond", [](P &p) { p.variants[0]->slots[0]->offset = ~0ull - 63; }},
      {"is not aligned", [](P &p) { p.variants[0]->slots[2]->offset = 65; }},
      {"overlap", [](P &p) { p.variants[0]->slots[2]->offset = 0; }},
      {"overlap", [](P &p) { p.variants[0]->scalars[0]->offset = 128; }},
      {"the slot of input 'x'", [](P &p) { p.variants[0]->slots[0]->size = 28; }},
      {"the slot of param 'head.w'", [](P &p) { p.variants[0]->layouts.clear(); }},
      {"cannot have panels", [](P &p) { p.variants[0]->layouts[0]->panel = 5000; }},
      {"cannot have panels",
       [](P &p) {
         p.variants[0]->layouts.push_back(
             std::make_unique<fb::LayoutT>(*p.variants[0]->layouts[0]));
         p.variants[0]->layouts[1]->tensor = Tiny::loss;
       }},
      {"a layout is of tensor number 17", [](P &p) { p.variants[0]->layouts[0]->tensor = 17; }},
      {"in a work arena", [](P &p) { p.variants[0]->arenas[1]->kind = fb::ArenaKind::work; }},
      {"nameless kernel", [](P &p) { p.variants[0]->kernels[0]->symbol = ""; }},
      {"two of kernel", [](P &p) { p.variants[0]->kernels[0]->symbol = "k_loss"; }},
      {"impossible numbers", [](P &p) { p.variants[0]->kernels[0]->chunks = 0; }},
      {"impossible numbers", [](P &p) { p.variants[0]->kernels[0]->chunks = 1ll << 32; }},
      {"impossible numbers", [](P &p) { p.variants[0]->kernels[0]->scratch = 1ull << 40; }},
      {"impossible numbers", [](P &p) { p.variants[0]->kernels[0]->results = 4; }},
      {"impossible numbers", [](P &p) { p.variants[0]->kernels[0]->packs = 2; }},
      {"impossible numbers", [](P &p) { p.variants[0]->kernels[0]->packs = -1; }},
      {"impossible numbers", [](P &p) { p.variants[0]->kernels[0]->shared = 64; }},
      {"unknown element type", [](P &p) { p.variants[0]->kernels[0]->types[0] = fb::DType(9); }},
      {"two of entry", [](P &p) { p.variants[0]->programs[1]->entry = "predict"; }},
      {"nameless entry", [](P &p) { p.variants[0]->programs[1]->entry = ""; }},
      {"tensor number 5", [](P &p) { p.variants[0]->programs[0]->inputs = {5}; }},
      {"tensor number 6", [](P &p) { p.variants[0]->programs[0]->outputs = {6}; }},
      {"kernel number 5", [](P &p) { p.variants[0]->programs[0]->dispatches[0]->kernel = 5; }},
      {"2 arguments, it takes 3",
       [](P &p) { p.variants[0]->programs[0]->dispatches[0]->args.pop_back(); }},
      {"argument 0 reaches beyond",
       [](P &p) { p.variants[0]->programs[0]->dispatches[0]->args[0] = {2, 64, 4}; }},
      {"argument 0 is in arena",
       [](P &p) { p.variants[0]->programs[0]->dispatches[0]->args[0] = {7, 0, 4}; }},
      {"argument 0 is not aligned",
       [](P &p) { p.variants[0]->programs[0]->dispatches[0]->args[0] = {2, 4, 4}; }},
      {"argument 0 does not hold whole",
       [](P &p) { p.variants[0]->programs[0]->dispatches[0]->args[0] = {2, 0, 3}; }},
      {"on stream 64 of 64", [](P &p) { p.variants[0]->programs[0]->dispatches[0]->stream = 64; }},
      {"waits for what does not come before it",
       [](P &p) { p.variants[0]->programs[0]->dispatches[0]->after = {0}; }},
      {"beside more dispatches than come before it",
       [](P &p) { p.variants[0]->programs[0]->dispatches[0]->beside = 1; }},
      {"impossible group", [](P &p) { p.variants[0]->programs[0]->dispatches[0]->group = 0; }},
      {"impossible group", [](P &p) { p.variants[0]->programs[0]->dispatches.back()->group = 2; }},
      {"impossible group", // of different kernels
       [](P &p) { p.variants[0]->programs[1]->dispatches[0]->group = 2; }},
      {"impossible launches", [](P &p) { p.variants[0]->kernels[0]->group = 2; }}, // on a processor
      {"impossible launches", [](P &p) { p.variants[0]->kernels[0]->group = 0; }},
      {"unknown phase",
       [](P &p) { p.variants[0]->programs[0]->dispatches[0]->phase = fb::Phase(5); }},
      {"kernels without machine code", [](P &p) { p.variants[0]->code.clear(); }},
  };
  for (const Damage &row : rows) {
    EXPECT_TRUE(has(refusal(row.change), row.message))
        << row.message << "; got: " << refusal(row.change);
  }
}

/// A device's call of a library: x [4, 2] times w [3, 2] transposed.
constexpr const char *product_call =
    R"({"library": "cublaslt", "operation": "product", "tf32": false, "views": [)"
    R"({"argument": 0, "dtype": "f32", "dims": [1, 4, 2], "strides": [8, 2, 1]}, )"
    R"({"argument": 1, "dtype": "f32", "dims": [1, 2, 3], "strides": [6, 1, 2]}, )"
    R"({"argument": 2, "dtype": "f32", "dims": [1, 4, 3], "strides": [12, 3, 1]}]})";
/// The same matrices as a convolution of one place: [4, 2, 1] with [3, 2, 1].
constexpr const char *conv_call =
    R"({"library": "cudnn", "operation": "conv", "tf32": true, "views": [)"
    R"({"argument": 0, "dtype": "f32", "dims": [4, 2, 1], "strides": [2, 1, 1]}, )"
    R"({"argument": 1, "dtype": "f32", "dims": [3, 2, 1], "strides": [2, 1, 1]}, )"
    R"({"argument": 2, "dtype": "f32", "dims": [4, 3, 1], "strides": [3, 1, 1]}], )"
    R"("stride": [1], "dilation": [1], "pad_low": [0], "pad_high": [0]})";

std::vector<uint8_t> package_that_calls(const std::string &call) {
  return tiny_package([&](fb::PackageT &p) {
    fb::VariantT &device = *p.variants[0];
    device.name = "cuda:sm_80";
    device.kernels[0]->library = call;
    for (size_t k = 1; k < device.kernels.size(); ++k) {
      device.kernels[k]->launches.push_back(std::make_unique<fb::LaunchT>());
      device.kernels[k]->launches[0]->symbol = device.kernels[k]->symbol;
      device.kernels[k]->launches[0]->blocks = device.kernels[k]->launches[0]->threads = 1;
    }
  });
}

TEST(Package, DamagedLibraryCallsAreRefused) {
  struct Row {
    const char *call, *from, *to, *message;
  };
  const std::vector<Row> rows = {
      {product_call, R"("cublaslt")", "7", "'library'"},
      {product_call, R"("library": "cublaslt", )", "", "no key 'library'"},
      {product_call, R"("product")", R"("sum")", "an impossible operation"},
      {product_call, R"("product")", R"("conv")", "no key 'stride'"},
      {product_call, R"("tf32": false)", R"("tf32": 0)", "neither true nor false"},
      {product_call, R"("tf32": false)", R"("tf64": false)", "tf64"},
      {product_call, R"("argument": 0)", R"("argument": 3)", "an impossible view"},
      {product_call, R"("argument": 0)", R"("argument": -1)", "an impossible view"},
      {product_call, R"("argument": 0)", R"("argument": 4294967296)", "an impossible view"},
      {product_call, R"("dtype": "f32")", R"("dtype": "f64")", "an impossible view"},
      {product_call, R"("dtype": "f32")", R"("dtype": "bf16")", "does not fit"},
      {product_call, "[1, 4, 2]", "[1, 4, 0]", "dims has a number out of range"},
      {product_call, "[1, 4, 2]", "[1, 4, 2.5]", "dims has a number out of range"},
      {product_call, "[1, 4, 2]", "[4, 2]", "an impossible view"},
      {product_call, "[1, 4, 2]", "8", "dims is no list"},
      {product_call, "[1, 4, 2]", "[1, 5, 2]", "an impossible operation"},
      {product_call, "[8, 2, 1]", "[8, -2, 1]", "strides has a number out of range"},
      {product_call, "[8, 2, 1]", "[8, 4, 1]", "argument 0 does not fit"},
      {product_call, "[8, 2, 1]", "[8, 1099511627776, 1]", "argument 0 does not fit"},
      {product_call, R"("argument": 2)", R"("argument": 0)", "argument 0 does not fit"},
      {conv_call, R"("conv")", R"("conv_for_input")", "argument 0, which is no result"},
      {conv_call, R"("conv")", R"("conv_for_weight")", "argument 1, which is no result"},
      {conv_call, R"("stride": [1])", R"("stride": [0])", "stride has a number out of range"},
      {conv_call, R"("stride": [1])", R"("stride": [1, 1])", "an impossible operation"},
      {conv_call, R"("pad_low": [0])", R"("pad_low": [1e300])", "pad_low has a number out"},
      {conv_call, R"("pad_high": [0])", R"("pad_high": [])", "an impossible operation"},
  };
  for (const char *call : {product_call, conv_call}) {
    EXPECT_NO_THROW(Package::parse(bytes_of(package_that_calls(call)), "t.mpk"));
    const std::string whole = call;
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_TRUE(has(refusal(package_that_calls(whole.substr(0, size))), "not valid JSON"));
    }
  }
  for (const Row &row : rows) {
    std::string call = row.call;
    const size_t at = call.find(row.from);
    ASSERT_NE(at, call.npos) << row.from;
    call.replace(at, std::string_view(row.from).size(), row.to);
    const std::string message = refusal(package_that_calls(call));
    EXPECT_TRUE(has(message, row.message)) << row.to << ": " << message;
  }
}

TEST(Package, CodeMustMatchItsHash) {
  auto package = Tiny::package();
  std::vector<uint8_t> file = pack(*package);
  const auto *variant = fb::GetPackage(file.data())->variants()->Get(0);
  const_cast<uint8_t *>(variant->code()->data())[100] ^= 1;
  seal_package(file); // the outer hash is right again
  EXPECT_TRUE(has(refusal(file), "does not match its hash"));
}

} // namespace
} // namespace mome::test
