// H.264 by libx264, one thread and fixed settings: the same pictures give the same file on the same
// version of x264.
#include <algorithm>

#include "runtime/video/ffmpeg.h"

namespace mome::video {
namespace {

struct FreeOutput {
  void operator()(AVFormatContext *c) const {
    if (c->pb != nullptr) {
      avio_closep(&c->pb);
    }
    avformat_free_context(c);
  }
};

class FfmpegEncoder : public Encoder {
public:
  FfmpegEncoder(std::filesystem::path p, const EncodeOptions &o) : path(std::move(p)), options(o) {
    const AVCodec *kind = avcodec_find_encoder_by_name("libx264");
    if (kind == nullptr) {
      throw data_error(path.string(), "this FFmpeg cannot write H.264: it lacks libx264",
                       "install an FFmpeg with libx264");
    }
    AVFormatContext *raw = nullptr;
    check(avformat_alloc_output_context2(&raw, nullptr, "mp4", path.c_str()));
    output.reset(raw);
    raw->flags |= AVFMT_FLAG_BITEXACT;
    stream = avformat_new_stream(raw, nullptr);
    open_codec(kind);
    check(avcodec_parameters_from_context(stream->codecpar, codec.get()));
    stream->time_base = codec->time_base;
    stream->avg_frame_rate = codec->framerate;
    check(avio_open(&raw->pb, path.c_str(), AVIO_FLAG_WRITE));
    av_opt_set(raw->priv_data, "movflags", "+faststart", 0); // what is needed first comes first
    check(avformat_write_header(raw, nullptr));
    picture->format = codec->pix_fmt;
    picture->width = o.width;
    picture->height = o.height;
    check(av_frame_get_buffer(picture.get(), 0));
  }

  void add(std::span<const uint8_t> i420, int quarters) override {
    check(av_frame_make_writable(picture.get()));
    const uint8_t *from = i420.data();
    for (int plane = 0; plane < 3; ++plane) {
      const int w = plane == 0 ? options.width : options.width / 2;
      const int h = plane == 0 ? options.height : options.height / 2;
      for (int y = 0; y < h; ++y, from += w) {
        std::copy_n(from, w, picture->data[plane] + ptrdiff_t(y) * picture->linesize[plane]);
      }
    }
    picture->pts = time;
    time += 4 + quarters;
    check(avcodec_send_frame(codec.get(), picture.get()));
    drain();
  }

  void finish() override {
    check(avcodec_send_frame(codec.get(), nullptr));
    drain();
    check(av_write_trailer(output.get()));
    check(avio_closep(&output->pb));
  }

private:
  std::filesystem::path path;
  EncodeOptions options;
  std::unique_ptr<AVFormatContext, FreeOutput> output;
  AVStream *stream = nullptr;
  Codec codec;
  FramePtr picture{av_frame_alloc()};
  PacketPtr packet{av_packet_alloc()};
  int64_t time = 0; // in quarters of a frame

  void check(int code) const {
    if (code < 0) {
      throw Error(Exit::failed, path.string(), "cannot write the video: " + ffmpeg_reason(code),
                  "is there space, and may you write there?");
    }
  }

  void open_codec(const AVCodec *kind) {
    codec.reset(avcodec_alloc_context3(kind));
    codec->width = options.width;
    codec->height = options.height;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->time_base = {options.rate_den, options.rate_num * 4};
    codec->framerate = {options.rate_num, options.rate_den};
    codec->gop_size = options.gop;
    codec->max_b_frames = options.b_frames;
    codec->thread_count = 1;
    codec->color_range = AVCOL_RANGE_MPEG;
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    av_opt_set(codec->priv_data, "preset", options.preset.c_str(), 0);
    if (options.fast_decode) {
      av_opt_set(codec->priv_data, "tune", "fastdecode", 0);
      av_opt_set(codec->priv_data, "x264-params", "scenecut=0", 0);
    }
    if (options.bitrate > 0) {
      codec->bit_rate = options.bitrate;
    } else {
      av_opt_set_int(codec->priv_data, "crf", options.crf, 0);
    }
    check(avcodec_open2(codec.get(), kind, nullptr));
  }

  void drain() {
    while (true) {
      const int code = avcodec_receive_packet(codec.get(), packet.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) {
        return;
      }
      check(code);
      packet->duration = 4;
      av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
      packet->stream_index = stream->index;
      check(av_interleaved_write_frame(output.get(), packet.get()));
    }
  }
};

} // namespace

std::unique_ptr<Encoder> make_encoder(const std::filesystem::path &path,
                                      const EncodeOptions &options) {
  return std::make_unique<FfmpegEncoder>(path, options);
}

} // namespace mome::video
