// Evaluation: every sample of a part exactly once, through the entries `eval` + `metrics`, and
// `predict`.
//
// `eval` leaves what a batch adds to the `sum` tensors of the package (a partial batch is padded, its
// padding has valid = 0), the host adds that up in the order of the batches, and `metrics` turns the
// sums into values once. Losses are means over the samples: sum `loss.NAME` / sum `count`.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/data/source.h"
#include "runtime/train/model.h"

namespace mome::train {

struct EvalResult {
  int64_t samples = 0;
  std::vector<std::pair<std::string, double>> losses;              // means
  std::vector<std::pair<std::string, std::vector<float>>> metrics; // flattened; one value for most

  /// A scalar metric, a loss ("cls" or "loss.cls"), or "loss": the objective; NaN when absent.
  double value(std::string_view name) const;
};

/// `batch` samples at a time (at most the compiled batch; 0: all of it). Stops early when `stop`
/// says so.
EvalResult run_eval(Model &model, data::Source &source, const std::vector<uint32_t> &samples,
                    size_t batch = 0, const std::function<bool()> &stop = {});

/// One output of `predict`, gathered over the samples.
struct GatheredOutput {
  std::string name;
  std::vector<int64_t> shape; // of one sample
  std::vector<float> values;  // [samples, ...shape]
  size_t elements = 1;

  std::span<const float> of(size_t i) const {
    return std::span(values).subspan(i * elements, elements);
  }
};

struct Predictions {
  std::vector<uint32_t> samples;
  std::vector<GatheredOutput> outputs;

  /// The class scores: output "logits", else the first with one value per class; null when there is
  /// none.
  const GatheredOutput *logits(size_t classes) const;
  /// Class of the highest score, the first of equals; -1 without logits.
  std::vector<int32_t> predicted(size_t classes) const;
};

/// Outputs are averaged over the source's takes: the softmax of the class scores (written back as
/// its logarithm), or the scores, as the source says, and every other output as it is. Samples that
/// the source leaves out are not among the result's.
Predictions run_predict(Model &model, data::Source &source, const std::vector<uint32_t> &samples,
                        size_t batch = 0);

/// The same source with sensors zeroed (their normalized values are 0: the mean signal) or marked
/// absent.
class MaskedSource : public data::Source {
public:
  /// Names must be modalities; throws Error (usage).
  MaskedSource(data::Source &source, const std::vector<std::string> &zero,
               const std::vector<std::string> &absent);
  const data::Index &index() const override { return masked; }
  const std::vector<data::Modality> &modalities() const override { return source.modalities(); }
  void read(uint32_t sample, size_t modality, const data::Take &take, std::span<float> to) override;
  uint32_t takes() const override { return source.takes(); }
  bool average_softmax() const override { return source.average_softmax(); }
  data::BadSamples &bad() override { return source.bad(); }

private:
  data::Source &source;
  data::Index masked;
  std::set<size_t> silent;
};

} // namespace mome::train
