// A table of single-lane instructions: PTX text, the domains of its inputs, and what it must give.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mome::ptxsim::test {

/// `code` reads registers a, b, c and writes d; each has the bytes of its domain:
///   i, j: 32- and 64-bit integers  w: 16-bit integers  s: shift amounts and positions (32 bits)
///   f, g: f32, with and without special values  d: f64  h: f16  q: bf16  x, y: pairs of f16, bf16
struct Case {
  std::string name;
  std::string domains; // of a, b, c, then of d: "ii-i"; '-' for an operand that is not there
  std::string code;
  std::function<uint64_t(uint64_t, uint64_t, uint64_t)> want;
  double tolerance = 0; // relative, of an f32 result
};

std::vector<Case> integer_cases();
std::vector<Case> float_cases();
std::vector<Case> convert_cases();

/// The entry function for a case.
std::string kernel_text(const Case &c, const std::string &name);
int domain_size(char domain);

} // namespace mome::ptxsim::test
