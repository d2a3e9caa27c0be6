// A parsed PTX module. Names are views into the text that the module owns.
//
// The parser resolves scopes: a register operand is an index into Function::registers, a label an
// index into Function::labels, a symbol of the function an index into Function::variables or
// ::params. Symbols of the module stay names, since they get addresses only when it is loaded.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/sim/types.h"

namespace mome::ptxsim {

struct Operand {
  enum class Kind : uint8_t {
    reg,       // `index`
    special,   // %tid.x: `name`
    integer,   // `bits`
    real,      // `bits`: of an f32 when `single`, else of an f64
    symbol,    // a module symbol `name` + `offset`
    variable,  // a variable of the function, `index` + `offset`
    parameter, // a parameter of the function, `index` + `offset`
    address,   // [parts[0] + offset], or [parts[0], {coordinates}]
    vector,    // {parts}
    pair,      // parts[0] | parts[1]
    list,      // (parts) of a call
    label,     // `index`
    wildcard,  // _
  };
  Kind kind = Kind::integer;
  bool negated = false; // !%p
  bool single = false;
  int index = -1;
  uint64_t bits = 0;
  int64_t offset = 0;
  std::string_view name;
  std::vector<Operand> parts;
};

struct Instruction {
  std::string_view opcode;                 // "ld"
  std::vector<std::string_view> modifiers; // "global", "v2", "f32"
  std::string_view text;                   // "ld.global.v2.f32"
  int guard = -1;                          // register of @%p
  bool guard_negated = false;
  std::vector<Operand> operands;
  uint32_t line = 0, column = 0;
};

struct Variable {
  std::string_view name;
  Space space = Space::global;
  Type type = Type::b8;
  uint32_t align = 1;
  uint64_t size = 0;     // bytes; 0 for an extern array
  bool external = false; // .extern
  std::vector<uint8_t> init;
  struct Reference {
    uint64_t at;
    std::string_view symbol;
    int64_t offset;
    bool generic;
  };
  std::vector<Reference> references; // addresses inside `init`
  uint32_t line = 0;
};

struct Label {
  std::string_view name;
  int target = -1; // instruction index
};

struct Function {
  std::string_view name;
  bool kernel = false, defined = false;
  std::vector<Variable> params, returns;
  std::vector<Type> registers;
  std::vector<Variable> variables; // .shared, .local and .param inside the body
  std::vector<Label> labels;
  std::vector<Instruction> instructions;
  std::vector<Label> branch_tables; // of brx.idx: `target` is the $branchtargets instruction
  std::array<uint32_t, 3> max_threads{0, 0, 0}, required_threads{0, 0, 0};
  uint32_t min_blocks = 0;
  uint32_t line = 0;
};

struct Module {
  std::shared_ptr<const std::string> text;
  std::string name; // for messages
  int version = 0;  // 83 for 8.3
  std::string_view target;
  int address_size = 64;
  std::vector<Variable> variables;
  std::vector<Function> functions;

  const Function *find(std::string_view name) const;
};

/// Parses a whole module. Throws Error (mismatch) at "NAME:LINE:COLUMN" and nothing else.
Module parse(std::string text, std::string name);

} // namespace mome::ptxsim
