// Drive&Act on disk: tables of chunks per view, videos per session and view.
//
//   ROOT/activities_3s/VIEW/LEVEL.chunks_90.split_K.{train,val,test}.csv
//   ROOT/FOLDER/vpN/RUN.STEM.mp4           FOLDER is VIEW or VIEW_mp4, STEM as in the view table
// also under ROOT/iccv_activities_3s, ROOT/Drive&Act and ROOT/Drive&Act/Drive&Act, as copies have it.
//
// Frame numbers differ between views, so every view is read from its own tables; rows of the views
// are joined on (participant_id, run, annotation_id, chunk_id). frame_end is exclusive. Columns are
// found by name. Labels are the activities of the split in alphabetical order.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/data/source.h"

namespace mome::data {

struct CameraView {
  const char *name, *stem; // folder of annotations, and what ends a file_id
  bool color;
};
/// Throws Error (data) with the known names.
const CameraView &camera_view(const std::string &name, const std::string &where);
const std::vector<CameraView> &camera_views();

/// What a view shows of a sample: frames [first, end) of a video.
struct Span {
  uint32_t video = 0; // index into DriveAct::videos
  uint32_t line = 0;  // of the view's table
  int64_t first = 0, end = 0;
};

struct ViewVideo {
  std::string view; // its name
  std::string stem; // vpN/RUN
  std::filesystem::path path;
};

struct DriveAct {
  Index index;
  std::vector<std::string> views;       // of every modality
  std::vector<std::vector<Span>> spans; // of a sample, by modality; meaningless where absent
  std::vector<ViewVideo> videos;
  std::vector<std::array<std::string, 3>> tables; // of a modality, by part
  size_t dropped = 0;                             // samples that some view lacks
  /// "TABLE:LINE" of a sample in the table of a modality's view.
  std::string place(uint32_t sample, size_t modality) const;
};

/// The folder of the annotations (it holds VIEW/*.csv), or of a view's videos; throws Error (data).
std::filesystem::path annotation_folder(const std::filesystem::path &root);
std::filesystem::path video_folder(const std::filesystem::path &root, const CameraView &view);

/// Reads and joins the tables; opens no video. Modalities read the views that `config` names.
DriveAct load_drive_act(const std::filesystem::path &root, const SourceConfig &config,
                        const SourceOptions &options);

} // namespace mome::data
