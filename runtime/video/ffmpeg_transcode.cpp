// One video after another, picture by picture: decoded, made smaller, encoded. Picture k of the
// result is picture k of the source; times are k / rate, so a variable rate becomes constant.
#include "runtime/video/ffmpeg.h"

namespace mome::video {
namespace {

class Transcoder {
public:
  Transcoder(const std::filesystem::path &from, const VideoIndex &index,
             const std::filesystem::path &to, const EncodeOptions &options)
      : from(from), index(index), options(options), opened(open_input(from)),
        encoder(make_encoder(to, options)) {
    const AVCodecParameters &parameters = *opened.stream->codecpar;
    const AVCodec *kind = avcodec_find_decoder(parameters.codec_id);
    if (kind == nullptr) {
      throw data_error(from.string(), "FFmpeg has no decoder for " + index.codec, "");
    }
    codec.reset(avcodec_alloc_context3(kind));
    avcodec_parameters_to_context(codec.get(), &parameters);
    codec->thread_count = 1;
    codec->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM;
    if (const int code = avcodec_open2(codec.get(), kind, nullptr); code < 0) {
      throw data_error(from.string(), "cannot open the decoder: " + ffmpeg_reason(code), "");
    }
    small.resize(size_t(options.width) * size_t(options.height) * 3 / 2);
  }

  void run() {
    while (av_read_frame(opened.input.get(), packet.get()) >= 0) {
      if (packet->stream_index == opened.stream->index) {
        check(avcodec_send_packet(codec.get(), packet.get()));
        receive();
      }
      av_packet_unref(packet.get());
    }
    check(avcodec_send_packet(codec.get(), nullptr));
    receive();
    if (count != index.frames()) {
      throw data_error(from.string() + ", frame " + std::to_string(count),
                       std::to_string(count) + " of " + std::to_string(index.frames()) +
                           " frames can be decoded",
                       "copy or unpack the video again");
    }
    encoder->finish();
  }

private:
  const std::filesystem::path &from;
  const VideoIndex &index;
  EncodeOptions options;
  OpenedInput opened;
  std::unique_ptr<Encoder> encoder;
  Codec codec;
  Scaler scaler;
  PacketPtr packet{av_packet_alloc()};
  FramePtr picture{av_frame_alloc()};
  std::vector<uint8_t> small;
  size_t count = 0;

  void check(int code) const {
    if (code < 0 && code != AVERROR(EAGAIN)) {
      throw data_error(from.string() + ", frame " + std::to_string(count),
                       "damaged: " + ffmpeg_reason(code), "copy or unpack the video again");
    }
  }

  void receive() {
    while (true) {
      const int code = avcodec_receive_frame(codec.get(), picture.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) {
        return;
      }
      check(code);
      shrink();
      encoder->add(small, 0);
      ++count;
    }
  }

  void shrink() {
    const int w = options.width, h = options.height;
    const bool full =
        picture->color_range == AVCOL_RANGE_JPEG || picture->format == AV_PIX_FMT_YUVJ420P;
    const AVPixelFormat format = picture->format == AV_PIX_FMT_YUVJ420P
                                     ? AV_PIX_FMT_YUV420P
                                     : AVPixelFormat(picture->format);
    scaler.reset(sws_getCachedContext(
        scaler.release(), picture->width, picture->height, format, w, h, AV_PIX_FMT_YUV420P,
        SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT, nullptr, nullptr, nullptr));
    if (!scaler) {
      throw data_error(from.string(), "a pixel format that is not read", "transcode it to H.264");
    }
    const int *space =
        sws_getCoefficients(picture->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601);
    sws_setColorspaceDetails(scaler.get(), space, full ? 1 : 0, sws_getCoefficients(SWS_CS_ITU601),
                             0, 0, 1 << 16, 1 << 16);
    uint8_t *planes[4] = {small.data(), small.data() + size_t(w) * size_t(h),
                          small.data() + size_t(w) * size_t(h) * 5 / 4};
    const int strides[4] = {w, w / 2, w / 2};
    sws_scale(scaler.get(), picture->data, picture->linesize, 0, picture->height, planes, strides);
  }
};

} // namespace

void transcode_video(const std::filesystem::path &from, const VideoIndex &index,
                     const std::filesystem::path &to, const EncodeOptions &options) {
  Transcoder(from, index, to, options).run();
}

} // namespace mome::video
