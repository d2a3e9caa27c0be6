// Decoding one instruction: what the families (int.cpp, float.cpp, ...) see.
//
// A family's function takes the modifiers it knows and the operands it wants, sets the handler and
// fills `inst`; a modifier that nobody took is an error that names it. Adding an instruction is one
// row in the table of decode.cpp and one function.
#pragma once

#include <map>
#include <optional>

#include "runtime/cuda/sim/half.h"
#include "runtime/cuda/sim/program.h"

namespace mome::ptxsim {

class Builder;

class Decode {
public:
  Decode(Builder &builder, const Function &function, const Instruction &ast, int call_depth);

  const Instruction &ast;
  Inst inst;

  [[noreturn]] void fail(const std::string &what, const char *hint = "") const;

  // Modifiers
  bool flag(std::string_view name);
  /// The first of `names` that is there, as its index; -1 for none.
  int choice(std::initializer_list<std::string_view> names);
  /// The next type modifier; `optional_type` gives none when there is no more.
  Type type();
  Type optional_type();
  std::optional<Round> round(); // rn rz rm rp rna
  std::optional<Space> space();
  /// A modifier with this prefix, the rest of it; empty for none.
  std::string_view prefixed(std::string_view prefix);
  /// Cache hints, which change nothing here.
  void ignore_cache_hints();
  void finish() const; // every modifier was taken

  // Operands
  size_t operands() const { return ast.operands.size(); }
  const Operand &operand(size_t i) const;
  void want(size_t least, size_t most) const;
  uint32_t dst(size_t i, Type type) { return dst(operand(i), type); }
  uint32_t dst(const Operand &o, Type type);
  uint32_t src(size_t i, Type type) { return src(operand(i), type); }
  uint32_t src(const Operand &o, Type type);
  uint32_t pred_src(const Operand &o); // may be negated
  /// Bytes of the register behind an operand; 0 if it is none.
  int register_size(const Operand &o) const;
  uint32_t register_offset(const Operand &o) const;
  int64_t immediate(size_t i) const;
  uint32_t constant(int size, uint64_t bits); // 0: a predicate
  uint32_t scratch(int size);
  /// A 64-bit base register and inst.imm of an address operand. `space` is refined: a symbol
  /// knows its own.
  uint32_t address(size_t i, Space &space) { return address(operand(i), space); }
  uint32_t address(const Operand &o, Space &space);
  uint64_t symbol_address(const Operand &o, Space &space) const;

  void emit(Handler handler, Kind kind);
  /// An instruction of our own before this one, not guarded.
  void emit_pseudo(Inst pseudo);
  Builder &builder;
  const Function &function;
  const int call_depth;

private:
  std::vector<bool> taken;
};

using DecodeFunction = void (*)(Decode &);
DecodeFunction find_decoder(std::string_view opcode);

// Handlers of instructions that the decoder itself adds.
void run_not_pred(Warp &w, const Inst &i, uint32_t mask);      // r[0] = not r[1]
void run_widen_address(Warp &w, const Inst &i, uint32_t mask); // u64 r[0] = u32 r[1]
void run_assert_fail(Warp &w, const Inst &i, uint32_t mask);

// The families.
void decode_int(Decode &d);      // add, sub, mul, mad ... of integers; floats go to decode_float
void decode_int_bits(Decode &d); // and, shl, popc, prmt ...
void decode_carry(Decode &d);
void decode_dot(Decode &d);
void decode_float(Decode &d);
void decode_float_unary(Decode &d); // rcp, ex2 ...
void decode_half(Decode &d, Type type);
void decode_setp(Decode &d);
void decode_set(Decode &d);
void decode_selp(Decode &d);
void decode_mov(Decode &d);
void decode_cvta(Decode &d);
void decode_cvt(Decode &d);
void decode_cvt_pack(Decode &d);
void decode_load(Decode &d);
void decode_store(Decode &d);
void decode_prefetch(Decode &d);
void decode_atomic(Decode &d);
void decode_fence(Decode &d);
void decode_shuffle(Decode &d);
void decode_vote(Decode &d);
void decode_match(Decode &d);
void decode_redux(Decode &d);
void decode_elect(Decode &d);
void decode_activemask(Decode &d);
void decode_barrier(Decode &d);
void decode_control(Decode &d);
void decode_mma(Decode &d);
void decode_ldmatrix(Decode &d);
void decode_stmatrix(Decode &d);
void decode_movmatrix(Decode &d);
void decode_cp(Decode &d);
void decode_mbarrier(Decode &d);
void decode_nothing(Decode &d);

} // namespace mome::ptxsim
