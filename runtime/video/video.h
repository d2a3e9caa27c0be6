// Video files: what the runtime asks of them, and the library that answers.
//
// FFmpeg is linked by libmome_video.so alone; `mome` opens that library at the first use of video
// (library.cpp), so a machine without FFmpeg runs everything else. Frames are named by their number
// in presentation order, counted from 0; an index, built by demuxing the whole file once, says how
// many there are and which packets each one needs. Functions throw mome::Error (data) with the file
// and, where one is at fault, the frame.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mome::video {

/// One compressed picture, in the order of the file.
struct Packet {
  int64_t pts = 0;
  uint32_t frame = 0; // its number in presentation order
  uint32_t key = 0;   // 1: decoding can start here
};

struct VideoIndex {
  int32_t width = 0, height = 0;
  int32_t time_num = 0, time_den = 1; // unit of pts, in seconds
  int32_t rate_num = 0, rate_den = 1; // frames per second, as the container says
  int64_t declared_frames = 0;        // what the header promises; 0: nothing
  int64_t bytes = 0;                  // of all packets
  std::string codec;
  std::vector<Packet> packets; // decoding order

  size_t frames() const { return packets.size(); }
  double rate() const { return double(rate_num) / rate_den; }
  /// The first frame that lasts more than half a frame longer or shorter than the rate says; -1:
  /// none. The last frame has no successor and is not looked at.
  int64_t uneven_frame() const;
};

/// 8-bit pictures of one size: [count, height, width, channels], RGB or luma alone, full range.
struct Frames {
  int width = 0, height = 0, channels = 0;
  size_t count = 0;
  std::vector<uint8_t> pixels;

  size_t bytes_each() const { return size_t(width) * size_t(height) * size_t(channels); }
  std::span<uint8_t> of(size_t i) {
    return std::span(pixels).subspan(i * bytes_each(), bytes_each());
  }
  std::span<const uint8_t> of(size_t i) const {
    return std::span(pixels).subspan(i * bytes_each(), bytes_each());
  }
};

enum class Pixels { rgb, luma };
/// `planned` decodes only packets that a wanted frame may need; `naive` every packet from the key
/// frame before the first wanted frame to the last. The frames are the same bits.
enum class Decode { planned, naive };

class Decoder {
public:
  virtual ~Decoder() = default;
  /// Reads frames in the order asked for; numbers may repeat and need not ascend.
  virtual void read(std::span<const uint32_t> frames, Pixels pixels, Decode mode, Frames &to) = 0;
  /// Pictures decoded so far: what a read costs.
  virtual uint64_t decoded() const = 0;
};

struct EncodeOptions {
  int width = 0, height = 0; // even
  int rate_num = 30, rate_den = 1;
  int gop = 250;
  int crf = 20;        // quality; used when bitrate is 0
  int64_t bitrate = 0; // bits per second
  std::string preset = "veryfast";
  int b_frames = 2;
  bool fast_decode = false; // key frames at `gop` exactly, and x264's tune of that name
};

/// H.264 in mp4, one thread.
class Encoder {
public:
  virtual ~Encoder() = default;
  /// Adds a picture: planes Y, U, V of 4:2:0, tightly packed. `quarters` lengthens it by that many
  /// quarters of a frame (a variable rate, for tests).
  virtual void add(std::span<const uint8_t> i420, int quarters = 0) = 0;
  virtual void finish() = 0;
};

class Library {
public:
  virtual ~Library() = default;
  virtual std::string version() const = 0;
  /// Demuxes the whole file.
  virtual VideoIndex scan(const std::filesystem::path &path) const = 0;
  virtual std::unique_ptr<Decoder> open(const std::filesystem::path &path,
                                        const VideoIndex &index) const = 0;
  virtual std::unique_ptr<Encoder> encode(const std::filesystem::path &path,
                                          const EncodeOptions &options) const = 0;
  /// Writes `from` again, frame by frame, in the size and coding of `options`.
  virtual void transcode(const std::filesystem::path &from, const VideoIndex &index,
                         const std::filesystem::path &to, const EncodeOptions &options) const = 0;
  /// The first of `pictures`, RGB, as a PNG file.
  virtual std::vector<uint8_t> encode_png(const Frames &pictures) const = 0;
};

/// The library, opened at the first call; throws Error (data) when it is not there.
const Library &library();

/// The index of a file, from the side-car PATH.mome-index when that was made from the same bytes
/// (size, time of change, hash of the first 64 KiB), else by scanning; a side-car that cannot be
/// written is done without.
VideoIndex load_video_index(const std::filesystem::path &path);

} // namespace mome::video

/// What libmome_video.so exports; `abi` must be the version both were built with, else null.
constexpr uint32_t mome_video_abi = 2;
extern "C" const mome::video::Library *mome_video_library(uint32_t abi);
