// Sections, scalars, schedules, the training loop, checkpoints, resume, evaluation, predictions.
#include <csignal>
#include <sys/wait.h>

#include "runtime/data/csv.h"
#include "runtime/train/manifest.h"
#include "runtime/train/mixup.h"
#include "runtime/train/predictions.h"
#include "runtime/train/trainer.h"
#include "test/runtime/temp_data.h"

namespace mome::train {
namespace {

using test::expect_error;
using test::FakeModel;
using test::slurp;
using test::TempDir;

Config config_of(const FakeModel &model) {
  return parse_config(model.info().train[0].name, model.info().train[0].json);
}

TEST(Config, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(parse_config("t", R"({"batch": 8})").eval_batch, 8);
  expect_error(5, {"'t'", "unknown key 'batchs'"},
               [] { parse_config("t", R"({"batch": 8, "batchs": 1})"); });
  expect_error(5, {"no key 'batch'"}, [] { parse_config("t", "{}"); });
  expect_error(5, {"'triangular'", "cosine"},
               [] { parse_config("t", R"({"batch":1,"schedule":{"kind":"triangular"}})"); });
  expect_error(5, {"not valid JSON"}, [] { parse_config("t", "{"); });
  expect_error(5, {"must be an integer"}, [] { parse_config("t", R"({"batch": "8"})"); });
}

TEST(Schedule, Cosine) {
  const Schedule cosine{ScheduleKind::cosine, {}};
  Numbers n;
  n.lr = 1;
  n.end = 0.1;
  n.epochs = 10;
  n.warmup = 2;
  n.warmup_start = 0.2;
  EXPECT_DOUBLE_EQ(learning_rate(cosine, n, 0, 5), 0.2);
  EXPECT_DOUBLE_EQ(learning_rate(cosine, n, 5, 5), 0.6);
  EXPECT_DOUBLE_EQ(learning_rate(cosine, n, 10, 5), 1);
  EXPECT_NEAR(learning_rate(cosine, n, 30, 5), 0.55, 1e-12); // half way from epoch 2 to 10
  EXPECT_DOUBLE_EQ(learning_rate(cosine, n, 50, 5), 0.1);
}

TEST(Schedule, MultiStepAndBias) {
  const Schedule steps{ScheduleKind::multi_step, {3, 5}};
  Numbers n;
  n.lr = 1;
  n.gamma = 0.5;
  EXPECT_DOUBLE_EQ(learning_rate(steps, n, 29, 10), 1);
  EXPECT_DOUBLE_EQ(learning_rate(steps, n, 30, 10), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(steps, n, 50, 10), 0.25);
  EXPECT_DOUBLE_EQ(bias_correction(0.9, 1), 1 - 0.9);
  EXPECT_NEAR(bias_correction(0.999, 3), 1 - 0.999 * 0.999 * 0.999, 1e-15);
  EXPECT_EQ(bias_correction(0, 1), 1);
}

TEST(Mixup, SharesAreBeta) {
  for (double alpha : {0.2, 1.0, 8.0}) {
    constexpr int draws = 20000;
    double sum = 0, squares = 0;
    for (int step = 1; step <= draws; ++step) {
      const double share = mixup_share(alpha, 1, step, 0);
      ASSERT_TRUE(share >= 0 && share <= 1);
      sum += share, squares += share * share;
    }
    const double mean = sum / draws, variance = squares / draws - mean * mean;
    EXPECT_NEAR(mean, 0.5, 0.012) << alpha;
    EXPECT_NEAR(variance, 1 / (4 * (2 * alpha + 1)), 0.03 / (2 * alpha + 1)) << alpha;
  }
  EXPECT_EQ(mixup_share(0, 1, 1, 0), 1);
  EXPECT_EQ(mixup_share(0.2, 1, 5, 8), mixup_share(0.2, 1, 5, 8));
  EXPECT_NE(mixup_share(0.2, 1, 5, 8), mixup_share(0.2, 1, 5, 16));
  EXPECT_NE(mixup_share(0.2, 1, 5, 8), mixup_share(0.2, 2, 5, 8));
}

TEST(Scalars, Set) {
  const FakeModel model;
  Scalars scalars(model.info(), "fit");
  scalars.set("train.lr=3e-2");
  EXPECT_EQ(scalars.get("fit.lr", 0), 3e-2);
  scalars.set("drop=0.5");
  EXPECT_EQ(scalars.get("drop", 0), 0.5);
  expect_error(2, {"'train.lrr'", "did you mean 'fit.lr'"}, [&] { scalars.set("train.lrr=1"); });
  expect_error(2, {"computed every step"}, [&] { scalars.set("step=1"); });
  expect_error(2, {"not a finite number"}, [&] { scalars.set("drop=nan"); });
  expect_error(2, {"integer"}, [&] { scalars.set("fit.seed=1.5"); });
  expect_error(2, {"NAME=VALUE"}, [&] { scalars.set("drop"); });
}

TEST(Statistics, MeanOverPresentClassesAndIntervals) {
  const std::vector<int32_t> labels = {0, 0, 0, 0, 2, 2, -1}, predicted = {0, 0, 0, 1, 2, 0, 1};
  const std::vector<std::string> subjects = {"a", "a", "b", "b", "a", "b", "a"};
  const Accuracy a = measure_accuracy(labels, predicted, subjects, 5);
  EXPECT_EQ(a.samples, 6);
  EXPECT_EQ(a.classes_present, 2);
  EXPECT_DOUBLE_EQ(a.top1, 4.0 / 6);
  EXPECT_DOUBLE_EQ(a.mean1, (0.75 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(a.top1_interval.low, 1.0 / 3); // subject b alone
  EXPECT_DOUBLE_EQ(a.top1_interval.high, 1.0);    // subject a alone
}

TEST(TensorBoard, Crc32c) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
}

TEST(TensorBoard, Framing) {
  TempDir dir;
  EventFile(dir.path()).scalars(3, {{"loss", 0.5}});
  const auto file = std::filesystem::directory_iterator(dir.path())->path();
  const std::string text = slurp(file);
  uint64_t length = 0;
  std::memcpy(&length, text.data(), 8);
  EXPECT_EQ(text.substr(12 + 9, length - 9), std::string("\x1a\x0d") + "brain.Event:2");
  const std::string second = text.substr(12 + length + 4 + 12);
  EXPECT_EQ(second.substr(9, 2), "\x10\x03");
  EXPECT_NE(second.find("loss"), std::string::npos);
}

class TrainTest : public ::testing::Test {
protected:
  TempDir dir;
  TrainOptions options;
  void SetUp() override {
    test::write_data_set(dir / "data");
    options.verbosity = Verbosity::quiet;
    options.tensorboard = false;
  }

  int train(FakeModel &model, const std::string &run, bool resume = false,
            std::vector<std::string> set = {}) {
    auto source = test::open_data(dir / "data", model.info());
    Scalars scalars(model.info(), "fit");
    for (const std::string &s : set) {
      scalars.set(s);
    }
    RunDir folder = resume ? RunDir::open(dir / run) : RunDir::create(dir / run);
    CheckpointStore(folder.checkpoints()).clean();
    Trainer trainer(model, *source, config_of(model), scalars, options, &folder);
    const auto latest = CheckpointStore(folder.checkpoints()).pointer("LATEST");
    if (resume && latest) {
      trainer.resume(*latest);
    } else {
      trainer.start();
    }
    return trainer.run_to_end();
  }

  std::string bytes(const std::string &run, const std::string &pointer = "LATEST") {
    const auto step = *CheckpointStore(dir / run / "ckpt").pointer(pointer);
    return slurp(step / "manifest.json") + slurp(step / "model.safetensors") +
           slurp(step / "optimizer.safetensors");
  }
  void copy_run(const std::string &from, const std::string &to) {
    std::filesystem::copy(dir / from, dir / to, std::filesystem::copy_options::recursive);
  }
};

TEST_F(TrainTest, LearnsAndWritesTheRun) {
  FakeModel model;
  ASSERT_EQ(train(model, "run"), 0);
  EXPECT_EQ(slurp(dir / "run/STATUS"), "done 0 20\n"); // 23 samples: 5 steps of 4, 4 epochs
  auto source = test::open_data(dir / "data", model.info());
  const auto val = source->index().part(data::Part::val);
  EXPECT_GT(run_eval(model, *source, val).value("top1"), 0.8);
  const TrainState state = verify_checkpoint(*CheckpointStore(dir / "run/ckpt").pointer("LATEST"));
  EXPECT_EQ(state.step, 20);
  EXPECT_EQ(state.epoch, 4);
  std::ifstream lines(dir / "run/metrics.jsonl");
  int64_t evals = 0, last = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json event = Json::parse(line);
    EXPECT_EQ(event["schema"], 1);
    EXPECT_GE(event["step"].get<int64_t>(), last);
    last = event["step"].get<int64_t>();
    evals += event["event"] == "eval";
  }
  EXPECT_EQ(evals, 4);
}

TEST_F(TrainTest, SameBytesForAnyThreadCount) {
  FakeModel one, two;
  two.threads = 2;
  train(one, "one");
  train(two, "two");
  EXPECT_EQ(bytes("one"), bytes("two"));
  EXPECT_EQ(bytes("one", "BEST"), bytes("two", "BEST"));
}

TEST_F(TrainTest, AccumulationEqualsTheLargerBatch) {
  FakeModel whole(8), halves(4);
  options.tensorboard = false;
  train(whole, "whole");
  options.accumulate = 2;
  train(halves, "halves");
  std::vector<float> a, b;
  for (size_t t = 0; t < whole.info().tensors.size(); ++t) {
    if (whole.info().tensors[t].kind == BindKind::param) {
      a = whole.read_floats(t);
      b = halves.read_floats(t);
    }
  }
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(a[i], b[i], 1e-5);
  }
}

TEST_F(TrainTest, SignalSavesAndResumeGivesTheSameBytes) {
  FakeModel straight;
  train(straight, "straight");
  for (const auto &[signal, code, at] :
       {std::tuple{SIGTERM, 143, 7}, {SIGUSR1, 75, 10}, {SIGINT, 130, 1}, {SIGTERM, 143, 20}}) {
    const std::string run = "stopped" + std::to_string(at);
    FakeModel first;
    int steps = 0;
    first.before_step = [&, signal = signal, at = at] {
      if (++steps == at) {
        raise(signal);
      }
    };
    EXPECT_EQ(train(first, run), code);
    EXPECT_EQ(slurp(dir / run / "STATUS"),
              "preempted " + std::to_string(code) + " " + std::to_string(at) + "\n");
    FakeModel second;
    EXPECT_EQ(train(second, run, /*resume=*/true), 0);
    EXPECT_EQ(bytes(run), bytes("straight")) << "stopped at " << at;
    EXPECT_EQ(bytes(run, "BEST"), bytes("straight", "BEST"));
  }
}

TEST_F(TrainTest, KillAtRandomMomentsThenResume) {
  options.save_every = 1;
  FakeModel straight;
  const auto begin = std::chrono::steady_clock::now();
  train(straight, "straight");
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
                         std::chrono::steady_clock::now() - begin)
                         .count();
  int kills = 0;
  for (uint32_t attempt = 0; attempt <= 20; ++attempt) {
    const pid_t child = fork();
    if (child == 0) {
      FakeModel model;
      _exit(train(model, "killed", /*resume=*/std::filesystem::exists(dir / "killed/ckpt")));
    }
    if (attempt < 20) { // the last one may finish
      usleep(useconds_t(scale_below(
          join_bits(random_bits(attempt, RandomUse::test_data, 0, 0)[0], 0), uint64_t(whole))));
      kill(child, SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    kills += WIFSIGNALED(status);
    ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    if (!std::filesystem::exists(dir / "killed/ckpt")) { // killed before the folder was ready
      std::filesystem::remove_all(dir / "killed");
    }
  }
  EXPECT_GT(kills, 0);
  EXPECT_EQ(bytes("killed"), bytes("straight"));
  EXPECT_EQ(bytes("killed", "BEST"), bytes("straight", "BEST"));
}

TEST_F(TrainTest, ResumeRefusesOtherIdentities) {
  options.steps = 5;
  FakeModel model;
  train(model, "run");
  FakeModel other(4, 4, "11other");
  expect_error(5, {"package is '00fake'", "--allow-change=package"},
               [&] { train(other, "run", true); });
  expect_error(5, {"fit.lr is '0.5'", "0.25"},
               [&] { train(model, "run", true, {"train.lr=0.25"}); });
  options.accumulate = 2;
  options.steps = 8;
  expect_error(5, {"accumulate is '1'"}, [&] { train(model, "run", true); });
  options.accumulate = 0;
  options.allow_change = {"fit.lr"};
  EXPECT_EQ(train(model, "run", true, {"train.lr=0.25"}), 0);
  test::write_data_set(dir / "data", 24);
  expect_error(5, {"data is"}, [&] { train(model, "run", true, {"train.lr=0.25"}); });
}

TEST_F(TrainTest, DamagedCheckpointsAreNamed) {
  options.steps = 5;
  FakeModel model;
  train(model, "run");
  const auto step = *CheckpointStore(dir / "run/ckpt").pointer("LATEST");
  const std::string good = slurp(step / "model.safetensors"),
                    manifest = slurp(step / "manifest.json");
  for (size_t at : {size_t{3}, size_t{20}, good.size() - 1}) {
    std::string bad = good;
    bad[at] ^= 4;
    test::write_text(step / "model.safetensors", bad);
    expect_error(5, {"model.safetensors", "hash"}, [&] { verify_checkpoint(step); });
  }
  test::write_text(step / "model.safetensors", good.substr(0, good.size() / 2));
  expect_error(5, {"bytes, the manifest says"}, [&] { verify_checkpoint(step); });
  std::filesystem::remove(step / "model.safetensors");
  expect_error(5, {"no such file"}, [&] { verify_checkpoint(step); });
  test::write_text(step / "model.safetensors", good);
  verify_checkpoint(step);
  std::string bad = manifest;
  bad[bad.find("\"step\": 5") + 8] = '6';
  test::write_text(step / "manifest.json", bad);
  expect_error(5, {"manifest.json", "own hash"}, [&] { verify_checkpoint(step); });
  test::write_text(step / "manifest.json", manifest.substr(0, 100));
  expect_error(5, {"manifest.json", "not valid JSON"}, [&] { verify_checkpoint(step); });
}

TEST_F(TrainTest, LoadAccountsForEveryName) {
  options.steps = 1;
  FakeModel model;
  train(model, "run");
  const auto step = *CheckpointStore(dir / "run/ckpt").pointer("LATEST");
  class Wider : public FakeModel {
  public:
    Wider() : renamed(FakeModel::info()) {
      for (ModelTensor &t : renamed.tensors) {
        if (t.kind == BindKind::param) {
          t.name = "head.kernel";
        }
      }
    }
    const ModelInfo &info() const override { return renamed; }
    ModelInfo renamed;
  } other;
  expect_error(5, {"missing: head.kernel", "not in the model: head.weight"},
               [&] { load_checkpoint(step, other, Restore::weights); });
}

TEST_F(TrainTest, OneProcessPerRunAndNoOverwriting) {
  const RunDir first = RunDir::create(dir / "run");
  expect_error(2, {"another process"}, [&] { RunDir::create(dir / "run"); });
  expect_error(2, {"another process"}, [&] { RunDir::open(dir / "run"); });
  std::filesystem::create_directories(dir / "cut/ckpt"); // a start that was killed
  std::ofstream(dir / "cut/env.json.tmp") << "{";
  EXPECT_FALSE(std::filesystem::exists(RunDir::create(dir / "cut").path() / "env.json.tmp"));
  std::filesystem::create_directories(dir / "full/x");
  expect_error(2, {"not empty"}, [&] { RunDir::create(dir / "full"); });
  expect_error(2, {"not a run folder"}, [&] { RunDir::open(dir / "data"); });
}

TEST_F(TrainTest, PruneKeepsBestAndNewest) {
  options.save_every = 1;
  options.keep = 2;
  FakeModel model;
  train(model, "run");
  const CheckpointStore store(dir / "run/ckpt");
  const auto steps = store.steps();
  const auto best = verify_checkpoint(*store.pointer("BEST"));
  EXPECT_EQ(best.best_step, best.step);
  EXPECT_GE(steps.size(), 2u);
  EXPECT_LE(steps.size(), 3u);
  EXPECT_EQ(steps.back(), 20);
  EXPECT_TRUE(std::count(steps.begin(), steps.end(), best.step));
}

TEST_F(TrainTest, EarlyStopping) {
  FakeModel model;
  options.verbosity = Verbosity::quiet;
  Config config = config_of(model);
  config.monitor.patience = 2;
  auto source = test::open_data(dir / "data", model.info());
  Scalars scalars(model.info(), "fit");
  scalars.set("train.lr=0"); // nothing improves after the first evaluation
  scalars.set("train.epochs=50");
  RunDir run = RunDir::create(dir / "run");
  Trainer trainer(model, *source, config, scalars, options, &run);
  trainer.start();
  EXPECT_EQ(trainer.run_to_end(), 0);
  EXPECT_EQ(trainer.state().step, 15); // evaluations after epochs 1, 2, 3
  EXPECT_EQ(trainer.state().best_step, 5);
}

TEST_F(TrainTest, NonFiniteLossStopsWithTheSamples) {
  FakeModel model;
  int steps = 0;
  model.before_step = [&] {
    if (++steps == 3) {
      const std::vector<float> nan(FakeModel::K * FakeModel::F, std::nanf(""));
      for (size_t t = 0; t < model.info().tensors.size(); ++t) {
        if (model.info().tensors[t].kind == BindKind::param) {
          model.write(t, std::as_bytes(std::span(nan)));
        }
      }
    }
  };
  expect_error(4, {"step 3", "loss.total", "samples: train", "--check-numerics"},
               [&] { train(model, "run"); });
  EXPECT_EQ(slurp(dir / "run/STATUS"), "failed 4 2\n");
}

TEST_F(TrainTest, TooFewSamples) {
  FakeModel model(32);
  expect_error(7, {"23 training samples", "32"}, [&] { train(model, "run"); });
}

TEST_F(TrainTest, EvalCountsOnceForAnyBatch) {
  FakeModel model(4, 8);
  train(model, "run");
  auto source = test::open_data(dir / "data", model.info(), {data::Part::test});
  const auto part = source->index().part(data::Part::test);
  const Predictions all = run_predict(model, *source, part);
  const EvalResult reference = run_eval(model, *source, part);
  EXPECT_EQ(reference.samples, 23);
  for (size_t batch : {1, 7, 8}) {
    const Predictions p = run_predict(model, *source, part, batch);
    for (size_t i = 0; i < all.outputs.size(); ++i) {
      EXPECT_EQ(p.outputs[i].values, all.outputs[i].values);
    }
    const EvalResult r = run_eval(model, *source, part, batch);
    EXPECT_EQ(r.value("top1"), reference.value("top1"));
    EXPECT_NEAR(r.value("loss.cls"), reference.value("loss.cls"), 1e-6);
  }
  expect_error(2, {"--batch 9"}, [&] { run_eval(model, *source, part, 9); });
  const Accuracy a = measure(source->index(), all);
  EXPECT_NEAR(a.top1, reference.value("top1"), 1e-6);
}

TEST_F(TrainTest, PredictionsCsvAndMasks) {
  FakeModel model(4, 8);
  train(model, "run");
  auto source = test::open_data(dir / "data", model.info(), {data::Part::test});
  const auto part = source->index().part(data::Part::test);
  const Predictions p = run_predict(model, *source, part);
  const data::Csv csv = data::parse_csv(predictions_csv(source->index(), p), "predictions.csv");
  EXPECT_EQ(csv.header,
            (std::vector<std::string>{"key", "subject", "label", "predicted", "logits.curl",
                                      "logits.press, high", "logits.row", "vote.acc", "vote.gyro",
                                      "presence.acc", "presence.gyro"}));
  EXPECT_EQ(csv.records.size(), 23u);
  EXPECT_EQ(std::strtof(csv.records[3][5].text.c_str(), nullptr), p.outputs[0].of(3)[1]);
  MaskedSource absent(*source, {}, {"acc"});
  const Predictions q = run_predict(model, absent, part);
  EXPECT_EQ(q.outputs[1].of(0)[0], 0.0f);
  EXPECT_NE(q.outputs[0].values, p.outputs[0].values);
  expect_error(2, {"'acd'", "did you mean 'acc'"}, [&] { MaskedSource(*source, {"acd"}, {}); });
  write_outputs(dir / "outputs.safetensors", p);
  const EvalResult e = run_eval(model, *source, part);
  const OrderedJson summary = summary_json("test", source->index(), e, p);
  EXPECT_EQ(summary["samples"], 23);
  EXPECT_NEAR(summary["metrics"]["top1"].get<double>(), summary["top1"].get<double>(), 1e-6);
}

} // namespace
} // namespace mome::train
