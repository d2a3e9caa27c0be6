// momec explain CODE: what a diagnostic means, with an example. momec explain --list: every code
// with its title.
#include "tools/momec/common.h"

#include <cctype>
#include <cstdio>

namespace momec {

int explain(Arguments arguments) {
  if (arguments.size() != 1) {
    return usage_error("momec explain takes one code",
                       "momec explain E0111, or momec explain --list");
  }
  std::string code = arguments[0];
  if (code == "--help" || code == "-h") {
    std::puts("usage: momec explain CODE     what a diagnostic means, with an example: momec "
              "explain E0301\n"
              "       momec explain --list   every code with its title");
    return ok;
  }
  if (code == "--list") {
    for (const auto &[name, title] : mome::syntax::all_codes()) {
      std::printf("%s  %s\n", name.c_str(), title.c_str());
    }
    return ok;
  }
  for (char &c : code) {
    c = char(std::toupper(static_cast<unsigned char>(c)));
  }
  if (std::optional<std::string> text = mome::syntax::explain(code)) {
    std::fputs(text->c_str(), stdout);
    return ok;
  }
  return usage_error("there is no diagnostic '" + code + "'",
                     "momec explain --list prints them all");
}

} // namespace momec
