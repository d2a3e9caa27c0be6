// momec FILE: compiles a model to a package, or to what --emit asks for.
#include "tools/momec/compilation.h"
#include "tools/momec/output.h"

#include "passes/cpu/ObjectCache.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mome;

namespace momec {

static int run(Compilation &compilation) {
  const CompileOptions &options = compilation.options;
  PackageCache cache(options.packageFlags.empty() ? "" : options.pipeline.cache,
                     options.packageFlags);
  if (std::optional<std::string> known = cache.find()) {
    return writeFile(compilation.packagePath(), *known);
  }
  if (int status = compilation.runTo(options.compileTo); status != ok) {
    return status;
  }
  if (options.timing && !options.pipeline.cache.empty()) {
    const cpu::CacheUse &use = cpu::getCacheUse();
    llvm::errs() << llvm::formatv("momec: cache {0}: {1} kernels found, {2} compiled\n",
                                  options.pipeline.cache, use.hits, use.misses);
  }
  if (options.compileTo == Stage::package) {
    return compilation.writePackage(cache);
  }
  std::string output = options.output.empty() ? "-" : options.output;
  bool device = options.deviceCode != CompileOptions::DeviceCode::none;
  return device ? writeDeviceCode(compilation.getModule(), options, output)
                : compilation.writeText(options.compileTo, output);
}

int compile(Arguments arguments) {
  return withCompilation(arguments, run);
}

} // namespace momec
