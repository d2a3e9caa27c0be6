// `mome predict --in` and `--dir`: predictions along recordings that nobody annotated.

#include "runtime/data/video/video_source.h"
#include "runtime/error.h"
#include "runtime/train/ema.h"
#include "runtime/train/feed.h"
#include "runtime/train/job.h"
#include "runtime/train/recordings.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

OrderedJson describe(const Recording &recording, const data::Index &index, const Predictions &p,
                     size_t i) {
  const std::string &key = index.samples[p.samples[i]].key;
  OrderedJson o;
  o["source"] = recording.name;
  o["start"] = std::stod(key.substr(0, key.find('-')));
  o["end"] = std::stod(key.substr(key.find('-') + 1));
  o.update(prediction_json(index, p, i));
  return o;
}

} // namespace

size_t predict_windows_job(const WindowRequest &request, const OpenModel &open,
                           const std::function<void(const OrderedJson &)> &emit) {
  LoadedModel loaded = load_model(request.base, open);
  const ModelInfo &info = loaded.model->info();
  const data::SourceConfig config = choose_source(info, loaded.data_section);
  const std::vector<Recording> recordings =
      request.dir.empty() ? std::vector<Recording>{named_recording(request.in, info)}
                          : find_recordings(request.dir, info, config);
  const EmaSwap averaged(*loaded.model);
  loaded.model->replicate();
  size_t left_out = 0;
  for (const Recording &recording : recordings) {
    try {
      const auto source = data::open_window_source(
          recording.in_order(info), {request.window, request.stride}, config,
          {loaded.classes(), model_modalities(info), 0, {data::Part::test}, request.base.skip_bad});
      const Predictions p = run_predict(*loaded.model, *source,
                                        source->index().part(data::Part::test), request.base.batch);
      for (size_t i = 0; i < p.samples.size(); ++i) {
        emit(describe(recording, source->index(), p, i));
      }
      left_out += source->bad().count() > 0;
    } catch (const Error &error) {
      if (!request.base.skip_bad || error.exit != Exit::data) {
        throw;
      }
      std::fprintf(stderr, "mome: recording '%s' is skipped: %s: %s\n", recording.name.c_str(),
                   error.where.c_str(), error.message.c_str());
      ++left_out;
    }
  }
  return left_out;
}

} // namespace mome::train
