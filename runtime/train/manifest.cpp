#include "runtime/train/manifest.h"

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hash.h"

namespace mome::train {
namespace {

Error bad_manifest(std::string where, std::string what) {
  return package_error(std::move(where), std::move(what),
                       "check the whole folder with mome ckpt verify");
}

std::vector<int64_t> read_shape(JsonObject &o) {
  std::vector<int64_t> shape;
  for (double extent : o.numbers("shape")) {
    if (!(extent >= 0 && extent <= 1e12)) {
      o.fail("bad 'shape'");
    }
    shape.push_back(int64_t(extent));
  }
  return shape;
}

ManifestTensor read_tensor(JsonObject o) {
  ManifestTensor t;
  t.tensor.name = o.text("name");
  const std::string kind = o.text("kind"), dtype = o.text("dtype");
  const std::optional<BindKind> k = parse_kind(kind);
  const std::optional<DType> d = parse_safetensors_dtype(dtype);
  if (!k || !d) {
    o.fail("tensor '" + t.tensor.name + "' has unknown kind '" + kind + "' or dtype '" + dtype +
           "'");
  }
  t.tensor.kind = *k;
  t.tensor.dtype = *d;
  t.tensor.shape = read_shape(o);
  t.file = o.text("file");
  t.hash = o.text("xxh3");
  o.done();
  return t;
}

TrainState read_train_state(JsonObject o) {
  TrainState s;
  s.step = o.integer("step");
  s.epoch = o.integer("epoch");
  s.position = o.integer("position");
  s.model = o.text("model");
  s.package_hash = o.text("package");
  s.variant = o.text("variant");
  s.section = o.text("section");
  s.data_hash = o.text("data");
  s.seed = o.integer("seed");
  s.accumulate = o.integer("accumulate");
  s.batch = o.integer("batch");
  s.steps_per_epoch = o.integer("steps_per_epoch");
  s.classes = o.texts("classes");
  const Json &scalars = o.get("scalars");
  if (!scalars.is_object()) {
    o.fail("'scalars' must be an object");
  }
  for (const auto &item : scalars.items()) {
    if (!item.value().is_number()) {
      o.fail("scalar '" + item.key() + "' must be a number");
    }
    s.scalars[item.key()] = item.value().get<double>();
  }
  s.monitor = o.text("monitor");
  if (const Json *best = o.find("best"); best != nullptr && best->is_number()) {
    s.best = best->get<double>();
  }
  s.best_step = o.integer("best_step");
  s.evaluations_since_best = o.integer("evaluations_since_best");
  s.last_evaluation = o.integer("last_evaluation");
  o.done();
  return s;
}

void check_own_hash(const std::string &text, JsonObject &o) {
  const std::string expected = o.text("xxh3");
  OrderedJson rest = OrderedJson::parse(text);
  rest.erase("xxh3");
  if (xxh3_hex(rest.dump()) != expected) {
    o.fail("its content does not match its own hash");
  }
}

OrderedJson write_train_state(const TrainState &s) {
  OrderedJson o;
  o["step"] = s.step;
  o["epoch"] = s.epoch;
  o["position"] = s.position;
  o["model"] = s.model;
  o["package"] = s.package_hash;
  o["variant"] = s.variant;
  o["section"] = s.section;
  o["data"] = s.data_hash;
  o["seed"] = s.seed;
  o["accumulate"] = s.accumulate;
  o["batch"] = s.batch;
  o["steps_per_epoch"] = s.steps_per_epoch;
  o["classes"] = s.classes;
  o["scalars"] = s.scalars;
  o["monitor"] = s.monitor;
  o["best"] = s.best ? OrderedJson(*s.best) : OrderedJson(nullptr);
  o["best_step"] = s.best_step;
  o["evaluations_since_best"] = s.evaluations_since_best;
  o["last_evaluation"] = s.last_evaluation;
  return o;
}

} // namespace

std::string Manifest::to_json() const {
  OrderedJson o;
  o["format"] = 1;
  o["state"] = write_train_state(state);
  o["files"] = OrderedJson::array();
  for (const ManifestFile &f : files) {
    o["files"].push_back({{"name", f.name}, {"bytes", f.bytes}, {"xxh3", f.hash}});
  }
  o["tensors"] = OrderedJson::array();
  for (const ManifestTensor &t : tensors) {
    o["tensors"].push_back({{"name", t.tensor.name},
                            {"kind", kind_name(t.tensor.kind)},
                            {"dtype", safetensors_dtype(t.tensor.dtype)},
                            {"shape", t.tensor.shape},
                            {"file", t.file},
                            {"xxh3", t.hash}});
  }
  o["xxh3"] = xxh3_hex(o.dump()); // the manifest vouches for the files, this for the manifest
  return o.dump(1) + "\n";
}

Manifest read_manifest(const std::filesystem::path &step_dir) {
  const std::filesystem::path file = step_dir / "manifest.json";
  if (!std::filesystem::exists(file)) {
    throw bad_manifest(file.string(), "no such file: this is not a whole checkpoint");
  }
  const std::string text = read_file(file);
  const Json json = parse_json(text, file.string(), bad_manifest);
  JsonObject o(json, file.string(), bad_manifest);
  check_own_hash(text, o);
  if (const int64_t format = o.integer("format"); format != 1) {
    o.fail("format " + std::to_string(format) + " is not one this version reads");
  }
  Manifest m;
  m.state = read_train_state(JsonObject(o.get("state"), file.string() + ", state", bad_manifest));
  for (const Json &value : o.array("files")) {
    JsonObject f(value, file.string() + ", files", bad_manifest);
    m.files.push_back({f.text("name"), uint64_t(f.integer("bytes")), f.text("xxh3")});
    f.done();
    if (m.files.back().name.find('/') != std::string::npos) {
      f.fail("a file name holds '/'");
    }
  }
  for (const Json &value : o.array("tensors")) {
    m.tensors.push_back(read_tensor(JsonObject(value, file.string() + ", tensors", bad_manifest)));
  }
  o.done();
  return m;
}

} // namespace mome::train
