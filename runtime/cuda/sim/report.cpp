#include "runtime/cuda/sim/report.h"

#include <nlohmann/json.hpp>

namespace mome::ptxsim {
namespace {

constexpr std::array<std::string_view, 16> fault_names = {
    "out-of-bounds",  "use-after-free",  "read-only",
    "misaligned",     "uninitialized",   "shared-race",
    "global-race",    "unwaited-copy",   "divergent-barrier",
    "missing-thread", "bad-member-mask", "inactive-lane",
    "deadlock",       "budget",          "trap",
    "bad-operand"};

constexpr std::array<std::string_view, Counters::kinds> kind_names = {
    "integer",      "float32",      "float64",    "half",        "special_function", "tensor",
    "convert",      "predicate",    "move",       "load_global", "store_global",     "load_shared",
    "store_shared", "local_memory", "load_other", "atomic",      "async_copy",       "matrix_move",
    "warp",         "barrier",      "control",    "pseudo"};

using Field = uint64_t Counters::*;
constexpr std::array<std::pair<std::string_view, Field>, 19> fields = {{
    {"blocks", &Counters::blocks},
    {"warps", &Counters::warps},
    {"flops", &Counters::flops},
    {"tensor_flops", &Counters::tensor_flops},
    {"tf32_flops", &Counters::tf32_flops},
    {"wgmma_flops", &Counters::wgmma_flops},
    {"load_requests", &Counters::load_requests},
    {"load_sectors", &Counters::load_sectors},
    {"load_bytes", &Counters::load_bytes},
    {"store_requests", &Counters::store_requests},
    {"store_sectors", &Counters::store_sectors},
    {"store_bytes", &Counters::store_bytes},
    {"global_lines", &Counters::global_lines},
    {"block_sectors", &Counters::block_sectors},
    {"shared_requests", &Counters::shared_requests},
    {"shared_wavefronts", &Counters::shared_wavefronts},
    {"shared_wavefronts_ideal", &Counters::shared_ideal},
    {"shared_bytes", &Counters::shared_bytes},
    {"divergent_branches", &Counters::divergent_branches},
}};

std::string padded(std::string_view text, size_t width) {
  std::string out(text);
  out.resize(std::max(width, out.size()), ' ');
  return out;
}
std::string right(uint64_t value, size_t width) {
  const std::string digits = std::to_string(value);
  return std::string(width - std::min(width, digits.size()), ' ') + digits;
}

} // namespace

std::string_view fault_name(FaultKind kind) {
  return fault_names[size_t(kind)];
}

bool fatal(FaultKind kind) {
  switch (kind) {
  case FaultKind::uninitialized:
  case FaultKind::shared_race:
  case FaultKind::global_race:
  case FaultKind::unwaited_copy:
  case FaultKind::inactive_lane:
    return false;
  default:
    return true;
  }
}

std::string Fault::text(const std::string &module) const {
  return module + ":" + std::to_string(line) + ": " + std::string(fault_name(kind)) +
         " in block (" + std::to_string(block_index[0]) + "," + std::to_string(block_index[1]) +
         "," + std::to_string(block_index[2]) + ") of " + kernel + ": " + message + "\n  at " +
         instruction;
}

std::string_view kind_name(Kind kind) {
  return kind_names[size_t(kind)];
}

Counters &Counters::operator+=(const Counters &other) {
  for (size_t k = 0; k < kinds; ++k) {
    warp_instructions[k] += other.warp_instructions[k];
    lane_instructions[k] += other.lane_instructions[k];
  }
  for (const auto &[name, field] : fields) {
    this->*field += other.*field;
  }
  benign_writes += other.benign_writes;
  return *this;
}

uint64_t Counters::total_warp_instructions() const {
  uint64_t sum = 0;
  for (size_t k = 0; k < size_t(Kind::pseudo); ++k) {
    sum += warp_instructions[k];
  }
  return sum;
}
uint64_t Counters::total_lane_instructions() const {
  uint64_t sum = 0;
  for (size_t k = 0; k < size_t(Kind::pseudo); ++k) {
    sum += lane_instructions[k];
  }
  return sum;
}

std::string Counters::table() const {
  std::string out = padded("instructions", 26) + "        warps        lanes\n";
  for (size_t k = 0; k < size_t(Kind::pseudo); ++k) {
    if (warp_instructions[k]) {
      out += "  " + padded(kind_names[k], 24) + right(warp_instructions[k], 13) +
             right(lane_instructions[k], 13) + "\n";
    }
  }
  out += "  " + padded("total", 24) + right(total_warp_instructions(), 13) +
         right(total_lane_instructions(), 13) + "\n";
  for (const auto &[name, field] : fields) {
    if (this->*field) {
      out += padded(name, 26) + right(this->*field, 13) + "\n";
    }
  }
  return out;
}

std::string Counters::json() const {
  nlohmann::ordered_json out;
  for (size_t k = 0; k < size_t(Kind::pseudo); ++k) {
    if (warp_instructions[k]) {
      out["instructions"][std::string(kind_names[k])] = {{"warps", warp_instructions[k]},
                                                         {"lanes", lane_instructions[k]}};
    }
  }
  for (const auto &[name, field] : fields) {
    out[std::string(name)] = this->*field;
  }
  return out.dump(2);
}

} // namespace mome::ptxsim
