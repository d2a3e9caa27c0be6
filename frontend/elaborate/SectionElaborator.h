// One train or data section while it is elaborated: reading its values (SectionValues.cpp), a method
// per setting of a train section (TrainSettings.cpp), and what they come to (Sections.cpp).
#pragma once

#include "frontend/elaborate/Elaborator.h"
#include "frontend/elaborate/ParameterGroups.h"

#include "llvm/Support/JSON.h"

namespace mome::elaborate {

/// Elaborates one section.
class SectionElaborator {
public:
  SectionElaborator(Elaborator &e, const syntax::Section &section)
      : e(e), section(section), settingRange(section.name.range), prefix(section.name.name + "."),
        groups(full("weight_decay")) {}

  void train();
  void data();

private:
  using Handler = void (SectionElaborator::*)(const syntax::Setting &);

  // --- Reading values
  std::optional<double> number(const syntax::Expr *expr, llvm::StringRef what);
  /// The settings of `name(a = 1, b = 2)`, or of a bare `name`.
  const syntax::Expr *call(const syntax::Setting &setting, std::string &name);
  const syntax::Expr *argument(const syntax::Expr &call, llvm::StringRef name, size_t position);
  void checkArguments(const syntax::Expr &call, llvm::ArrayRef<llvm::StringRef> names,
                      size_t positional);
  void error(syntax::Range range, llvm::StringRef code, const std::string &message) {
    e.report(range, code, message);
  }
  std::string word(const syntax::Expr *expr) const;
  llvm::json::Value toJson(const syntax::Expr &expr);
  llvm::json::Value toJson(const syntax::SettingItem &item);

  // --- Scalars
  void scalar(llvm::StringRef leaf, double value, mlir::Type type = nullptr);
  void hostScalar(llvm::StringRef leaf);
  void argumentScalar(const syntax::Expr &call, llvm::StringRef name, size_t position,
                      std::optional<double> fallback);
  std::string full(llvm::StringRef leaf) const { return prefix + leaf.str(); }

  // --- The whole
  bool readSettings();
  bool checkForm(const syntax::Setting &setting);
  void checkRepeats();
  void ownScalars();
  void describe();

  // --- Settings
  void batch(const syntax::Setting &setting);
  void precision(const syntax::Setting &setting);
  void optimizer(const syntax::Setting &setting);
  void group(const syntax::Setting &setting);
  std::vector<std::string> groupMembers(const syntax::SettingItem &item);
  void scale(const syntax::Setting &setting);
  void clip(const syntax::Setting &setting);
  void schedule(const syntax::Setting &setting);
  void monitor(const syntax::Setting &setting);
  void monitorDetail(const syntax::SettingItem &detail, llvm::json::Object &monitor);
  void init(const syntax::Setting &setting);
  void freeze(const syntax::Setting &setting);
  void ema(const syntax::Setting &setting);
  void sampler(const syntax::Setting &setting);
  void mixup(const syntax::Setting &setting);
  void place(const syntax::Setting &setting);
  void seed(const syntax::Setting &setting);

  std::vector<model::ParamOp> parameters();
  std::vector<std::string> parameterPaths();

  Elaborator &e;
  const syntax::Section &section;
  syntax::Range settingRange; // of the setting that is being read
  std::string prefix;
  llvm::json::Object host;
  llvm::json::Array initRules, freezeRules;
  std::string optimizerKind = "adamw";
  bool nesterov = false, hasClip = false, hasEma = false, hasSchedule = false;
  ParameterGroups groups;
  int groupCount = 0, scaleCount = 0;
  double seedValue = 0;
  std::set<std::string> frozen;
  std::map<std::string, std::string> trainable; // path to the scalar that says so
};

} // namespace mome::elaborate
