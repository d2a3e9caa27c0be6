// Modifiers and operands of one instruction, and the table of all instructions.
#include "runtime/cuda/sim/decode.h"

#include <algorithm>
#include <bit>

#include "runtime/cuda/sim/builder.h"
#include "runtime/cuda/sim/bulk.h"
#include "runtime/cuda/sim/parser.h"
#include "runtime/error.h"

namespace mome::ptxsim {
namespace {

struct Row {
  std::string_view opcode;
  DecodeFunction decode;
};

// Sorted by opcode.
constexpr Row rows[] = {
    {"abs", decode_float_unary},
    {"activemask", decode_activemask},
    {"add", decode_int},
    {"addc", decode_carry},
    {"and", decode_int_bits},
    {"applypriority", decode_prefetch},
    {"atom", decode_atomic},
    {"bar", decode_barrier},
    {"barrier", decode_barrier},
    {"bfe", decode_int_bits},
    {"bfi", decode_int_bits},
    {"bfind", decode_int_bits},
    {"bmsk", decode_int_bits},
    {"bra", decode_control},
    {"brev", decode_int_bits},
    {"brkpt", decode_control},
    {"brx", decode_control},
    {"call", decode_control},
    {"clz", decode_int_bits},
    {"cnot", decode_int_bits},
    {"copysign", decode_float},
    {"cos", decode_float_unary},
    {"cp", decode_cp},
    {"createpolicy", decode_mov},
    {"cvt", decode_cvt},
    {"cvta", decode_cvta},
    {"discard", decode_prefetch},
    {"div", decode_int},
    {"dp2a", decode_dot},
    {"dp4a", decode_dot},
    {"elect", decode_elect},
    {"ex2", decode_float_unary},
    {"exit", decode_control},
    {"fence", decode_fence},
    {"fma", decode_float},
    {"fns", decode_int_bits},
    {"griddepcontrol", decode_nothing},
    {"isspacep", decode_cvta},
    {"ld", decode_load},
    {"ldmatrix", decode_ldmatrix},
    {"ldu", decode_load},
    {"lg2", decode_float_unary},
    {"lop3", decode_int_bits},
    {"mad", decode_int},
    {"mad24", decode_int},
    {"madc", decode_carry},
    {"match", decode_match},
    {"max", decode_int},
    {"mbarrier", decode_mbarrier},
    {"membar", decode_fence},
    {"min", decode_int},
    {"mma", decode_mma},
    {"mov", decode_mov},
    {"movmatrix", decode_movmatrix},
    {"mul", decode_int},
    {"mul24", decode_int},
    {"nanosleep", decode_nothing},
    {"neg", decode_float_unary},
    {"not", decode_int_bits},
    {"or", decode_int_bits},
    {"pmevent", decode_nothing},
    {"popc", decode_int_bits},
    {"prefetch", decode_prefetch},
    {"prefetchu", decode_prefetch},
    {"prmt", decode_int_bits},
    {"rcp", decode_float_unary},
    {"red", decode_atomic},
    {"redux", decode_redux},
    {"rem", decode_int},
    {"ret", decode_control},
    {"rsqrt", decode_float_unary},
    {"sad", decode_int},
    {"selp", decode_selp},
    {"set", decode_set},
    {"setmaxnreg", decode_nothing},
    {"setp", decode_setp},
    {"shf", decode_int_bits},
    {"shfl", decode_shuffle},
    {"shl", decode_int_bits},
    {"shr", decode_int_bits},
    {"sin", decode_float_unary},
    {"slct", decode_selp},
    {"sqrt", decode_float_unary},
    {"st", decode_store},
    {"stmatrix", decode_stmatrix},
    {"sub", decode_int},
    {"subc", decode_carry},
    {"szext", decode_int_bits},
    {"tanh", decode_float_unary},
    {"testp", decode_float_unary},
    {"trap", decode_control},
    {"vote", decode_vote},
    {"wgmma", decode_wgmma},
    {"xor", decode_int_bits},
};

} // namespace

DecodeFunction find_decoder(std::string_view opcode) {
  const auto row = std::lower_bound(std::begin(rows), std::end(rows), opcode,
                                    [](const Row &r, std::string_view o) { return r.opcode < o; });
  return row != std::end(rows) && row->opcode == opcode ? row->decode : nullptr;
}

Decode::Decode(Builder &builder, const Function &function, const Instruction &ast, int call_depth)
    : ast(ast), builder(builder), function(function), call_depth(call_depth),
      taken(ast.modifiers.size()) {
  inst.line = ast.line;
  inst.text = ast.text;
  inst.guard = builder.always;
  if (ast.guard >= 0) {
    inst.guard = builder.register_slot(ast.guard);
    inst.guard_invert = ast.guard_negated ? ~0u : 0;
  }
}

void Decode::fail(const std::string &what, const char *hint) const {
  throw package_error(builder.program.module->name + ":" + std::to_string(ast.line) + ":" +
                          std::to_string(ast.column),
                      what + " in '" + std::string(ast.text.substr(0, 100)) + "'", hint);
}

bool Decode::flag(std::string_view name) {
  for (size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i] && ast.modifiers[i] == name) {
      return taken[i] = true;
    }
  }
  return false;
}

int Decode::choice(std::initializer_list<std::string_view> names) {
  int n = 0;
  for (const std::string_view name : names) {
    if (flag(name)) {
      return n;
    }
    ++n;
  }
  return -1;
}

Type Decode::optional_type() {
  for (size_t i = 0; i < taken.size(); ++i) {
    const auto type = taken[i] ? std::nullopt : parse_type(ast.modifiers[i]);
    if (type) {
      taken[i] = true;
      return *type;
    }
  }
  return Type::none;
}

Type Decode::type() {
  const Type type = optional_type();
  if (type == Type::none) {
    fail("a type is missing");
  }
  return type;
}

std::optional<Round> Decode::round() {
  constexpr Round rounds[] = {Round::nearest, Round::zero, Round::down, Round::up, Round::away};
  const int i = choice({"rn", "rz", "rm", "rp", "rna"});
  return i < 0 ? std::nullopt : std::optional(rounds[i]);
}

std::optional<Space> Decode::space() {
  for (size_t i = 0; i < taken.size(); ++i) {
    const auto space = taken[i] ? std::nullopt : parse_space(ast.modifiers[i]);
    if (space) {
      taken[i] = true;
      return space;
    }
  }
  return std::nullopt;
}

std::string_view Decode::prefixed(std::string_view prefix) {
  for (size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i] && ast.modifiers[i].starts_with(prefix)) {
      taken[i] = true;
      return ast.modifiers[i].substr(prefix.size());
    }
  }
  return {};
}

void Decode::ignore_cache_hints() {
  for (size_t i = 0; i < taken.size(); ++i) {
    const std::string_view m = ast.modifiers[i];
    if (m == "ca" || m == "cg" || m == "cs" || m == "lu" || m == "cv" || m == "wb" || m == "wt" ||
        m == "nc" || m.starts_with("L1::") || m.starts_with("L2::")) {
      taken[i] = true;
    }
  }
}

void Decode::finish() const {
  for (size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i]) {
      fail("unknown modifier '." + std::string(ast.modifiers[i]) + "'",
           "the simulator has no such form of the instruction");
    }
  }
}

void Decode::want(size_t least, size_t most) const {
  if (operands() < least || operands() > most) {
    fail(std::to_string(operands()) + " operands");
  }
}

const Operand &Decode::operand(size_t i) const {
  if (i >= ast.operands.size()) {
    fail("operand " + std::to_string(i + 1) + " is missing");
  }
  return ast.operands[i];
}

int Decode::register_size(const Operand &o) const {
  if (o.kind != Operand::Kind::reg) {
    return 0;
  }
  const Type t = function.registers[size_t(o.index)];
  return t == Type::pred ? 0 : std::max(type_size(t), 2);
}

uint32_t Decode::register_offset(const Operand &o) const {
  return builder.register_slot(o.index);
}

uint32_t Decode::dst(const Operand &o, Type type) {
  const int size = type == Type::pred ? 0 : std::max(type_size(type), 2);
  if (o.kind == Operand::Kind::wildcard) {
    return scratch(size);
  }
  if (o.kind != Operand::Kind::reg) {
    fail("the result is no register");
  }
  if ((function.registers[size_t(o.index)] == Type::pred) != (type == Type::pred) ||
      register_size(o) != size) {
    fail("a result of " + std::string(type_name(type)) + " in a register of " +
         std::string(type_name(function.registers[size_t(o.index)])));
  }
  return register_offset(o);
}

uint32_t Decode::src(const Operand &o, Type type) {
  if (type == Type::pred) {
    return pred_src(o);
  }
  const int size = std::max(type_size(type), 2);
  switch (o.kind) {
  case Operand::Kind::reg:
    if (function.registers[size_t(o.index)] == Type::pred || register_size(o) != size) {
      fail("an operand of " + std::string(type_name(type)) + " in a register of " +
           std::string(type_name(function.registers[size_t(o.index)])));
    }
    return register_offset(o);
  case Operand::Kind::special: {
    int special_size = 0;
    const uint32_t offset = builder.special(o.name, special_size);
    if (offset == 0) {
      fail("unknown special register '" + std::string(o.name) + "'");
    }
    if (special_size != size) {
      fail("'" + std::string(o.name) + "' has " + std::to_string(8 * special_size) + " bits");
    }
    return offset;
  }
  case Operand::Kind::integer:
    if (size == 16) {
      fail("a 128-bit constant");
    }
    return constant(size, is_float(type) && type != Type::none && o.bits != 0 && size == 8
                              ? std::bit_cast<uint64_t>(double(int64_t(o.bits)))
                          : is_float(type) && o.bits != 0 && size == 4
                              ? std::bit_cast<uint32_t>(float(int64_t(o.bits)))
                              : o.bits);
  case Operand::Kind::real: {
    Type as = type;
    if (!is_float(type)) { // mov.b32 %f, 0f3F800000
      as = size == 8 ? Type::f64 : size == 4 ? Type::f32 : Type::f16;
    }
    return constant(size, convert_real(o, as));
  }
  case Operand::Kind::symbol:
  case Operand::Kind::variable:
  case Operand::Kind::parameter: {
    Space space = Space::generic;
    return constant(size, symbol_address(o, space));
  }
  case Operand::Kind::label:
    fail("unknown name '" + std::string(o.name) + "'");
  default:
    fail("an operand of the wrong kind");
  }
}

uint32_t Decode::pred_src(const Operand &o) {
  if (o.kind == Operand::Kind::integer) {
    return builder.constant(0, o.bits ? ~0u : 0);
  }
  if (o.kind != Operand::Kind::reg || function.registers[size_t(o.index)] != Type::pred) {
    fail("an operand that is no predicate");
  }
  if (!o.negated) {
    return register_offset(o);
  }
  Inst invert;
  invert.r[0] = scratch(0);
  invert.r[1] = register_offset(o);
  invert.run = run_not_pred;
  const uint32_t result = invert.r[0];
  emit_pseudo(std::move(invert));
  return result;
}

int64_t Decode::immediate(size_t i) const {
  if (operand(i).kind != Operand::Kind::integer) {
    fail("operand " + std::to_string(i + 1) + " is no integer constant");
  }
  return int64_t(operand(i).bits);
}

uint32_t Decode::constant(int size, uint64_t bits) {
  return builder.constant(size, bits);
}
uint32_t Decode::scratch(int size) {
  return builder.slot(size);
}

uint64_t Decode::symbol_address(const Operand &o, Space &space) const {
  const Instance &in = *builder.instance;
  if (o.kind == Operand::Kind::variable || o.kind == Operand::Kind::parameter) {
    const auto &places = o.kind == Operand::Kind::variable ? in.variables : in.params;
    const Place &place = places.at(size_t(o.index));
    space = place.space;
    return place.offset + uint64_t(o.offset);
  }
  if (const auto shared = builder.shared_globals.find(o.name);
      shared != builder.shared_globals.end()) {
    space = Space::shared;
    return shared->second + uint64_t(o.offset);
  }
  const auto found = builder.symbols.find(o.name);
  if (found == builder.symbols.end()) {
    fail("'" + std::string(o.name) + "' has no address",
         "is it declared .extern and never defined?");
  }
  space = Space::global;
  return found->second + uint64_t(o.offset);
}

uint32_t Decode::address(const Operand &o, Space &space) {
  if (o.kind != Operand::Kind::address) {
    fail("an operand that is no address");
  }
  const Operand &base = o.parts[0];
  inst.imm = o.offset;
  if (base.kind == Operand::Kind::reg) {
    const int size = register_size(base);
    if (size == 8) {
      return register_offset(base);
    }
    if (size != 4) {
      fail("an address in a register of neither 32 nor 64 bits");
    }
    Inst widen; // shared and local addresses may have 32 bits
    widen.r[0] = scratch(8);
    widen.r[1] = register_offset(base);
    widen.run = run_widen_address;
    const uint32_t result = widen.r[0];
    emit_pseudo(std::move(widen));
    return result;
  }
  if (base.kind == Operand::Kind::integer) {
    return constant(8, base.bits);
  }
  Space own = space;
  const uint64_t address = symbol_address(base, own);
  // A generic access may name a shared symbol only after cvta, but a .param variable of a call
  // lives in local memory here.
  if (space == Space::param || space == Space::generic) {
    space = own;
  }
  return constant(8, address);
}

void Decode::emit(Handler handler, Kind kind) {
  finish();
  inst.run = handler;
  inst.kind = kind;
  builder.program.code.push_back(std::move(inst));
}

void Decode::emit_pseudo(Inst pseudo) {
  pseudo.guard = builder.always;
  pseudo.kind = Kind::pseudo;
  pseudo.line = ast.line;
  pseudo.text = ast.text;
  builder.program.code.push_back(std::move(pseudo));
}

} // namespace mome::ptxsim
