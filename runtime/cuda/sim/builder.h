// Building a Program: the frame's layout, inlining of calls, labels to instruction numbers.
#pragma once

#include "runtime/cuda/sim/decode.h"

namespace mome::ptxsim {

/// Where a .shared, .local or .param variable of a function lives.
struct Place {
  Space space = Space::local;
  uint64_t offset = 0;
};

/// One function being decoded: the kernel, or a call of another that is inlined.
struct Instance {
  const Function *function = nullptr;
  std::vector<uint32_t> registers;                // frame offsets; 0: not given yet
  std::vector<uint32_t> mentions;                 // of each register, in instructions
  std::vector<Place> variables, params;           // params: and returns after them
  std::vector<uint32_t> instruction_pc;           // of each AST instruction
  std::vector<std::pair<uint32_t, int>> branches; // pc, label
  std::vector<uint32_t> returns;                  // pcs of ret, to be pointed behind the call
  uint32_t base_line = 0;
};

class Builder {
public:
  Builder(std::shared_ptr<const Module> module, const Symbols &symbols);
  Program build(const Function &kernel);

  uint32_t slot(int size); // 0: a predicate
  uint32_t constant(int size, uint64_t bits);
  uint32_t special(std::string_view name, int &size); // 0: unknown
  uint32_t register_slot(int index);
  /// True for a register that one instruction writes, or reads, and no other names.
  bool is_mentioned_once(const Operand &o) const {
    return o.kind == Operand::Kind::reg && instance->mentions.at(size_t(o.index)) == 1;
  }
  void call(Decode &d);

  Program program;
  const Symbols &symbols;
  Instance *instance = nullptr;
  uint32_t always = 0; // a predicate that is true
  uint64_t local_top = 0;
  bool uses_dynamic = false;
  std::map<std::string_view, uint64_t> shared_globals; // module-level .shared

private:
  std::map<std::pair<int, uint64_t>, uint32_t> constant_slots;
  uint64_t inlined_registers = 0; // bounds the work that nested calls can ask for

  void decode_body(Instance &inner, int call_depth);
  void place_variables(Instance &inner);
  void place_shared(const Variable &v, uint64_t &offset);
};

void run_vprintf(Warp &w, const Inst &i, uint32_t mask);

/// Gives every branch of `code` the instruction where its lanes meet again.
void set_reconvergence(std::vector<Inst> &code);

} // namespace mome::ptxsim
