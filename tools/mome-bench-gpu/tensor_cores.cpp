#include "tools/mome-bench-gpu/tensor_cores.h"

#include <algorithm>

#include "runtime/cuda/sim/fat_binary.h"

namespace mome {

std::string find_ptx(const Variant &variant, std::string &problem) {
  // A copy ends in a zero, which text in the package does not.
  const std::string image(reinterpret_cast<const char *>(variant.code.data()), variant.code.size());
  std::string ptx;
  return ptxsim::find_ptx(image.c_str(), ptx, problem) == ptxsim::ImageKind::ptx ? ptx : "";
}

std::map<std::string, Multiplier> find_multipliers(const Variant &variant) {
  std::string problem;
  const std::string ptx = find_ptx(variant, problem);
  std::map<std::string, Multiplier> functions;
  constexpr std::string_view entry = ".entry ";
  for (size_t at = ptx.find(entry); at != ptx.npos;) {
    const size_t name = at + entry.size(), next = ptx.find(entry, name);
    const std::string_view body = std::string_view(ptx).substr(name, next - name);
    const auto has = [&](std::string_view text) { return body.find(text) != body.npos; };
    functions[std::string(body.substr(0, body.find('(')))] = !has("mma")         ? Multiplier::fma
                                                             : has(".tf32.tf32") ? Multiplier::tf32
                                                                                 : Multiplier::bf16;
    at = next;
  }
  return functions;
}

Multiplier multiplier_of(const Kernel &kernel, const std::map<std::string, Multiplier> &functions) {
  Multiplier least = Multiplier::fma;
  for (const Launch &launch : kernel.launches) {
    const auto found = functions.find(launch.symbol);
    least = std::max(least, found == functions.end() ? Multiplier::fma : found->second);
  }
  return least;
}

} // namespace mome
