// CSV, index, source, sampler, loader.
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>

#include "runtime/data/csv.h"
#include "runtime/data/loader.h"
#include "runtime/data/sampler.h"
#include "test/runtime/temp_data.h"

namespace mome::data {
namespace {

using test::expect_error;
using test::TempDir;
using test::write_text;

TEST(Philox, KnownAnswers) { // Random123's kat_vectors
  EXPECT_EQ(philox({0, 0}, {0, 0, 0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Csv, ReadsQuotesNewlinesAndBothLineEnds) {
  const Csv csv = parse_csv("\xEF\xBB\xBF"
                            "a,b\r\n\"x,\"\"y\"\"\nz\",2\nü,\n",
                            "f.csv");
  ASSERT_EQ(csv.records.size(), 2u);
  EXPECT_EQ(csv.header, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(csv.records[0][0].text, "x,\"y\"\nz");
  EXPECT_EQ(csv.records[1][0].line, 4u);
  EXPECT_EQ(csv.records[1][1].text, "");
  EXPECT_EQ(csv.find("b"), 1);
  EXPECT_EQ(csv.find("c"), -1);
}

TEST(Csv, RefusesWithPlace) {
  const std::map<std::string, std::string> bad = {{"", "f.csv:1:1"},
                                                  {"a,a\n", "f.csv:1:3"},
                                                  {"a,\n", "f.csv:1:3"},
                                                  {"a,b\n1\n", "f.csv:2:1"},
                                                  {"a,b\n1,x\"y\n", "f.csv:2:4"},
                                                  {"a,b\n1,\"x\n", "f.csv:2:3"},
                                                  {"a\n\"x\"y\n", "f.csv:2:4"},
                                                  {"a\nx\ry\n", "f.csv:2:2"},
                                                  {"a\n\xff\n", "f.csv:2:1"},
                                                  {std::string("a\n\0\n", 4), "f.csv:2:1"},
                                                  {"a,b\n\n1,2\n", "f.csv:2:1"},
                                                  {"a\n\xC0\x80\n", "f.csv:2:1"},
                                                  {"a\n\xED\xA0\x80\n", "f.csv:2:1"}};
  for (const auto &[text, place] : bad) {
    expect_error(7, {place}, [&] { parse_csv(text, "f.csv"); });
  }
}

TEST(Csv, FieldRoundTrip) {
  for (const std::string text : {"plain", "a,b", "say \"hi\"", "two\nlines", ""}) {
    const Csv csv = parse_csv("h,i\n" + csv_field(text) + ",1\n", "f");
    EXPECT_EQ(csv.records[0][0].text, text);
  }
}

class IndexTest : public ::testing::Test {
protected:
  TempDir dir;
  const IndexOptions options{{"run", "walk"}, {"acc", "gyro"}, 0};
  Index load(const std::string &text, IndexOptions o) {
    write_text(dir / "index.csv", text);
    return load_index(dir.path(), o);
  }
  Index load(const std::string &text) { return load(text, options); }
};

TEST_F(IndexTest, NamedParts) {
  const Index index = load("row,key,subject,split,label,shard,presence.acc\n"
                           "3,k1,s1,train,walk,a.st,1\n0,k2,s2,test,,b.st,0\n");
  EXPECT_EQ(index.samples[0].label, 1);
  EXPECT_EQ(index.samples[0].row, 3);
  EXPECT_EQ(index.samples[1].label, -1);
  EXPECT_EQ(index.samples[1].presence, (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(index.part(Part::test), std::vector<uint32_t>{1});
  EXPECT_FALSE(index.has(Part::val));
  EXPECT_EQ(load("key,subject,split,shard,row,presence.lidar\na,s,train,x,0,?\n")
                .samples[0]
                .presence.size(),
            2u);
  expect_error(7, {"val part", "data check"}, [&] { index.part(Part::val); });
}

TEST_F(IndexTest, FoldsRotate) {
  const std::string text =
      "key,subject,split,shard,row\na,s,0,x,0\nb,s,1,x,1\nc,s,2,x,2\nd,s,3,x,3\n";
  IndexOptions o = options;
  const std::string hash0 = load(text, o).hash;
  o.split = 3;
  const Index index = load(text, o);
  EXPECT_EQ(index.part(Part::test), std::vector<uint32_t>{3});
  EXPECT_EQ(index.part(Part::val), std::vector<uint32_t>{0});
  EXPECT_EQ(index.part(Part::train), (std::vector<uint32_t>{1, 2}));
  EXPECT_NE(index.hash, hash0);
  o.split = 4;
  expect_error(7, {"split 4"}, [&] { load(text, o); });
}

TEST_F(IndexTest, Refuses) {
  const std::string head = "key,subject,split,label,shard,row\n";
  expect_error(7, {"index.csv:2:", "did you mean 'walk'"},
               [&] { load(head + "k,s,train,wlak,x,0\n"); });
  expect_error(7, {"index.csv:3:1", "twice"},
               [&] { load(head + "k,s,train,run,x,0\nk,s,val,run,x,0\n"); });
  expect_error(7, {"no column 'row'"}, [&] { load("key,subject,split,shard\n"); });
  expect_error(7, {"index.csv:2:19", "row 'x'"}, [&] { load(head + "k,s,train,run,x.y,x\n"); });
  expect_error(7, {"row '-1'"}, [&] { load(head + "k,s,train,run,x,-1\n"); });
  expect_error(7, {"split 'dev'"}, [&] { load(head + "k,s,train,run,x,0\nl,s,dev,run,x,0\n"); });
  expect_error(7, {"split 'val'", "fold number"},
               [&] { load(head + "k,s,0,run,x,0\nl,s,val,run,x,0\n"); });
  expect_error(7, {"shard '../x'"}, [&] { load(head + "k,s,train,run,../x,0\n"); });
  expect_error(7, {"no samples"}, [&] { load(head); });
  expect_error(7, {"presence 'yes'"},
               [&] { load("key,subject,split,shard,row,presence.acc\na,s,train,x,0,yes\n"); });
  expect_error(7, {"no such file"}, [&] { load_index(dir / "nowhere", options); });
}

TEST_F(IndexTest, CountedClassesTakeTheLabelsInAlphabeticalOrder) {
  const IndexOptions three{{"0", "1", "2"}, {}, 0};
  const std::string head = "key,subject,split,label,shard,row\n";
  const Index index =
      load(head + "a,s,train,row,x,0\nb,s,val,curl,x,1\nc,s,train,press,x,2\n", three);
  EXPECT_EQ(index.classes, (std::vector<std::string>{"curl", "press", "row"}));
  EXPECT_EQ(index.samples[0].label, 2);
  EXPECT_EQ(load(head + "a,s,train,2,x,0\n", three).samples[0].label, 2);
  expect_error(7, {"2 labels for a model of 3", "-D classes=2"},
               [&] { load(head + "a,s,train,row,x,0\nb,s,val,curl,x,1\n", three); });
}

TEST(SourceSection, StreamsAndSplit) {
  const SourceConfig c =
      parse_source("d", R"({"source": [{"value": {"kind": "tensors", "split": 2}}],
    "stream": [{"name": "acc", "value": "accel", "body": [{"value": {"kind": "normalize", "args": [0.5, 2]}}]}]})");
  EXPECT_EQ(c.split, 2);
  EXPECT_EQ(c.stream("acc").tensor, "accel");
  EXPECT_EQ(c.stream("acc").stddev, 2);
  EXPECT_EQ(c.stream("gyro").tensor, "gyro");
  expect_error(5, {"'d'", "'kinetics' is not built in"},
               [] { parse_source("d", R"({"source": [{"value": {"kind": "kinetics"}}]})"); });
  expect_error(5, {"needs one source"}, [] { parse_source("d", "{}"); });
  expect_error(5, {"unknown key 'clip'"},
               [] { parse_source("d", R"({"source": [{"value": "tensors"}], "clip": []})"); });
  expect_error(5, {"positive deviation"}, [] {
    parse_source("d", R"({"source": [{"value": "tensors"}],
      "stream": [{"name": "a", "body": [{"value": {"kind": "normalize", "args": [0, 0]}}]}]})");
  });
}

class SourceTest : public ::testing::Test {
protected:
  TempDir dir;
  test::FakeModel model;
  void SetUp() override { test::write_data_set(dir.path()); }
  std::vector<Modality> modalities() { return train::model_modalities(model.info()); }
  Index index() {
    return load_index(dir.path(), {model.info().classes, model.info().modalities, 0});
  }
};

TEST_F(SourceTest, TrainingNeverOpensTestSamples) {
  std::filesystem::remove(dir / "test.safetensors");
  auto source = test::open_data(dir.path(), model.info());
  std::vector<float> values(4);
  source->read(0, 0, {}, values);
  const uint32_t secret = source->index().part(Part::test)[0];
  expect_error(70, {"not in a part"}, [&] { source->read(secret, 0, {}, values); });
  expect_error(7, {"test.safetensors is missing", "index.csv:"},
               [&] { test::open_data(dir.path(), model.info(), {Part::test}); });
}

TEST_F(SourceTest, NormalizesAndReadsAbsentAsZero) {
  auto plain = test::open_data(dir.path(), model.info());
  SourceConfig config;
  config.streams["acc"] = {"gyro", 0.5f, 2.0f};
  auto other = open_tensor_source(index(), modalities(), config, {Part::train});
  std::vector<float> a(4), g(4);
  plain->read(0, 1, {}, g);
  other->read(0, 0, {}, a);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(a[i], (g[i] - 0.5f) / 2.0f);
  }
  plain->read(4, 1, {}, g); // presence.gyro = 0
  EXPECT_EQ(g, std::vector<float>(4, 0.0f));
}

TEST_F(SourceTest, IdentityCoversTheContentOfTheOpenShards) {
  const auto hash = [&](const std::set<Part> &parts) {
    return open_tensor_source(index(), modalities(), {}, parts)->index().hash;
  };
  const std::string before = hash({Part::train}), with_test = hash({Part::train, Part::test});
  EXPECT_EQ(hash({Part::train}), before);
  EXPECT_NE(before, index().hash);
  EXPECT_NE(before, with_test);
  const auto flip = [&](const char *name) {
    std::fstream file(dir / name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(-1, std::ios::end);
    const char byte = char(file.get() ^ 1);
    file.seekp(-1, std::ios::end);
    file.put(byte);
  };
  flip("test.safetensors"); // training knows nothing of it
  EXPECT_EQ(hash({Part::train}), before);
  EXPECT_NE(hash({Part::train, Part::test}), with_test);
  flip("train.safetensors");
  EXPECT_NE(hash({Part::train}), before);
}

TEST_F(SourceTest, RefusesNanWithKey) {
  const std::vector<int64_t> shape{23, 4};
  std::vector<float> values(23 * 4, 1.0f);
  values[6] = std::numeric_limits<float>::quiet_NaN();
  train::TensorFileWriter writer(
      dir / "train.safetensors",
      {{"acc", BindKind::input, DType::f32, shape}, {"gyro", BindKind::input, DType::f32, shape}});
  writer.add(std::as_bytes(std::span(values)));
  writer.add(std::as_bytes(std::span(values)));
  writer.commit();
  auto source = test::open_data(dir.path(), model.info());
  Loader loader(*source, 2, sequential_plan(source->index().part(Part::train), 2));
  expect_error(7, {"train1", "'acc'", "value 2", "index.csv:3"}, [&] { loader.next(); });
  EXPECT_EQ(loader.next(), nullptr);
}

TEST_F(SourceTest, RefusesWrongTensors) {
  SourceConfig config;
  config.streams["acc"] = {"accc", 0, 1};
  expect_error(7, {"no tensor 'accc'", "did you mean 'acc'"},
               [&] { open_tensor_source(index(), modalities(), config, {Part::train}); });
  auto wrong = modalities();
  wrong[1].shape = {5};
  expect_error(7, {"'gyro' is [23, 4]", "[5]"},
               [&] { open_tensor_source(index(), wrong, {}, {Part::train}); });
  Index long_index = index();
  long_index.samples[3].row = 23;
  expect_error(7, {"row 23", "23 rows", "index.csv:5"},
               [&] { open_tensor_source(long_index, modalities(), {}, {Part::train}); });
  write_text(dir / "train.safetensors", "garbage");
  expect_error(7, {"train.safetensors"}, [&] { test::open_data(dir.path(), model.info()); });
}

TEST_F(SourceTest, LoaderCountsEverySampleOnceAndPads) {
  auto source = test::open_data(dir.path(), model.info());
  const std::vector<uint32_t> all = source->index().part(Part::train);
  std::vector<uint32_t> seen;
  Loader loader(*source, 8, sequential_plan(all, 7), 2);
  while (const Batch *b = loader.next()) {
    EXPECT_EQ(std::accumulate(b->valid.begin(), b->valid.end(), 0.0f), float(b->count));
    EXPECT_EQ(b->valid[7], 0.0f);
    EXPECT_EQ(b->labels[7], b->labels[0]);
    EXPECT_EQ(b->inputs[0][7 * 4], b->inputs[0][0]);
    EXPECT_EQ(b->first, int64_t(seen.size()));
    seen.insert(seen.end(), b->samples.begin(), b->samples.end());
  }
  EXPECT_EQ(seen, all);
}

TEST_F(SourceTest, LoaderWaitsWhenFull) {
  auto source = test::open_data(dir.path(), model.info());
  std::atomic<int> planned = 0;
  {
    Loader loader(
        *source, 1,
        [&]() -> std::optional<BatchPlan> {
          ++planned;
          return BatchPlan{0, 0, {0}};
        },
        3);
    loader.next();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_LE(planned, 6); // one taken, three ready, one or two under way
  } // destroyed while it waits
}

TEST(Sampler, ShuffleIsAPermutationFixedBySeedAndEpoch) {
  std::vector<uint32_t> part(100);
  std::iota(part.begin(), part.end(), 7);
  const Sampler a(train::SamplerKind::shuffle, 5, part, {}),
      b(train::SamplerKind::shuffle, 5, part, {}), c(train::SamplerKind::shuffle, 6, part, {});
  EXPECT_EQ(a.order(3), b.order(3));
  EXPECT_NE(a.order(3), a.order(4));
  EXPECT_NE(a.order(3), c.order(3));
  auto sorted = a.order(3);
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, part);
  // A pinned order: changing it would break every resume of an older run.
  EXPECT_EQ(Sampler(train::SamplerKind::shuffle, 1, {0, 1, 2, 3, 4, 5}, {}).order(0),
            (std::vector<uint32_t>{5, 1, 0, 2, 4, 3}));
}

TEST(Sampler, InverseFrequencyBalancesClasses) {
  std::vector<uint32_t> part(3000);
  std::iota(part.begin(), part.end(), 0);
  std::vector<int32_t> labels(part.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    labels[i] = i % 10 == 0 ? 0 : 2;
  }
  const Sampler sampler(train::SamplerKind::inverse_frequency, 1, part, labels);
  int64_t rare = 0;
  for (uint32_t s : sampler.order(0)) {
    rare += labels[s] == 0;
  }
  EXPECT_NEAR(double(rare) / 3000, 0.5, 0.05); // 5.5 standard deviations
}

} // namespace
} // namespace mome::data
