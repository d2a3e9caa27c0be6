// Ownership of FFmpeg's objects, and its error codes as mome::Error.
#pragma once

#include <memory>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include "runtime/error.h"
#include "runtime/video/video.h"

namespace mome::video {

struct FreeInput {
  void operator()(AVFormatContext *c) const { avformat_close_input(&c); }
};
struct FreeCodec {
  void operator()(AVCodecContext *c) const { avcodec_free_context(&c); }
};
struct FreePacket {
  void operator()(AVPacket *p) const { av_packet_free(&p); }
};
struct FreeFrame {
  void operator()(AVFrame *f) const { av_frame_free(&f); }
};
struct FreeScaler {
  void operator()(SwsContext *c) const { sws_freeContext(c); }
};
using Input = std::unique_ptr<AVFormatContext, FreeInput>;
using Codec = std::unique_ptr<AVCodecContext, FreeCodec>;
using PacketPtr = std::unique_ptr<AVPacket, FreePacket>;
using FramePtr = std::unique_ptr<AVFrame, FreeFrame>;
using Scaler = std::unique_ptr<SwsContext, FreeScaler>;

std::string ffmpeg_reason(int code);

/// An opened file and its one video stream.
struct OpenedInput {
  Input input;
  AVStream *stream = nullptr;
};
OpenedInput open_input(const std::filesystem::path &path);

std::unique_ptr<Decoder> make_decoder(const std::filesystem::path &path, const VideoIndex &index);
std::unique_ptr<Encoder> make_encoder(const std::filesystem::path &path,
                                      const EncodeOptions &options);
void transcode_video(const std::filesystem::path &from, const VideoIndex &index,
                     const std::filesystem::path &to, const EncodeOptions &options);
std::vector<uint8_t> encode_png(const Frames &pictures);

} // namespace mome::video
