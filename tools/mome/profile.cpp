// mome profile: where the time of an entry goes (runtime/profile.h).
#include <algorithm>
#include <cstdio>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/json_reader.h"
#include "runtime/profile.h"
#include "runtime/text.h"
#include "runtime/train/run_entry.h"
#include "runtime/train/session_model.h"
#include "tools/mome/commands.h"

namespace mome::tool {
namespace {

struct Flags {
  std::string package, weights, inputs, trace;
  std::vector<std::string> by = {"phase", "part", "op"};
  train::RunRequest request;
  SessionOptions options;
  int repeat = 10;
  size_t top = 12;
  bool json = false, best = false;
};

OrderedJson group_json(const ProfileGroup &g, double total) {
  return {{"name", g.name},     {"dispatches", g.dispatches}, {"seconds", g.seconds},
          {"share", g.seconds / total}, {"flops", g.flops},   {"bytes", g.bytes}};
}

void print_groups(const std::vector<ProfileGroup> &groups, GroupBy by, double total, size_t top) {
  std::printf("\n%-40s %6s %10s %7s %9s %8s\n", std::string(group_by_name(by)).c_str(), "calls",
              "ms", "share", "GFLOP/s", "GB/s");
  ProfileGroup rest{"the rest"};
  for (size_t i = 0; i < groups.size(); ++i) {
    const ProfileGroup &g = groups[i];
    if (i >= top) {
      rest.dispatches += g.dispatches;
      rest.seconds += g.seconds;
      rest.flops += g.flops;
      rest.bytes += g.bytes;
    }
    if (i < top || i + 1 == groups.size()) {
      const ProfileGroup &row = i < top ? g : rest;
      std::printf("%-40s %6d %10.3f %6.1f%% %9.1f %8.1f\n", row.name.c_str(), row.dispatches,
                  row.seconds * 1e3, 100 * row.seconds / total, row.flops / row.seconds * 1e-9,
                  row.bytes / row.seconds * 1e-9);
    }
  }
}

void run(Flags &flags) {
  std::vector<GroupBy> kinds;
  for (const std::string &name : flags.by) {
    const auto found = std::find_if(std::begin(group_bys), std::end(group_bys),
                                    [&](GroupBy by) { return group_by_name(by) == name; });
    kinds.push_back(*found); // CLI11 has checked the names
  }
  train::SessionModel model(Package::load(flags.package), flags.options);
  flags.request.weights = flags.weights;
  flags.request.inputs = flags.inputs;
  flags.request.invent = true;
  const std::string entry = train::run_entry(model, flags.request).entry;
  Session &session = model.get_session();
  const Program &program = session.program(entry);
  const Profile profile = mome::profile(session, program, flags.repeat, flags.best ? Of::best : Of::median);
  const double total = profile.total(), share = profile.flops() / total / profile.peak;
  OrderedJson json = {{"entry", entry},
                      {"variant", session.variant().name},
                      {"device", session.device().name()},
                      {"runs", flags.repeat},
                      {"dispatches", program.dispatches.size()},
                      {"seconds", total},
                      {"peak", profile.peak},
                      {"notes", session.device().notes()}};
  if (!flags.json) {
    std::printf("%s on %s, %s: %.3f ms in %zu dispatches (%s of %d runs)\n", entry.c_str(),
                session.variant().name.c_str(), session.device().name().c_str(), total * 1e3,
                program.dispatches.size(), flags.best ? "best chunks" : "medians", flags.repeat);
    if (profile.peak > 0) {
      std::printf("%.1f GFLOP/s, %.0f %% of the %.1f that multiply-adds got between the runs\n",
                  share * profile.peak * 1e-9, share * 100, profile.peak * 1e-9);
    }
    for (const std::string &note : session.device().notes()) {
      std::printf("%s\n", note.c_str());
    }
  }
  for (const GroupBy by : kinds) {
    const std::vector<ProfileGroup> groups = group(profile, session.variant(), by);
    if (!flags.json) {
      print_groups(groups, by, total, flags.top);
    }
    for (const ProfileGroup &g : groups) {
      json["by"][group_by_name(by)].push_back(group_json(g, total));
    }
  }
  if (flags.json) {
    std::printf("%s\n", json.dump(2).c_str());
  }
  if (!flags.trace.empty()) {
    replace_file(flags.trace, chrome_trace(profile, session.variant()));
  }
}

} // namespace

void add_profile(CLI::App &app) {
  auto flags = std::make_shared<Flags>();
  CLI::App *command = app.add_subcommand(
      "profile", "show where the time of an entry goes, by phase, part, op, block, line or kernel");
  command->add_option("package", flags->package, "package (.mpk)")->required();
  command->add_option("--entry", flags->request.entry, "as in `mome run` (default: step)")
      ->default_val("step");
  command->add_option("--section", flags->request.section,
                      "train section, when the package has several");
  command
      ->add_option("--by", flags->by,
                   "groups to print: phase, part, op, block, line, kernel (default: the first 3)")
      ->delimiter(',')
      ->check(CLI::IsMember({"phase", "part", "op", "block", "line", "kernel"}));
  command->add_option("--top", flags->top, "rows per table (default 12)");
  command->add_option("--repeat", flags->repeat, "runs (default 10)")->check(CLI::PositiveNumber);
  command->add_flag(
      "--best", flags->best,
      "put together from the best time of each chunk of a dispatch, not medians of dispatches:\n"
      "for a busy machine");
  command->add_option("--params", flags->weights, "weights (default: freshly initialised)");
  command->add_option("--in", flags->inputs, "inputs (default: random numbers)");
  command->add_option("--trace", flags->trace,
                      "write Chrome trace events, for ui.perfetto.dev, to this file");
  command->add_flag("--json", flags->json, "print JSON");
  add_session_flags(*command, flags->options);
  command->callback([flags] { run(*flags); });
}

} // namespace mome::tool
