// Exact frames by number. A plan names the packets to decode: for every wanted frame those from its
// key frame on, in file order, up to the wanted one; where the runs of two wanted frames meet they
// are one run. Within a run, packets that are not wanted are decoded only when others refer to them
// (AVDISCARD_NONREF). At the end of a run the decoder is drained, which also ends the reordering.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "runtime/video/ffmpeg.h"

namespace mome::video {
namespace {

struct Run {
  size_t first, last;        // packets, both decoded
  std::set<uint32_t> wanted; // frames
};

class FfmpegDecoder : public Decoder {
public:
  FfmpegDecoder(std::filesystem::path p, VideoIndex i) : path(std::move(p)), index(std::move(i)) {
    opened = open_input(path);
    const AVCodecParameters &parameters = *opened.stream->codecpar;
    const AVCodec *kind = avcodec_find_decoder(parameters.codec_id);
    if (kind == nullptr) {
      throw data_error(path.string(), "FFmpeg has no decoder for " + index.codec,
                       "transcode it to H.264");
    }
    codec.reset(avcodec_alloc_context3(kind));
    avcodec_parameters_to_context(codec.get(), &parameters);
    codec->thread_count = 1; // the loader has its own threads
    codec->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM;
    codec->error_concealment = 0;
    codec->pkt_timebase = opened.stream->time_base;
    if (const int code = avcodec_open2(codec.get(), kind, nullptr); code < 0) {
      throw data_error(path.string(), "cannot open the decoder: " + ffmpeg_reason(code), "");
    }
    packet_of.resize(index.frames());
    for (size_t k = 0; k < index.packets.size(); ++k) {
      packet_of[index.packets[k].frame] = k;
      in_order = in_order && index.packets[k].frame == k;
    }
    for (const Packet &p : index.packets) {
      frame_at.emplace(p.pts, p.frame);
    }
  }

  uint64_t decoded() const override { return count; }

  void read(std::span<const uint32_t> frames, Pixels pixels, Decode mode, Frames &to) override {
    for (uint32_t f : frames) {
      if (f >= index.frames()) {
        throw data_error(place(f), "the video has " + std::to_string(index.frames()) + " frames",
                         "do the annotations belong to this video?");
      }
    }
    to.channels = pixels == Pixels::rgb ? 3 : 1;
    to.width = index.width;
    to.height = index.height;
    to.count = frames.size();
    to.pixels.resize(to.count * to.bytes_each());
    std::multimap<uint32_t, size_t> slots;
    for (size_t i = 0; i < frames.size(); ++i) {
      slots.emplace(frames[i], i);
    }
    for (const Run &run : mode == Decode::planned ? plan(frames) : plan_naive(frames)) {
      decode(run, pixels, mode, slots, to);
    }
  }

private:
  std::filesystem::path path;
  VideoIndex index;
  OpenedInput opened;
  Codec codec;
  Scaler scaler;
  std::tuple<const SwsContext *, int, bool> scaler_setting; // its color space, full range
  PacketPtr packet{av_packet_alloc()};
  FramePtr picture{av_frame_alloc()};
  std::vector<size_t> packet_of;        // frame -> packet
  std::map<int64_t, uint32_t> frame_at; // pts -> frame
  bool in_order = true;                 // packets come as frames do: no B frames
  bool drained = false;                 // the decoder was told that no more packets come
  size_t next = 0;                      // packet that the demuxer returns next
  uint64_t count = 0;

  std::string place(uint32_t frame) const {
    return path.string() + ", frame " + std::to_string(frame);
  }

  /// The packet where decoding for a frame starts: the last key packet that comes before it both in
  /// the file and in time (frames that lead an open group of pictures need the group before).
  size_t start_of(uint32_t frame) const {
    size_t k = packet_of[frame];
    while (k > 0 && !(index.packets[k].key && index.packets[k].frame <= frame)) {
      --k;
    }
    return k;
  }

  std::vector<Run> plan(std::span<const uint32_t> frames) const {
    std::vector<Run> single;
    for (uint32_t f : std::set<uint32_t>(frames.begin(), frames.end())) {
      single.push_back({start_of(f), packet_of[f], {f}});
    }
    std::sort(single.begin(), single.end(),
              [](const Run &a, const Run &b) { return a.first < b.first; });
    std::vector<Run> runs;
    for (Run &r : single) {
      if (!runs.empty() && r.first <= runs.back().last) {
        runs.back().last = std::max(runs.back().last, r.last);
        runs.back().wanted.merge(r.wanted);
      } else {
        runs.push_back(std::move(r));
      }
    }
    return runs;
  }
  std::vector<Run> plan_naive(std::span<const uint32_t> frames) const {
    Run all{index.frames(), 0, {frames.begin(), frames.end()}};
    for (uint32_t f : frames) {
      all.first = std::min(all.first, start_of(f));
      all.last = std::max(all.last, packet_of[f]);
    }
    return frames.empty() ? std::vector<Run>() : std::vector<Run>{all};
  }

  /// The next packet of the stream; false at the end.
  bool demux() {
    while (true) {
      av_packet_unref(packet.get());
      if (av_read_frame(opened.input.get(), packet.get()) < 0) {
        return false;
      }
      if (packet->stream_index == opened.stream->index && !(packet->flags & AV_PKT_FLAG_DISCARD)) {
        ++next;
        return true;
      }
    }
  }

  /// Whether the packet is an H.264 picture that resets the decoder (NAL units with a length before
  /// each, as mp4 has them; ISO/IEC 14496-10, table 7-1).
  bool is_idr() const {
    if (codec->codec_id != AV_CODEC_ID_H264 || codec->extradata_size < 5 ||
        codec->extradata[0] != 1) {
      return false;
    }
    constexpr int slice = 1, idr_slice = 5;
    const size_t length_bytes = size_t(codec->extradata[4] & 3) + 1, size = size_t(packet->size);
    for (size_t at = 0; at + length_bytes < size;) {
      size_t length = 0;
      for (size_t i = 0; i < length_bytes; ++i) {
        length = length << 8 | packet->data[at + i];
      }
      const int kind = packet->data[at + length_bytes] & 31;
      if (kind == slice || kind == idr_slice) {
        return kind == idr_slice;
      }
      at += length_bytes + length;
    }
    return false;
  }

  int64_t packet_pts() const { return packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts; }

  /// Reads packet `k`. A seek lands on some key frame; packets are counted from there.
  void seek_to(size_t k) {
    // Reading over a few packets is cheaper than a seek and always exact.
    if (next > k || k - next > 64) {
      const int64_t pts = index.packets[k].pts;
      const int code =
          av_seek_frame(opened.input.get(), opened.stream->index, pts, AVSEEK_FLAG_BACKWARD);
      const bool found = code >= 0 && demux();
      const auto at = found ? frame_at.find(packet_pts()) : frame_at.end();
      if (at != frame_at.end() && packet_of[at->second] <= k) {
        next = packet_of[at->second] + 1;
      } else {
        rewind_input();
      }
    } else if (!demux()) {
      cut_off(k);
    }
    while (next <= k) {
      if (!demux()) {
        cut_off(k);
      }
    }
    if (packet_pts() != index.packets[k].pts) {
      throw data_error(place(index.packets[k].frame), "the video is not the one that was indexed",
                       "remove " + path.string() + ".mome-index");
    }
  }
  void rewind_input() {
    opened = open_input(path);
    next = 0;
    if (!demux()) {
      cut_off(0);
    }
  }
  [[noreturn]] void cut_off(size_t k) const {
    throw data_error(place(index.packets[k].frame), "the video ends before it",
                     "copy or unpack it again");
  }

  void decode(const Run &run, Pixels pixels, Decode mode,
              const std::multimap<uint32_t, size_t> &slots, Frames &to) {
    std::set<uint32_t> missing = run.wanted;
    for (size_t k = run.first; k <= run.last; ++k) {
      if (k == run.first) {
        seek_to(k);
        if (drained || !is_idr()) { // a flush frees all pictures; an IDR forgets them by itself
          avcodec_flush_buffers(codec.get());
          drained = false;
        }
      } else if (!demux()) {
        cut_off(k);
      }
      const bool wanted = run.wanted.contains(index.packets[k].frame);
      codec->skip_frame = wanted || mode == Decode::naive ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
      const int code = avcodec_send_packet(codec.get(), packet.get());
      if (code < 0 && code != AVERROR(EAGAIN)) {
        damaged(index.packets[k].frame, code);
      }
      receive(pixels, slots, to, missing, index.packets[k].frame);
    }
    if (!missing.empty() || !in_order) { // the decoder holds pictures back, to put them in order
      avcodec_send_packet(codec.get(), nullptr);
      receive(pixels, slots, to, missing, index.packets[run.last].frame);
      drained = true;
    }
    if (!missing.empty()) {
      throw data_error(place(*missing.begin()), "the frame cannot be decoded",
                       "copy or unpack the video again");
    }
  }

  [[noreturn]] void damaged(uint32_t frame, int code) const {
    throw data_error(place(frame), "damaged: " + ffmpeg_reason(code),
                     "copy or unpack the video again");
  }

  void receive(Pixels pixels, const std::multimap<uint32_t, size_t> &slots, Frames &to,
               std::set<uint32_t> &missing, uint32_t near) {
    while (true) {
      const int code = avcodec_receive_frame(codec.get(), picture.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) {
        return;
      }
      if (code < 0) {
        damaged(near, code);
      }
      ++count;
      const auto at = frame_at.find(
          picture->pts != AV_NOPTS_VALUE ? picture->pts : picture->best_effort_timestamp);
      if (at == frame_at.end() || missing.erase(at->second) == 0) {
        continue;
      }
      if (picture->decode_error_flags != 0 || picture->flags & AV_FRAME_FLAG_CORRUPT) {
        damaged(at->second, AVERROR_INVALIDDATA);
      }
      if (picture->width != index.width || picture->height != index.height) {
        throw data_error(place(at->second), "the picture changes its size",
                         "write the video again");
      }
      const auto [first, last] = slots.equal_range(at->second);
      const std::span<uint8_t> pixels_of_first = to.of(first->second);
      convert(pixels, pixels_of_first);
      for (auto slot = std::next(first); slot != last; ++slot) {
        std::copy(pixels_of_first.begin(), pixels_of_first.end(), to.of(slot->second).begin());
      }
    }
  }

  bool full_range() const {
    return picture->color_range == AVCOL_RANGE_JPEG || picture->format == AV_PIX_FMT_YUVJ420P ||
           picture->format == AV_PIX_FMT_YUVJ422P || picture->format == AV_PIX_FMT_YUVJ444P ||
           picture->format == AV_PIX_FMT_GRAY8;
  }

  void convert(Pixels pixels, std::span<uint8_t> to) {
    const bool planar8 = picture->format == AV_PIX_FMT_YUV420P ||
                         picture->format == AV_PIX_FMT_YUVJ420P ||
                         picture->format == AV_PIX_FMT_GRAY8;
    if (pixels == Pixels::luma && planar8) {
      return luma(to);
    }
    const AVPixelFormat format = pixels == Pixels::rgb ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GRAY8;
    const int w = index.width, h = index.height;
    scaler.reset(sws_getCachedContext(scaler.release(), w, h, unalias(picture->format), w, h,
                                      format, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT,
                                      nullptr, nullptr, nullptr));
    if (!scaler) {
      throw data_error(path.string(), "a pixel format that is not read", "transcode it to H.264");
    }
    const int space = picture->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601;
    if (const std::tuple wanted(scaler.get(), space, full_range()); wanted != scaler_setting) {
      sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(space), full_range() ? 1 : 0,
                               sws_getCoefficients(space), 1, 0, 1 << 16, 1 << 16);
      scaler_setting = wanted; // making its tables takes as long as a small picture
    }
    uint8_t *planes[4] = {to.data()};
    const int strides[4] = {w * (pixels == Pixels::rgb ? 3 : 1)};
    sws_scale(scaler.get(), picture->data, picture->linesize, 0, h, planes, strides);
  }
  /// The J formats are the plain ones with a full range, and deprecated.
  static AVPixelFormat unalias(int format) {
    return format == AV_PIX_FMT_YUVJ420P   ? AV_PIX_FMT_YUV420P
           : format == AV_PIX_FMT_YUVJ422P ? AV_PIX_FMT_YUV422P
           : format == AV_PIX_FMT_YUVJ444P ? AV_PIX_FMT_YUV444P
                                           : AVPixelFormat(format);
  }

  /// Y alone, stretched to the full range: what R = G = B of a gray picture would be.
  void luma(std::span<uint8_t> to) const {
    uint8_t table[256];
    for (int y = 0; y < 256; ++y) {
      table[y] =
          full_range() ? uint8_t(y) : uint8_t(std::clamp(((y - 16) * 255 + 109) / 219, 0, 255));
    }
    for (int row = 0; row < index.height; ++row) {
      const uint8_t *from = picture->data[0] + ptrdiff_t(row) * picture->linesize[0];
      std::transform(from, from + index.width, to.begin() + ptrdiff_t(row) * index.width,
                     [&](uint8_t y) { return table[y]; });
    }
  }
};

} // namespace

std::unique_ptr<Decoder> make_decoder(const std::filesystem::path &path, const VideoIndex &index) {
  return std::make_unique<FfmpegDecoder>(path, index);
}

} // namespace mome::video
