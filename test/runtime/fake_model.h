// A model written in C++ that stands in for a package: multinomial logistic regression over two
// sensors, with momentum, inputs dropped at random by (seed, step, sample), an EMA, metrics
// accumulated in sums. Its `threads` split work over classes, so every split gives the same bits.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <thread>

#include "runtime/philox.h"
#include "runtime/train/feed.h"
#include "runtime/train/model.h"

namespace mome::test {

using train::Model;
using train::ModelInfo;

class FakeModel : public Model {
public:
  static constexpr int64_t D = 4, K = 3, M = 2, F = M * D;
  int64_t batch, eval_batch;
  int threads = 1;
  std::function<void()> before_step; // a hook for tests: sleep, raise a signal, abort

  explicit FakeModel(int64_t batch = 4, int64_t eval_batch = 4, std::string hash = "00fake")
      : batch(batch), eval_batch(eval_batch) {
    meta.model = "Fake";
    meta.package_hash = std::move(hash);
    meta.variant = "test";
    meta.classes = {"curl", "press, high", "row"};
    meta.modalities = {"acc", "gyro"};
    meta.train = {
        {"fit", R"({"batch": )" + std::to_string(batch) + R"(, "schedule": {"kind": "cosine"},
      "monitor": {"metric": "top1", "mode": "max", "keep": ["best", "last"]}, "ema": {"decay": "fit.ema.decay"}})"}};
    meta.data = {{"watch", R"({"source": [{"value": "tensors"}]})"}};
    meta.metrics = {{"top1", {"top1.right", "count"}}};
    declare_tensors();
    declare_scalars();
  }

  const ModelInfo &info() const override { return meta; }
  void read(size_t t, std::span<std::byte> to) override {
    std::memcpy(to.data(), store[t].data(), to.size());
  }
  void write(size_t t, std::span<const std::byte> from) override {
    std::memcpy(store[t].data(), from.data(), from.size());
  }
  void set_scalar(size_t s, double value) override { values[s] = value; }

  void run(const train::ModelEntry &entry) override {
    if (entry.name == "init") {
      init();
    } else if (entry.name == "fit.step") {
      if (before_step) {
        before_step();
      }
      std::memset(store[grad].data(), 0, store[grad].size());
      accumulate();
      apply();
    } else if (entry.name == "fit.accumulate") {
      accumulate();
    } else if (entry.name == "fit.apply") {
      apply();
    } else if (entry.name == "eval") {
      evaluate();
    } else if (entry.name == "metrics") {
      f(top1)[0] = f(right)[0] / f(count)[0];
    } else if (entry.name == "predict") {
      predict();
    }
  }

private:
  ModelInfo meta;
  std::vector<std::vector<std::byte>> store;
  std::vector<double> values;
  size_t acc, gyro, label, presence, eacc, egyro, elabel, epresence, valid, weight, momentum, ema,
      grad, loss, right, lsum, count, top1, logits, vote;

  float *f(size_t t) { return reinterpret_cast<float *>(store[t].data()); }
  int32_t *ints(size_t t) { return reinterpret_cast<int32_t *>(store[t].data()); }
  double scalar(std::string_view name) { return values[*meta.scalar(name)]; }

  size_t add(std::string name, BindKind kind, std::vector<int64_t> shape,
             DType dtype = DType::f32) {
    meta.tensors.push_back({std::move(name), kind, dtype, std::move(shape)});
    store.emplace_back(meta.tensors.back().bytes());
    return store.size() - 1;
  }

  void declare_tensors() {
    const int64_t B = batch, E = eval_batch;
    acc = add("acc", BindKind::input, {B, D});
    gyro = add("gyro", BindKind::input, {B, D});
    label = add("y", BindKind::label, {B}, DType::i32);
    presence = add("presence", BindKind::presence, {B, M});
    eacc = add("acc", BindKind::input, {E, D});
    egyro = add("gyro", BindKind::input, {E, D});
    elabel = add("y", BindKind::label, {E}, DType::i32);
    epresence = add("presence", BindKind::presence, {E, M});
    valid = add("valid", BindKind::valid, {E});
    weight = add("head.weight", BindKind::param, {K, F});
    momentum = add("momentum/head.weight", BindKind::moment, {K, F});
    ema = add("ema/head.weight", BindKind::moment, {K, F});
    grad = add("head.weight", BindKind::grad, {K, F});
    loss = add("loss.total", BindKind::loss, {});
    right = add("top1.right", BindKind::sum, {});
    lsum = add("loss.cls", BindKind::sum, {});
    count = add("count", BindKind::sum, {});
    top1 = add("top1", BindKind::metric, {});
    logits = add("logits", BindKind::output, {E, K});
    vote = add("vote", BindKind::output, {E, M});
    meta.entries = {{"init", {}, {weight}},
                    {"fit.step", {acc, gyro, label, presence}, {loss}},
                    {"fit.accumulate", {acc, gyro, label, presence}, {loss}},
                    {"fit.apply", {}, {weight}},
                    {"eval", {eacc, egyro, elabel, epresence, valid}, {right, lsum, count}},
                    {"metrics", {right, count}, {top1}},
                    {"predict", {eacc, egyro, epresence}, {logits, vote}}};
  }

  void declare_scalars() {
    meta.scalars = {{"seed", true, 0, true},
                    {"step", true, 0, true},
                    {"sample", true, 0, true},
                    {"fit.lr_now", false, 0, true},
                    {"fit.grad_scale", false, 1, true},
                    {"fit.ema_now", false, 0, true},
                    {"fit.lr", false, 0.5, false},
                    {"fit.epochs", false, 4, false},
                    {"fit.seed", true, 1, false},
                    {"fit.ema.decay", false, 0.9, false},
                    {"drop", false, 0.1, false}};
    for (const auto &s : meta.scalars) {
      values.push_back(s.value);
    }
  }

  void init() {
    for (int64_t i = 0; i < K * F; ++i) {
      f(weight)[i] =
          float(philox({uint32_t(scalar("seed")), 7}, {uint32_t(i), 0, 0, 0})[0]) / 4.3e9f - 0.5f;
    }
  }

  std::vector<float> scores(const float *a, const float *g, const float *present, int64_t b) {
    std::vector<float> z(K);
    for (int64_t k = 0; k < K; ++k) {
      for (int64_t d = 0; d < D; ++d) {
        z[k] += f(weight)[k * F + d] * a[b * D + d] * present[b * M];
        z[k] += f(weight)[k * F + D + d] * g[b * D + d] * present[b * M + 1];
      }
    }
    return z;
  }

  static float cross_entropy(std::vector<float> &z, int32_t y) { // leaves probabilities in z
    float top = *std::max_element(z.begin(), z.end()), sum = 0;
    for (float &v : z) {
      sum += v = std::exp(v - top);
    }
    for (float &v : z) {
      v /= sum;
    }
    return -std::log(z[y]);
  }

  void accumulate() {
    for (int64_t b = 0; b < batch;
         ++b) { // dropout by global sample index: the same for any micro-batch split
      const PhiloxCounter r =
          philox({uint32_t(scalar("seed")), 9},
                 {uint32_t(scalar("sample")) + uint32_t(b), uint32_t(scalar("step")), 0, 0});
      for (int64_t m = 0; m < M; ++m) {
        f(presence)[b * M + m] *= r[m] / 4294967296.0 >= scalar("drop") ? 1.0f : 0.0f;
      }
    }
    float total = 0;
    std::vector<std::vector<float>> p(batch);
    for (int64_t b = 0; b < batch; ++b) {
      p[b] = scores(f(acc), f(gyro), f(presence), b);
      total += cross_entropy(p[b], ints(label)[b]);
    }
    f(loss)[0] = total / float(batch);
    const auto rows = [&](int64_t lo, int64_t hi) {
      for (int64_t k = lo; k < hi; ++k) {
        for (int64_t b = 0; b < batch; ++b) {
          const float e = (p[b][k] - (ints(label)[b] == k)) / float(batch);
          for (int64_t d = 0; d < D; ++d) {
            f(grad)[k * F + d] += e * f(acc)[b * D + d] * f(presence)[b * M];
            f(grad)[k * F + D + d] += e * f(gyro)[b * D + d] * f(presence)[b * M + 1];
          }
        }
      }
    };
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; ++t) {
      pool.emplace_back(rows, K * t / threads, K * (t + 1) / threads);
    }
    for (std::thread &t : pool) {
      t.join();
    }
  }

  void apply() {
    const float scale = float(scalar("fit.grad_scale")), lr = float(scalar("fit.lr_now")),
                decay = float(scalar("fit.ema_now"));
    for (int64_t i = 0; i < K * F; ++i) {
      f(momentum)[i] = 0.9f * f(momentum)[i] + scale * f(grad)[i];
      f(weight)[i] -= lr * f(momentum)[i];
      f(ema)[i] = decay * f(ema)[i] + (1 - decay) * f(weight)[i];
    }
  }

  void evaluate() {
    for (int64_t b = 0; b < eval_batch; ++b) {
      std::vector<float> z = scores(f(eacc), f(egyro), f(epresence), b);
      const auto best = std::max_element(z.begin(), z.end()) - z.begin();
      f(right)[0] += f(valid)[b] * (best == ints(elabel)[b]);
      f(lsum)[0] += f(valid)[b] * cross_entropy(z, ints(elabel)[b]);
      f(count)[0] += f(valid)[b];
    }
  }

  void predict() {
    for (int64_t b = 0; b < eval_batch; ++b) {
      const std::vector<float> z = scores(f(eacc), f(egyro), f(epresence), b);
      std::copy(z.begin(), z.end(), f(logits) + b * K);
      f(vote)[b * M] = f(epresence)[b * M];
      f(vote)[b * M + 1] = 1 - f(epresence)[b * M];
    }
  }
};

} // namespace mome::test
