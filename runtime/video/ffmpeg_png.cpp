// Single pictures as PNG.
#include <algorithm>

#include "runtime/video/ffmpeg.h"

namespace mome::video {

std::vector<uint8_t> encode_png(const Frames &pictures) {
  const auto check = [](int code) {
    if (code < 0) {
      throw Error(Exit::failed, "PNG", "cannot encode the picture: " + ffmpeg_reason(code),
                  "install an FFmpeg that has its PNG encoder");
    }
  };
  const AVCodec *kind = avcodec_find_encoder(AV_CODEC_ID_PNG);
  check(kind == nullptr ? AVERROR_ENCODER_NOT_FOUND : 0);
  const Codec codec(avcodec_alloc_context3(kind));
  codec->width = pictures.width;
  codec->height = pictures.height;
  codec->pix_fmt = AV_PIX_FMT_RGB24;
  codec->time_base = {1, 1};
  codec->thread_count = 1;
  check(avcodec_open2(codec.get(), kind, nullptr));
  const FramePtr picture(av_frame_alloc());
  picture->format = codec->pix_fmt;
  picture->width = pictures.width;
  picture->height = pictures.height;
  check(av_frame_get_buffer(picture.get(), 0));
  const ptrdiff_t row = ptrdiff_t(pictures.width) * 3;
  for (int y = 0; y < pictures.height; ++y) {
    std::copy_n(pictures.pixels.data() + y * row, row,
                picture->data[0] + ptrdiff_t(y) * picture->linesize[0]);
  }
  const PacketPtr packet(av_packet_alloc());
  check(avcodec_send_frame(codec.get(), picture.get()));
  check(avcodec_receive_packet(codec.get(), packet.get()));
  return {packet->data, packet->data + packet->size};
}

} // namespace mome::video
