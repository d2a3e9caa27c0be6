#include "runtime/train/job.h"

#include <algorithm>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/text.h"
#include "runtime/train/feed.h"
#include "runtime/train/weights.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

Error bad_config(std::string where, std::string what) {
  return {Exit::usage, std::move(where), std::move(what), "see mome train --help"};
}

template <typename T> std::vector<std::string> names_of(const std::vector<T> &items) {
  std::vector<std::string> names;
  for (const T &item : items) {
    names.push_back(item.name);
  }
  return names;
}

/// A job, resolved.
struct Job {
  std::string section, data_section, data, init_from;
  int64_t split = 0;
  bool has_split = false, skip_bad = false;
  std::map<std::string, double> scalars; // settable scalars that differ from the package's defaults
  TrainOptions options;
};

Job read_job(const Json &json, const std::string &where) {
  Job job;
  JsonObject o(json, where, bad_config);
  TrainOptions &t = job.options;
  job.section = o.text("section", "");
  job.data_section = o.text("data_section", "");
  job.data = o.text("data", "");
  job.init_from = o.text("init_from", "");
  job.has_split = o.find("split") != nullptr;
  job.split = o.integer("split", 0);
  t.accumulate = o.integer("accumulate", 0);
  if (o.find("steps") != nullptr) {
    t.steps = o.integer("steps");
  }
  if (o.find("seed") != nullptr) {
    t.seed = o.integer("seed");
  }
  t.eval_every = o.number("eval_every", 0);
  t.save_every = o.integer("save_every", 0);
  t.keep = o.integer("keep", t.keep);
  t.log_every = o.integer("log_every", t.log_every);
  t.fast_dev_run = o.integer("fast_dev_run", 0);
  t.overfit_batches = o.integer("overfit_batches", 0);
  t.loader_threads = o.integer("loader_threads", t.loader_threads);
  const std::string on_bad = o.text("on_bad_sample", "fail");
  job.skip_bad = on_bad == "skip";
  if (const Json *value = o.find("tensorboard")) {
    t.tensorboard = value->is_boolean() && value->get<bool>();
  }
  if (const Json *scalars = o.find("scalars")) {
    for (const auto &item : scalars->items()) {
      job.scalars[item.key()] = item.value().is_number() ? item.value().get<double>() : 0;
    }
  }
  o.done();
  const auto need = [&](bool ok, const char *rule) {
    if (!ok) {
      o.fail(rule);
    }
  };
  need(!job.data.empty(), "no data set: give --data DIR");
  need(t.accumulate >= 0 && t.save_every >= 0 && t.eval_every >= 0 && t.fast_dev_run >= 0 &&
           t.overfit_batches >= 0,
       "counts must not be negative");
  need(on_bad == "skip" || on_bad == "fail", "on_bad_sample is fail or skip");
  need(t.loader_threads >= 1 && t.loader_threads <= 256, "loader_threads must be 1 to 256");
  need(t.log_every >= 1 && t.keep >= 1, "log_every and keep must be at least 1");
  need(!t.steps || *t.steps >= 1, "steps must be at least 1");
  return job;
}

Scalars make_scalars(const ModelInfo &info, const Job &job, const std::vector<std::string> &set) {
  Scalars scalars(info, job.section);
  for (const auto &[name, value] : job.scalars) {
    scalars.set(name, value);
  }
  for (const std::string &assignment : set) {
    scalars.set(assignment);
  }
  return scalars;
}

/// Pre-trained weights: the section's init rules, then --init-from.
std::function<std::string(Model &)> initial_weights(const Config &config, const Job &job,
                                                    const fs::path &package) {
  return [config, job, package](Model &model) {
    std::string account;
    for (const InitRule &rule : config.init) {
      const fs::path file = fs::path(rule.file).is_absolute() ? fs::path(rule.file)
                                                              : package.parent_path() / rule.file;
      const ImportReport report =
          import_weights(model, rule, fs::exists(file) ? file : fs::path(rule.file));
      account += (account.empty() ? "" : "\n") + report.text();
    }
    if (!job.init_from.empty()) {
      load_checkpoint(resolve_checkpoint(job.init_from), model, Restore::weights);
    } else if (!config.after_section.empty()) {
      throw usage_error("section '" + config.section + "' starts after '" + config.after_section +
                            "." + config.after_checkpoint + "'",
                        "name that run with --init-from RUN");
    }
    return account;
  };
}

struct Prepared {
  std::unique_ptr<Model> model;
  std::unique_ptr<data::Source> source;
  Config config;
  Job job;
};

Prepared prepare(const fs::path &package, const Json &json, const std::string &where,
                 const OpenModel &open) {
  Prepared p;
  p.job = read_job(json, where);
  p.model = open(package);
  const ModelInfo &info = p.model->info();
  const ModelSection &section = choose_section(info.train, p.job.section, "train");
  p.job.section = section.name;
  p.config = parse_config(section.name, section.json);
  data::SourceConfig source = choose_source(info, p.job.data_section);
  p.job.split = p.job.has_split ? p.job.split : source.split;
  p.source = data::open_source(p.job.data, source,
                               {info.classes,
                                model_modalities(info),
                                p.job.split,
                                {data::Part::train, data::Part::val},
                                p.job.skip_bad});
  p.job.options.load_initial = initial_weights(p.config, p.job, package);
  return p;
}

Json resolved_json(const Json &json, const Prepared &p, const Scalars &scalars) {
  Json resolved = json;
  resolved["section"] = p.job.section;
  resolved["split"] = p.job.split;
  resolved["data"] = fs::absolute(p.job.data).lexically_normal().string();
  resolved["scalars"] = Json::object();
  for (size_t i = 0; i < p.model->info().scalars.size(); ++i) {
    const ModelScalar &s = p.model->info().scalars[i];
    if (!s.host && scalars.values()[i] != s.value) {
      resolved["scalars"][s.name] = scalars.values()[i];
    }
  }
  return resolved;
}

/// The run folder and the checkpoint to start from, if any.
struct Start {
  fs::path run;
  fs::path checkpoint;
  bool fresh = true;
};

Start find_start(const TrainRequest &request) {
  Start start{request.out, {}, true};
  fs::path from = request.resume;
  if (request.resume_if_there && holds_run(request.out)) {
    from = request.out;
  }
  if (from.empty()) {
    return start;
  }
  start.fresh = false;
  if (fs::exists(from / "manifest.json")) {
    start.checkpoint = from;
    start.run = fs::absolute(from).lexically_normal().parent_path().parent_path();
  } else {
    start.run = from;
  }
  if (!holds_run(start.run)) {
    throw usage_error(from.string() + " is not a run folder or one of its checkpoints",
                      "start a run with mome train PACKAGE --out DIR");
  }
  return start;
}

} // namespace

const std::vector<JobFlag> &train_flags() {
  static const std::vector<JobFlag> flags = {
      {"data", JobFlag::text, "data folder"},
      {"section", JobFlag::text, "train section (default: the only one)"},
      {"data_section", JobFlag::text, "data section (default: the first)"},
      {"split", JobFlag::integer,
       "fold held out for test, when index.csv numbers folds (default: the data section's)"},
      {"init_from", JobFlag::text, "run or checkpoint whose weights to start from"},
      {"seed", JobFlag::integer,
       "seed of initialisation, order and dropout (default: the section's)"},
      {"steps", JobFlag::integer, "stop after this many steps instead of the section's epochs"},
      {"accumulate", JobFlag::integer, "micro-batches per step (default: the section's)"},
      {"eval_every", JobFlag::number, "epochs between evaluations (default: the monitor's)"},
      {"save_every", JobFlag::integer, "steps between checkpoints (default: at evaluations)"},
      {"keep", JobFlag::integer, "newest checkpoints to keep, beside the best (default 2)"},
      {"log_every", JobFlag::integer, "steps between log lines (default 10)"},
      {"fast_dev_run", JobFlag::integer,
       "run this many steps and one short evaluation, to see that everything works"},
      {"on_bad_sample", JobFlag::text,
       "fail (default), or skip: leave out samples that cannot be read, and say so"},
      {"loader_threads", JobFlag::integer, "threads that prepare batches (default 1)"},
      {"overfit_batches", JobFlag::integer, "train and validate on this many batches only"},
      {"tensorboard", JobFlag::boolean, "write TensorBoard event files (default: yes)"}};
  return flags;
}

const ModelSection &choose_section(const std::vector<ModelSection> &sections,
                                   const std::string &name, const char *what) {
  const std::vector<std::string> names = names_of(sections);
  if (name.empty()) {
    if (sections.size() == 1) {
      return sections[0];
    }
    throw usage_error(std::string("the package has ") + std::to_string(sections.size()) + " " +
                          what + " sections",
                      sections.empty() ? "add one to the model and compile it again"
                                       : "choose one with --section: " + join_names(names));
  }
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) {
    throw usage_error(std::string("no ") + what + " section '" + name + "'",
                      suggestion(name, names, "sections: "));
  }
  return sections[size_t(it - names.begin())];
}

data::SourceConfig choose_source(const ModelInfo &info, const std::string &name) {
  if (name.empty() && info.data.empty()) {
    return {};
  }
  const ModelSection &section =
      name.empty() ? info.data[0] : choose_section(info.data, name, "data");
  return data::parse_source(section.name, section.json);
}

int train_job(const TrainRequest &request, const OpenModel &open) {
  const Start start = find_start(request);
  const fs::path package = !request.package.empty() ? request.package : start.run / "model.mpk";
  Json json = start.fresh ? Json::object()
                          : parse_json(read_file(start.run / "config.json"),
                                       (start.run / "config.json").string(), bad_config);
  json.update(request.given);
  Prepared p = prepare(package, json,
                       start.fresh ? "mome train" : (start.run / "config.json").string(), open);
  p.job.options.allow_change = request.allow_change;
  p.job.options.verbosity = request.verbosity;
  const Scalars scalars = make_scalars(p.model->info(), p.job, request.set);
  // A trainer that writes nothing: what it refuses must not leave a run folder behind.
  const std::string plan =
      Trainer(*p.model, *p.source, p.config, scalars, p.job.options, nullptr).plan();
  if (request.dry_run) {
    std::fputs(plan.c_str(), stdout);
    return 0;
  }
  if (start.run.empty()) {
    throw usage_error("no run folder", "give --out DIR");
  }
  RunDir run = start.fresh ? RunDir::create(start.run) : RunDir::open(start.run);
  run.record_start(describe_environment(request.threads), request.command_line);
  const CheckpointStore store(run.checkpoints());
  store.clean();
  if (!fs::exists(run.path() / "model.mpk") && fs::exists(package)) {
    fs::copy_file(package, run.path() / "model.mpk");
  }
  replace_file(run.path() / "config.json", resolved_json(json, p, scalars).dump(2) + "\n");
  Trainer trainer(*p.model, *p.source, p.config, scalars, p.job.options, &run);
  const auto warn = [](const std::string &text) {
    std::fprintf(stderr, "mome: warning: %s\n", text.c_str());
  };
  const std::optional<fs::path> checkpoint = start.fresh ? std::nullopt
                                             : start.checkpoint.empty()
                                                 ? store.newest_whole(warn)
                                                 : std::optional(start.checkpoint);
  if (checkpoint) {
    trainer.resume(*checkpoint);
  } else { // fresh, or stopped before its first checkpoint
    trainer.start();
  }
  return trainer.run_to_end();
}

ResumeReport verify_resume(const TrainRequest &request, int64_t steps, int64_t at,
                           const OpenModel &open) {
  if (at < 1 || at >= steps) {
    throw usage_error("--at " + std::to_string(at) + " is not between 1 and --steps " +
                          std::to_string(steps),
                      "");
  }
  TrainRequest r = request;
  r.given["steps"] = steps;
  r.given["tensorboard"] = false;
  r.verbosity = Verbosity::quiet;
  fs::create_directories(request.out);
  const auto run = [&](const char *name, int64_t stop_after, bool resume) {
    Json json = r.given;
    Prepared p = prepare(r.package, json, "mome verify-resume", open);
    p.job.options.verbosity = Verbosity::quiet;
    p.job.options.stop_after = stop_after;
    const Scalars scalars = make_scalars(p.model->info(), p.job, r.set);
    RunDir folder = resume ? RunDir::open(request.out / name) : RunDir::create(request.out / name);
    Trainer trainer(*p.model, *p.source, p.config, scalars, p.job.options, &folder);
    const CheckpointStore store(folder.checkpoints());
    if (resume) {
      trainer.resume(*store.pointer("LATEST"));
    } else {
      trainer.start();
    }
    trainer.run_to_end();
    return *store.pointer("LATEST");
  };
  const fs::path straight = run("straight", 0, false);
  run("resumed", at, false);
  const fs::path resumed = run("resumed", 0, true);
  ResumeReport report{true, ""};
  for (const char *file : {"manifest.json", "model.safetensors", "optimizer.safetensors"}) {
    const bool same = read_file(straight / file) == read_file(resumed / file);
    report.equal &= same;
    report.text += std::string(same ? "same      " : "DIFFERENT ") + file + "\n";
  }
  report.text += report.equal
                     ? "resuming after step " + std::to_string(at) + " of " +
                           std::to_string(steps) + " is exact\n"
                     : "resuming is NOT exact; both runs are in " + request.out.string() + "\n";
  return report;
}

} // namespace mome::train
