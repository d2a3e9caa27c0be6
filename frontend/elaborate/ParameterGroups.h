// Which numbers the optimizer uses for which parameter: path patterns, and the groups that `group` and
// `scale` settings make of the parameters.
//
// Settings are orthogonal: a later one changes only what it names, so `scale blocks by 0.75 per layer`
// keeps the weight decay that `group rank < 2` chose.
#ifndef MOME_FRONTEND_ELABORATE_PARAMETERGROUPS_H
#define MOME_FRONTEND_ELABORATE_PARAMETERGROUPS_H

#include "mlir/IR/Builders.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mome::elaborate {

/// Does a pattern (`*` is one part of a path, `**` any number) name `path` or something above it?
bool covers(llvm::StringRef pattern, llvm::StringRef path);

/// `blocks` of a pattern like `experts.*.blocks`: path to the number of layers above it, for paths
/// `experts.rgb.blocks.K...`. A path that the pattern covers is left out if K is no number. With
/// `experts.rgb.blocks.0` to `.11`: layer 11 is 0 layers from the top, layer 0 is 11.
std::map<std::string, int64_t> layersAbove(llvm::StringRef pattern, llvm::ArrayRef<std::string> paths);

class ParameterGroups {
public:
  /// `weightDecay` is the scalar of parameters that no setting names.
  explicit ParameterGroups(std::string weightDecay) : fallback{std::move(weightDecay), {}} {}

  void setDecay(const std::string &path, std::string scalar) { of(path).weightDecay = std::move(scalar); }
  void setScale(const std::string &path, std::string scalar) { of(path).scales = {std::move(scalar)}; }
  /// Multiplies by `scalar` to the power of `times`.
  void multiplyScale(const std::string &path, const std::string &scalar, int64_t times);

  /// The groups that `paths` fall into, as mome.train wants them, and each path's place among them.
  mlir::ArrayAttr build(mlir::Builder &builder, llvm::ArrayRef<std::string> paths,
                        llvm::SmallVectorImpl<mlir::NamedAttribute> &groupOf) const;

private:
  struct Numbers {
    std::string weightDecay;
    std::vector<std::string> scales; // multiplied
    auto operator<=>(const Numbers &) const = default;
  };
  Numbers &of(const std::string &path) { return numbers.try_emplace(path, fallback).first->second; }

  Numbers fallback;
  std::map<std::string, Numbers> numbers;
};

} // namespace mome::elaborate
#endif
