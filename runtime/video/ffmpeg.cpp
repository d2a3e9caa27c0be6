// The library's entry, and the index of a file by demuxing: 1-7 ms for a session of an hour's
// length, no picture is decoded.
#include "runtime/video/ffmpeg.h"

#include <algorithm>
#include <numeric>

namespace mome::video {

std::string ffmpeg_reason(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

OpenedInput open_input(const std::filesystem::path &path) {
  std::error_code failed;
  const uintmax_t size = std::filesystem::file_size(path, failed);
  if (failed) {
    throw data_error(path.string(), "the video is missing", "copy it there, or leave its view out");
  }
  if (size == 0) {
    throw data_error(path.string(), "the video is empty (0 bytes)", "copy or unpack it again");
  }
  OpenedInput opened;
  AVFormatContext *raw = nullptr;
  int code = avformat_open_input(&raw, path.c_str(), nullptr, nullptr);
  opened.input.reset(raw);
  if (code < 0) {
    throw data_error(path.string(), "not a readable video: " + ffmpeg_reason(code),
                     "it may be cut off: copy or unpack it again");
  }
  code = avformat_find_stream_info(raw, nullptr);
  const int number =
      code < 0 ? code : av_find_best_stream(raw, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (number < 0) {
    throw data_error(path.string(), "no video stream: " + ffmpeg_reason(number),
                     "it may be cut off: copy or unpack it again");
  }
  opened.stream = raw->streams[number];
  for (unsigned i = 0; i < raw->nb_streams; ++i) {
    raw->streams[i]->discard = int(i) == number ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  return opened;
}

namespace {

/// Numbers the packets by presentation time.
void number_frames(const std::filesystem::path &path, std::vector<Packet> &packets) {
  std::vector<uint32_t> order(packets.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return packets[a].pts < packets[b].pts; });
  for (uint32_t i = 0; i < order.size(); ++i) {
    packets[order[i]].frame = i;
    if (i > 0 && packets[order[i]].pts == packets[order[i - 1]].pts) {
      throw data_error(path.string() + ", frame " + std::to_string(i),
                       "two frames have the same time", "write the video again");
    }
  }
}

class FfmpegLibrary : public Library {
public:
  FfmpegLibrary() { av_log_set_level(AV_LOG_FATAL); } // failures come back as codes

  std::string version() const override {
    return std::string("FFmpeg ") + av_version_info() + " (" + avcodec_license() + ")";
  }

  VideoIndex scan(const std::filesystem::path &path) const override {
    OpenedInput opened = open_input(path);
    const AVStream &stream = *opened.stream;
    const AVCodecParameters &codec = *stream.codecpar;
    VideoIndex index;
    index.width = codec.width;
    index.height = codec.height;
    index.time_num = stream.time_base.num;
    index.time_den = stream.time_base.den;
    const AVRational rate =
        stream.r_frame_rate.num > 0 ? stream.r_frame_rate : stream.avg_frame_rate;
    index.rate_num = stream.avg_frame_rate.num > 0 ? stream.avg_frame_rate.num : rate.num;
    index.rate_den = stream.avg_frame_rate.num > 0 ? stream.avg_frame_rate.den : rate.den;
    if (index.width <= 0 || index.height <= 0 || index.rate_num <= 0 || index.rate_den <= 0) {
      throw data_error(path.string(), "a video without a size or a frame rate",
                       "copy, unpack or write it again");
    }
    index.declared_frames = stream.nb_frames;
    index.codec = avcodec_get_name(codec.codec_id);
    const PacketPtr packet(av_packet_alloc());
    int code = 0;
    while ((code = av_read_frame(opened.input.get(), packet.get())) >= 0) {
      if (packet->stream_index == stream.index) {
        const int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
        if (packet->flags & AV_PKT_FLAG_CORRUPT) { // the file ends within it
          break;
        }
        if (!(packet->flags & AV_PKT_FLAG_DISCARD)) {
          index.packets.push_back({pts, 0, packet->flags & AV_PKT_FLAG_KEY ? 1u : 0u});
          index.bytes += packet->size;
        }
      }
      av_packet_unref(packet.get());
    }
    const bool ended = code == AVERROR_EOF;
    const int64_t found = int64_t(index.packets.size());
    if (!ended || found == 0 || found < index.declared_frames) {
      throw data_error(path.string() + ", frame " + std::to_string(found),
                       "the video is cut off: " + std::to_string(found) + " frames" +
                           (index.declared_frames > 0
                                ? " of " + std::to_string(index.declared_frames)
                                : std::string()) +
                           (ended ? "" : " (" + ffmpeg_reason(code) + ")"),
                       "copy or unpack it again");
    }
    number_frames(path, index.packets);
    if (!index.packets[0].key) {
      throw data_error(path.string() + ", frame 0",
                       "the video does not start with a key frame, or its beginning is damaged",
                       "copy, unpack or write it again");
    }
    return index;
  }
  std::unique_ptr<Decoder> open(const std::filesystem::path &path,
                                const VideoIndex &index) const override {
    return make_decoder(path, index);
  }
  std::unique_ptr<Encoder> encode(const std::filesystem::path &path,
                                  const EncodeOptions &options) const override {
    return make_encoder(path, options);
  }
  void transcode(const std::filesystem::path &from, const VideoIndex &index,
                 const std::filesystem::path &to, const EncodeOptions &options) const override {
    transcode_video(from, index, to, options);
  }
  std::vector<uint8_t> encode_png(const Frames &pictures) const override {
    return video::encode_png(pictures);
  }
};

} // namespace
} // namespace mome::video

extern "C" __attribute__((visibility("default"))) const mome::video::Library *
mome_video_library(uint32_t abi) {
  static const mome::video::FfmpegLibrary library;
  return abi == mome_video_abi ? &library : nullptr;
}
