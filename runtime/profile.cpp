// See profile.h.
#include "runtime/profile.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "runtime/json_reader.h"
#include "runtime/session.h"

namespace mome {

double Profile::total() const {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

double Profile::flops() const {
  double sum = 0;
  for (const Dispatch &dispatch : program->dispatches) {
    sum += dispatch.flops;
  }
  return sum;
}

/// The element at `rank` of the sorted range.
static double ranked(std::span<double> values, size_t rank) {
  const auto at = values.begin() + ptrdiff_t(rank);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Profile profile(Session &session, const Program &program, int repeat, Of of) {
  constexpr double peak_seconds = 0.02;
  const size_t count = program.dispatches.size(), middle = size_t(repeat) / 2;
  const size_t stride = of == Of::best ? session.pieces(program) : count;
  std::vector<double> all(stride * size_t(repeat)), found(stride), peaks;
  session.run(program);
  for (int run = 0; run < repeat; ++run) {
    peaks.push_back(session.device().measure_peak(peak_seconds));
    const auto seconds = std::span(all).subspan(size_t(run) * stride, stride);
    if (of == Of::best) {
      session.run_pieces(program, seconds);
    } else {
      session.run_timed(program, seconds);
    }
  }
  std::vector<double> runs(size_t(repeat), 0);
  for (size_t i = 0; i < stride; ++i) {
    for (size_t run = 0; run < runs.size(); ++run) {
      runs[run] = all[run * stride + i];
    }
    found[i] = ranked(runs, of == Of::best ? 0 : middle);
  }
  Profile result{&program, of == Of::best ? session.deal(program, found) : found};
  result.peak = ranked(peaks, of == Of::best ? peaks.size() - 1 : middle);
  return result;
}

//===-- Groups ------------------------------------------------------------------------------===//

namespace {

constexpr const char *unnamed = "(shared)"; // work for the model as a whole

std::string part_of(const Dispatch &dispatch) {
  if (!dispatch.expert.empty()) {
    return "experts." + dispatch.expert;
  }
  if (dispatch.scope.empty() || dispatch.scope[0].empty()) {
    return unnamed;
  }
  return dispatch.scope[0].substr(0, dispatch.scope[0].find('.'));
}

std::string block_of(const Dispatch &dispatch) {
  const std::string path = dispatch.scope.empty() ? "" : dispatch.scope[0];
  const size_t index = path.rfind(']');
  return index == path.npos ? part_of(dispatch) : path.substr(0, index + 1);
}

std::string group_name(const Dispatch &dispatch, const Variant &variant, GroupBy by) {
  switch (by) {
  case GroupBy::phase:
    return std::string(phase_name(dispatch.phase));
  case GroupBy::part:
    return part_of(dispatch);
  case GroupBy::op:
    return dispatch.op;
  case GroupBy::block:
    return block_of(dispatch);
  case GroupBy::line:
    return dispatch.lines.empty() ? unnamed : dispatch.lines[0];
  case GroupBy::kernel:
    return variant.kernels[dispatch.kernel].symbol;
  }
  return {};
}

} // namespace

std::string_view group_by_name(GroupBy by) {
  constexpr std::string_view names[] = {"phase", "part", "op", "block", "line", "kernel"};
  return names[size_t(by)];
}

std::vector<ProfileGroup> group(const Profile &profile, const Variant &variant, GroupBy by) {
  std::map<std::string, ProfileGroup> groups;
  for (size_t i = 0; i < profile.seconds.size(); ++i) {
    const Dispatch &dispatch = profile.program->dispatches[i];
    ProfileGroup &group = groups[group_name(dispatch, variant, by)];
    ++group.dispatches;
    group.seconds += profile.seconds[i];
    group.flops += dispatch.flops;
    group.bytes += dispatch.bytes;
  }
  std::vector<ProfileGroup> sorted;
  for (auto &[name, group] : groups) {
    group.name = name;
    sorted.push_back(std::move(group));
  }
  std::sort(sorted.begin(), sorted.end(), [](const ProfileGroup &a, const ProfileGroup &b) {
    return std::tie(b.seconds, a.name) < std::tie(a.seconds, b.name);
  });
  return sorted;
}

std::string chrome_trace(const Profile &profile, const Variant &variant) {
  OrderedJson events = OrderedJson::array();
  double start = 0; // microseconds
  for (size_t i = 0; i < profile.seconds.size(); ++i) {
    const Dispatch &d = profile.program->dispatches[i];
    const double length = profile.seconds[i] * 1e6;
    events.push_back({{"name", d.scope.empty() ? d.op : d.op + " " + d.scope[0]},
                      {"cat", phase_name(d.phase)},
                      {"ph", "X"},
                      {"ts", start},
                      {"dur", length},
                      {"pid", 1},
                      {"tid", int(d.phase) + 1},
                      {"args",
                       {{"expert", d.expert},
                        {"scope", d.scope},
                        {"lines", d.lines},
                        {"kernel", variant.kernels[d.kernel].symbol},
                        {"flops", d.flops},
                        {"bytes", d.bytes}}}});
    start += length;
  }
  for (Phase phase :
       {Phase::forward, Phase::backward, Phase::optimizer, Phase::remat, Phase::other}) {
    events.push_back({{"name", "thread_name"},
                      {"ph", "M"},
                      {"pid", 1},
                      {"tid", int(phase) + 1},
                      {"args", {{"name", phase_name(phase)}}}});
  }
  return OrderedJson{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump() + "\n";
}

} // namespace mome
