// The environment variable MOME_FAKECUDA, and the devices there are.
#include <cstdlib>

#include "runtime/cuda/sim/driver/driver.h"

namespace mome::fakecuda {
namespace {

constexpr uint64_t gib = uint64_t{1} << 30;

// Public specifications of the SXM4/SXM5 modules and of the consumer board.
constexpr Model models[] = {
    {"a100", "NVIDIA A100-SXM4-80GB", 8, 0, 108, 2048, 32, 167936, 166912, 40 << 20, 1410000,
     1593000, 5120, 80 * gib},
    {"h100", "NVIDIA H100 80GB HBM3", 9, 0, 132, 2048, 32, 233472, 232448, 50 << 20, 1980000,
     2619000, 5120, 80 * gib},
    {"rtx4090", "NVIDIA GeForce RTX 4090", 8, 9, 128, 1536, 24, 102400, 101376, 72 << 20, 2520000,
     10501000, 384, 24 * gib},
};

void set(Options &o, const std::string &key, const std::string &value, std::string &problem) {
  const auto number = [&] { return std::strtoull(value.c_str(), nullptr, 0); };
  if (key == "devices") {
    o.devices = int(number());
  } else if (key == "model") {
    if (const Model *m = find_model(value)) {
      o.models.push_back(m);
    } else {
      problem = "no model '" + value + "': a100, h100 or rtx4090";
    }
  } else if (key == "seed") {
    o.seed = number();
  } else if (key == "memory") {
    o.memory.push_back(number());
  } else if (key == "peers") {
    o.peers = number() != 0;
  } else if (key == "trace") {
    o.trace = value;
  } else if (key == "checks") {
    o.checks = number() != 0;
  } else if (key == "perturb") {
    o.perturb = number() != 0;
  } else if (key == "strict_free") {
    o.strict_free = number() != 0;
  } else if (key == "eager") {
    o.eager = number() != 0;
  } else if (key == "threads") {
    o.threads = int(number());
  } else if (key == "waits") {
    o.waits = number() != 0;
  } else if (key == "barriers") {
    o.barriers = number() != 0;
  } else if (key == "drop") { // CALL:NUMBER
    const size_t colon = value.find(':');
    if (colon == value.npos) {
      problem = "drop takes CALL:NUMBER";
    } else {
      o.drops.emplace_back(value.substr(0, colon),
                           std::strtoull(value.c_str() + colon + 1, nullptr, 0));
    }
  } else if (key == "budget") {
    o.budget = number();
  } else if (key == "fail") { // CALL:NUMBER:RESULT
    const size_t a = value.find(':'), b = value.find(':', a + 1);
    if (a == value.npos || b == value.npos) {
      problem = "fail takes CALL:NUMBER:RESULT";
    } else {
      o.failures.push_back({value.substr(0, a), std::strtoull(value.c_str() + a + 1, nullptr, 0),
                            int(std::strtol(value.c_str() + b + 1, nullptr, 0))});
    }
  } else {
    problem = "unknown option '" + key + "'";
  }
}

} // namespace

const Model *find_model(const std::string &key) {
  for (const Model &m : models) {
    if (key == m.key) {
      return &m;
    }
  }
  return nullptr;
}

Options read_options(const char *text, std::string &problem) {
  Options o;
  std::string rest = text ? text : "";
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string item = rest.substr(0, comma);
    rest = comma == rest.npos ? "" : rest.substr(comma + 1);
    const size_t equals = item.find('=');
    if (equals == item.npos) {
      problem = "'" + item + "' is no KEY=VALUE";
    } else {
      set(o, item.substr(0, equals), item.substr(equals + 1), problem);
    }
  }
  if (o.models.empty()) {
    o.models.push_back(&models[0]);
  }
  return o;
}

} // namespace mome::fakecuda
