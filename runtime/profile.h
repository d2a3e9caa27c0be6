// Where the time of an entry goes: seconds per dispatch, added up by what the text calls things.
//
// Every dispatch carries its phase, expert, DSL paths, source lines and work (package.fbs), so that
// the groups of any kind hold each dispatch once and sum to the whole: nothing is "other" unless the
// text says so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/package.h"

namespace mome {

class Session;

struct Profile {
  const Program *program = nullptr;
  std::vector<double> seconds; // of each dispatch
  double peak = 0;             // FLOP/s of multiply-adds, measured before each run; 0: unknown
  double total() const;
  double flops() const; // of one run
};

/// Of several runs. A median is what a user waits. The best is what kernels can do when others use the machine
/// too: the best time of each chunk of a kernel, with which the threads' shares of a run are put together again, waits
/// at ends included.
enum class Of { median, best };

/// Runs an entry `repeat` times, after one run that does not count. What the entry reads must have
/// been written. Entries that update in place go on from their own results.
Profile profile(Session &session, const Program &program, int repeat, Of of = Of::median);

enum class GroupBy { phase, part, op, block, line, kernel };
std::string_view group_by_name(GroupBy by);
inline constexpr GroupBy group_bys[] = {GroupBy::phase, GroupBy::part, GroupBy::op,
                                        GroupBy::block, GroupBy::line, GroupBy::kernel};

struct ProfileGroup {
  std::string name;
  int dispatches = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

/// Part: the expert, or the first name of the path ("gate", "head", "loss"). Block: the path down to
/// the deepest index ("experts.rgb.blocks[3]"). Line: the first source line. Largest first.
std::vector<ProfileGroup> group(const Profile &profile, const Variant &variant, GroupBy by);

/// The run as Chrome trace events, for chrome://tracing or ui.perfetto.dev: one slice per dispatch
/// on the track of its phase.
std::string chrome_trace(const Profile &profile, const Variant &variant);

} // namespace mome
