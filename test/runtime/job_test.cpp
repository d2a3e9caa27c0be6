// The subcommands' work over a fake package: train, resume, eval, predict, sweep, verify-resume,
// import, export, data check.
#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>

#include "runtime/data/check.h"
#include "runtime/data/csv.h"
#include "runtime/safetensors.h"
#include "runtime/train/job.h"
#include "runtime/train/sweep.h"
#include "runtime/train/weights.h"
#include "test/runtime/temp_data.h"

namespace mome::train {
namespace {

using test::expect_error;
using test::FakeModel;
using test::slurp;
using test::TempDir;

class JobTest : public ::testing::Test {
protected:
  TempDir dir;
  std::function<void(FakeModel &)> change = [](FakeModel &) {};
  const OpenModel open = [this](const std::filesystem::path &) {
    auto model = std::make_unique<FakeModel>(4, 8);
    change(*model);
    return model;
  };
  void SetUp() override {
    test::write_data_set(dir / "data");
    test::write_text(dir / "fake.mpk", "a package");
  }
  TrainRequest request(const std::string &out) {
    TrainRequest r;
    r.package = dir / "fake.mpk";
    r.out = dir / out;
    r.given = {{"data", (dir / "data").string()}, {"tensorboard", false}};
    r.verbosity = Verbosity::quiet;
    return r;
  }
  TrainRequest resume(const std::string &from) {
    TrainRequest r;
    r.resume = dir / from;
    r.verbosity = Verbosity::quiet;
    return r;
  }
  EvalRequest eval(const std::string &run, const std::string &part) {
    EvalRequest r;
    r.checkpoint = dir / run;
    r.data = dir / "data";
    r.part = part;
    return r;
  }
};

TEST_F(JobTest, TrainEvalPredict) {
  TrainRequest r = request("run");
  r.set = {"train.lr=0.4"};
  ASSERT_EQ(train_job(r, open), 0);
  EXPECT_EQ(slurp(dir / "run/model.mpk"), "a package");
  const Json config = Json::parse(slurp(dir / "run/config.json"));
  EXPECT_EQ(config["section"], "fit");
  EXPECT_EQ(config["scalars"]["fit.lr"], 0.4);
  EvalRequest e = eval("run", "test");
  e.dump = e.batch_independent = true;
  const OrderedJson summary = eval_job(e, open);
  EXPECT_GT(summary["top1"].get<double>(), 0.8);
  EXPECT_LE(summary["intervals"]["top1"][0], summary["top1"]);
  EXPECT_TRUE(std::filesystem::exists(dir / "run/eval/test/outputs.safetensors"));
  EXPECT_EQ(data::parse_csv(slurp(dir / "run/eval/test/predictions.csv"), "p").records.size(), 23u);
  e.zero = {"acc"};
  EXPECT_LT(eval_job(e, open)["top1"], summary["top1"]);
  EXPECT_TRUE(std::filesystem::exists(dir / "run/eval/test-zero-acc/summary.json"));
  EXPECT_EQ(data::parse_csv(predict_job(eval("run", "all"), open), "p").records.size(), 69u);
  // Evaluation must not train on anything: the run's checkpoints are untouched and a second one
  // says the same.
  EXPECT_EQ(eval_job(eval("run", "test"), open)["top1"], summary["top1"]);
}

TEST_F(JobTest, FreshRunsDoNotOverwriteAndAutoResumes) {
  TrainRequest r = request("run");
  r.given["steps"] = 5;
  ASSERT_EQ(train_job(r, open), 0);
  expect_error(2, {"not empty", "--resume"}, [&] { train_job(r, open); });
  r.resume_if_there = true;
  r.given["steps"] = 9;
  ASSERT_EQ(train_job(r, open), 0);
  EXPECT_EQ(slurp(dir / "run/STATUS"), "done 0 9\n");
  TrainRequest again = resume("run/ckpt/step-00000005");
  ASSERT_EQ(train_job(again, open), 0);
  EXPECT_EQ(CheckpointStore(dir / "run/ckpt").steps(), (std::vector<int64_t>{5, 9}));
  expect_error(2, {"data is not a run folder"}, [&] { train_job(resume("data"), open); });
  expect_error(2, {"is not a run folder"}, [&] {
    std::filesystem::create_directories(dir / "other");
    test::write_text(dir / "other/config.json", slurp(dir / "run/config.json"));
    train_job(resume("other"), open);
  });
}

TEST_F(JobTest, RefusesBadRequests) {
  TrainRequest r = request("run");
  r.given.erase("data");
  expect_error(2, {"--data"}, [&] { train_job(r, open); });
  r = request("run");
  r.given["steps"] = "many";
  expect_error(2, {"'steps' must be an integer"}, [&] { train_job(r, open); });
  r = request("run");
  r.given["section"] = "fitt";
  expect_error(2, {"did you mean 'fit'"}, [&] { train_job(r, open); });
  r.given["section"] = "fit";
  r.given["accumulate"] = 100;
  expect_error(7, {"fewer than one step"}, [&] { train_job(r, open); });
  EXPECT_FALSE(std::filesystem::exists(dir / "run")) << "a refused job must not leave a run folder";
  r = request("run");
  r.dry_run = true;
  testing::internal::CaptureStdout();
  EXPECT_EQ(train_job(r, open), 0);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("steps: 20 (5 per epoch)"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(dir / "run"));
}

TEST_F(JobTest, FastDevRunAndOverfit) {
  TrainRequest r = request("dev");
  r.given["fast_dev_run"] = 2;
  ASSERT_EQ(train_job(r, open), 0);
  EXPECT_EQ(slurp(dir / "dev/STATUS"), "done 0 2\n");
  r = request("overfit");
  r.given["overfit_batches"] = 1;
  r.set = {"train.epochs=30", "drop=0"};
  ASSERT_EQ(train_job(r, open), 0);
  EXPECT_EQ(slurp(dir / "overfit/STATUS"), "done 0 30\n");
  EXPECT_EQ(*read_state(*CheckpointStore(dir / "overfit/ckpt").pointer("BEST")).best, 1.0);
}

TEST_F(JobTest, EvalRefusesAnotherPackage) {
  TrainRequest r = request("run");
  r.given["steps"] = 2;
  train_job(r, open);
  const OpenModel other = [](const auto &) { return std::make_unique<FakeModel>(4, 8, "11other"); };
  expect_error(5, {"package", "--allow-change=package"},
               [&] { eval_job(eval("run", "val"), other); });
  EvalRequest e = eval("run", "val");
  e.allow_change = {"package"};
  EXPECT_EQ(eval_job(e, other)["samples"], 23);
  expect_error(2, {"'dev'"}, [&] { eval_job(eval("run", "dev"), open); });
  expect_error(5, {"no checkpoint"}, [&] { eval_job(eval("nowhere", "val"), open); });
}

TEST_F(JobTest, VerifyResume) {
  TrainRequest r = request("verify");
  EXPECT_TRUE(verify_resume(r, 12, 7, open).equal);
  // A model that forgets something across a restart must be caught.
  int opened = 0;
  change = [&](FakeModel &m) {
    if (++opened == 3) {
      m.before_step = [&m] {
        const std::vector<float> off(FakeModel::K * FakeModel::F, 0.125f);
        for (size_t t = 0; t < m.info().tensors.size(); ++t) {
          if (m.info().tensors[t].kind == BindKind::moment) {
            m.write(t, std::as_bytes(std::span(off)));
          }
        }
      };
    }
  };
  EXPECT_FALSE(verify_resume(request("broken"), 12, 7, open).equal);
  expect_error(2, {"--at 12"}, [&] { verify_resume(request("x"), 12, 12, open); });
}

TEST_F(JobTest, SweepIsResumable) {
  SweepRequest s;
  s.base = request("sweep");
  s.base.given["steps"] = 5;
  s.axes = {"train.lr=0.1,0.5", "drop=0,0.2"};
  s.seeds = parse_range("0..1");
  testing::internal::CaptureStdout();
  ASSERT_EQ(sweep_job(s, open), 0);
  testing::internal::GetCapturedStdout();
  const std::string first = slurp(dir / "sweep/results.csv");
  const data::Csv csv = data::parse_csv(first, "results.csv");
  ASSERT_EQ(csv.records.size(), 8u);
  EXPECT_EQ(csv.records[5][0].text, "train.lr=0.5,drop=0,seed=1");
  EXPECT_EQ(csv.records[5][size_t(csv.find("seed"))].text, "1");
  EXPECT_NE(
      slurp(dir / "sweep/runs/train.lr=0.5,drop=0,seed=1/ckpt/step-00000005/model.safetensors"),
      slurp(dir / "sweep/runs/train.lr=0.5,drop=0,seed=0/ckpt/step-00000005/model.safetensors"));
  std::filesystem::remove_all(dir / "sweep/runs/train.lr=0.1,drop=0.2,seed=0");
  int opened = 0;
  change = [&](FakeModel &) { ++opened; };
  testing::internal::CaptureStdout();
  ASSERT_EQ(sweep_job(s, open), 0);
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(slurp(dir / "sweep/results.csv"), first);
  EXPECT_EQ(opened, 2) << "one training, one evaluation";
  EXPECT_EQ(parse_range("3,1"), (std::vector<int64_t>{3, 1}));
  expect_error(2, {"not a range"}, [] { parse_range("4..1"); });
  expect_error(2, {"not a list of integers"}, [] { parse_range("a"); });
}

TEST_F(JobTest, ImportAndExport) {
  TrainRequest r = request("run");
  r.given["steps"] = 3;
  train_job(r, open);
  const auto step = resolve_checkpoint(dir / "run");
  EXPECT_EQ(export_weights(step, dir / "w.safetensors", {{"head.", "cls_head."}}, {}), 1u);
  const SafetensorsFile file(dir / "w.safetensors");
  ASSERT_NE(file.find("cls_head.weight"), nullptr);
  expect_error(2, {"no tensor is selected"},
               [&] { export_weights(step, dir / "x", {}, {"nothing.*"}); });
  export_weights(step, dir / "backbone.safetensors", {{"head.", ""}}, {});
  FakeModel model;
  const ImportReport report =
      import_weights(model, {"head", "", "", {}}, dir / "backbone.safetensors");
  EXPECT_EQ(report.loaded, std::vector<std::string>{"head.weight"});
  expect_error(5, {"head.weight", "skip"},
               [&] { import_weights(model, {"head", "", "", {}}, dir / "w.safetensors"); });
  expect_error(5, {"no parameter matches 'experts.*'"},
               [&] { import_weights(model, {"experts.*", "", "", {}}, dir / "w.safetensors"); });
}

TEST_F(JobTest, DataCheck) {
  data::CheckReport good = data::check_data(dir / "data", 0, {}, {}, {});
  EXPECT_TRUE(good.problems.empty()) << good.text();
  EXPECT_EQ(good.facts["parts"]["val"]["samples"], 23);
  EXPECT_EQ(good.facts["modalities"]["gyro"]["samples"], 3 * 19);
  EXPECT_TRUE(good.warnings.empty()) << good.text();
  std::string csv = slurp(dir / "data/index.csv");
  const size_t at = csv.find("val3,s3");
  csv.replace(at, 7, "val3,s0");
  test::write_text(dir / "data/index.csv", csv);
  EXPECT_NE(
      data::check_data(dir / "data", 0, {}, {}, {}).text().find("subjects in more than one part"),
      std::string::npos);
  std::filesystem::remove(dir / "data/test.safetensors");
  EXPECT_NE(
      data::check_data(dir / "data", 0, {}, {}, {}).text().find("test.safetensors is missing"),
      std::string::npos);
}

TEST_F(JobTest, FullDiskIsNamed) { // /dev/full gives ENOSPC on every write
  expect_error(1, {"/dev/full", "No space left", "free some space"}, [] {
    TensorFileWriter writer("/dev/full", {{"a", BindKind::param, DType::f32, {1}}});
    const float one = 1;
    writer.add(std::as_bytes(std::span(&one, 1)));
    writer.commit();
  });
}

TEST_F(JobTest, FailedSaveKeepsThePreviousCheckpoint) {
  TrainRequest r = request("run");
  r.given["steps"] = 3;
  ASSERT_EQ(train_job(r, open), 0);
  const pid_t child = fork();
  if (child ==
      0) { // no file may grow beyond 300 bytes from here: writes fail in the middle of the save
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small{300, 300};
    setrlimit(RLIMIT_FSIZE, &small);
    const CheckpointStore store(dir / "run/ckpt");
    TrainState next = read_state(*store.pointer("LATEST"));
    next.step = 4;
    FakeModel model;
    try {
      store.save(model, next);
    } catch (const Error &error) {
      _exit(int(error.exit));
    }
    _exit(99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  const CheckpointStore store(dir / "run/ckpt");
  EXPECT_EQ(store.steps(), std::vector<int64_t>{3});
  EXPECT_EQ(verify_checkpoint(*store.pointer("LATEST")).step, 3);
  EXPECT_FALSE(std::filesystem::exists(dir / "run/ckpt/step-00000004.tmp"));
}

} // namespace
} // namespace mome::train
