#include "runtime/cuda/sim/builder.h"

#include <algorithm>
#include <unordered_map>

#include "runtime/error.h"

namespace mome::ptxsim {
namespace {

constexpr int max_call_depth = 32;
constexpr size_t max_code = 4'000'000;
constexpr uint64_t max_inlined_registers = 30'000'000;

uint64_t round_up(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

struct SpecialRow {
  std::string_view name;
  Special special;
};
constexpr SpecialRow special_rows[] = {
    {"%tid.x", Special::tid_x},
    {"%tid.y", Special::tid_y},
    {"%tid.z", Special::tid_z},
    {"%ntid.x", Special::ntid_x},
    {"%ntid.y", Special::ntid_y},
    {"%ntid.z", Special::ntid_z},
    {"%ctaid.x", Special::ctaid_x},
    {"%ctaid.y", Special::ctaid_y},
    {"%ctaid.z", Special::ctaid_z},
    {"%nctaid.x", Special::nctaid_x},
    {"%nctaid.y", Special::nctaid_y},
    {"%nctaid.z", Special::nctaid_z},
    {"%laneid", Special::laneid},
    {"%warpid", Special::warpid},
    {"%nwarpid", Special::nwarpid},
    {"%smid", Special::smid},
    {"%nsmid", Special::nsmid},
    {"%lanemask_eq", Special::lanemask_eq},
    {"%lanemask_le", Special::lanemask_le},
    {"%lanemask_lt", Special::lanemask_lt},
    {"%lanemask_ge", Special::lanemask_ge},
    {"%lanemask_gt", Special::lanemask_gt},
    {"%dynamic_smem_size", Special::dynamic_smem},
    {"%total_smem_size", Special::total_smem},
    // A cluster is one block here.
    {"%cluster_ctaid.x", Special::zero},
    {"%cluster_ctaid.y", Special::zero},
    {"%cluster_ctaid.z", Special::zero},
    {"%cluster_nctaid.x", Special::one},
    {"%cluster_nctaid.y", Special::one},
    {"%cluster_nctaid.z", Special::one},
    {"%cluster_ctarank", Special::zero},
    {"%cluster_nctarank", Special::one},
    {"%clusterid.x", Special::ctaid_x},
    {"%clusterid.y", Special::ctaid_y},
    {"%clusterid.z", Special::ctaid_z},
    {"%nclusterid.x", Special::nctaid_x},
    {"%nclusterid.y", Special::nctaid_y},
    {"%nclusterid.z", Special::nctaid_z},
    {"%gridid", Special::gridid},
    {"WARP_SZ", Special::count},
};

} // namespace

Builder::Builder(std::shared_ptr<const Module> module, const Symbols &symbols) : symbols(symbols) {
  program.module = std::move(module);
  program.frame_bytes = 64; // offset 0 means "none"
  always = constant(0, ~0u);
}

uint32_t Builder::slot(int size) {
  const uint32_t offset = program.frame_bytes;
  program.frame_bytes += size == 0 ? 64 : uint32_t(size) * lanes;
  if (program.frame_bytes > (1u << 30)) {
    throw package_error(program.module->name, "a kernel with more than 1 GiB of registers a warp",
                        "");
  }
  return offset;
}

uint32_t Builder::constant(int size, uint64_t bits) {
  if (size < 8) {
    bits &= (uint64_t{1} << (size == 0 ? 32 : 8 * size)) - 1;
  }
  const auto [it, fresh] = constant_slots.try_emplace({size, bits}, 0);
  if (fresh) {
    it->second = slot(size);
    program.constants.push_back({it->second, uint8_t(size), bits});
  }
  return it->second;
}

uint32_t Builder::special(std::string_view name, int &size) {
  size = 4;
  for (const SpecialRow &row : special_rows) {
    if (row.name != name) {
      continue;
    }
    if (row.special == Special::count) {
      return constant(4, lanes);
    }
    uint32_t &offset = program.specials[size_t(row.special)];
    if (offset == 0) {
      offset = slot(4);
    }
    return offset;
  }
  return 0;
}

uint32_t Builder::register_slot(int index) {
  uint32_t &offset = instance->registers.at(size_t(index));
  if (offset == 0) {
    const Type t = instance->function->registers[size_t(index)];
    offset = slot(t == Type::pred ? 0 : std::max(type_size(t), 2));
  }
  return offset;
}

void Builder::place_shared(const Variable &v, uint64_t &offset) {
  if (v.external) {
    return;
  }
  offset = round_up(program.static_shared, v.align);
  program.static_shared = offset + v.size;
}

static void count_mentions(const Operand &o, std::vector<uint32_t> &mentions) {
  if (o.kind == Operand::Kind::reg) {
    ++mentions.at(size_t(o.index));
  }
  for (const Operand &part : o.parts) {
    count_mentions(part, mentions);
  }
}

/// Variables of one function instance; shared ones have one place for all instances.
void Builder::place_variables(Instance &inner) {
  for (const Variable &v : inner.function->variables) {
    Place place;
    if (v.space == Space::shared) {
      place.space = Space::shared;
      place.offset = v.external ? program.dynamic_base : shared_globals.at(v.name);
    } else if (v.space == Space::local || v.space == Space::param) {
      place.offset = round_up(local_top, std::max(v.align, 4u));
      local_top = place.offset + v.size;
    } else if (const auto found = symbols.find(v.name); found != symbols.end()) {
      place.space = Space::global;
      place.offset = found->second;
    }
    inner.variables.push_back(place);
  }
  program.local_bytes = std::max(program.local_bytes, local_top);
}

Program Builder::build(const Function &kernel) {
  program.name = std::string(kernel.name);
  program.max_threads = kernel.max_threads;
  program.required_threads = kernel.required_threads;
  uint32_t dynamic_align = 16;
  const auto place = [&](const Variable &v) {
    if (v.space != Space::shared) {
      return;
    }
    if (v.external) {
      dynamic_align = std::max(dynamic_align, v.align);
    }
    uint64_t offset = 0;
    place_shared(v, offset);
    if (!v.external) {
      shared_globals[v.name] = offset;
    }
  };
  // A module-level .shared variable takes room only in kernels that name it.
  std::map<std::string_view, bool> named;
  const auto collect = [&](const Function &f) {
    for (const Instruction &i : f.instructions) {
      for (const Operand &o : i.operands) {
        named[o.name] = true;
        for (const Operand &p : o.parts) {
          named[p.name] = true;
        }
      }
    }
  };
  collect(kernel);
  for (const Function &f : program.module->functions) {
    if (!f.kernel && f.defined) {
      collect(f);
    }
  }
  for (const Variable &v : program.module->variables) {
    if (named.count(v.name)) {
      place(v);
    }
  }
  for (const Function &f : program.module->functions) {
    if (&f == &kernel || !f.kernel) {
      for (const Variable &v : f.variables) {
        place(v);
      }
    }
  }
  program.dynamic_base = round_up(program.static_shared, dynamic_align);
  for (const Variable &v : program.module->variables) {
    if (v.space == Space::shared && v.external) {
      shared_globals[v.name] = program.dynamic_base;
    }
  }

  Instance top;
  top.function = &kernel;
  for (const Variable &v : kernel.params) {
    const uint64_t offset = round_up(program.param_bytes, v.align);
    program.params.push_back({offset, v.size, v.align, std::string(v.name)});
    top.params.push_back({Space::param, offset});
    program.param_bytes = offset + v.size;
  }
  decode_body(top, 0);
  Inst end;
  end.flow = Flow::exit;
  end.kind = Kind::pseudo;
  end.guard = always;
  end.text = "the end of the kernel";
  program.code.push_back(end);
  set_reconvergence(program.code);
  return std::move(program);
}

void Builder::decode_body(Instance &inner, int call_depth) {
  Instance *const outer = instance;
  instance = &inner;
  const Function &f = *inner.function;
  inner.registers.assign(f.registers.size(), 0);
  inner.mentions.assign(f.registers.size(), 0);
  for (const Instruction &i : f.instructions) {
    for (const Operand &o : i.operands) {
      count_mentions(o, inner.mentions);
    }
  }
  place_variables(inner);
  for (const Instruction &ast : f.instructions) {
    inner.instruction_pc.push_back(uint32_t(program.code.size()));
    Decode d(*this, f, ast, call_depth);
    const DecodeFunction decode = find_decoder(ast.opcode);
    if (ast.opcode == "$branchtargets") {
      continue;
    }
    if (!decode) {
      d.fail("unknown instruction '" + std::string(ast.opcode.substr(0, 40)) + "'",
             "the simulator does not execute it");
    }
    decode(d);
    if (program.code.size() > max_code) {
      d.fail("more than four million instructions");
    }
  }
  const uint32_t end = uint32_t(program.code.size());
  inner.instruction_pc.push_back(end);
  const auto pc_of = [&](int label) {
    return inner.instruction_pc[size_t(f.labels.at(size_t(label)).target)];
  };
  for (const auto &[pc, label] : inner.branches) {
    program.code[pc].target = pc_of(label);
  }
  for (const uint32_t pc : inner.returns) {
    program.code[pc].target = end;
  }
  for (uint32_t pc = inner.instruction_pc[0]; pc < end; ++pc) {
    Inst &i = program.code[pc];
    if (i.flow == Flow::table && i.imm == call_depth + 1) {
      for (uint32_t &label : i.more) {
        label = pc_of(int(label));
      }
      i.imm = 0;
    }
  }
  instance = outer;
}

/// `call (results), function, (arguments)`: the body again, with its own registers.
void Builder::call(Decode &d) {
  const auto &ops = d.ast.operands;
  const size_t named = !ops.empty() && ops[0].kind == Operand::Kind::list ? 1 : 0;
  if (named >= ops.size() || ops[named].kind != Operand::Kind::symbol) {
    d.fail("an indirect call", "only calls of functions by name are simulated");
  }
  const std::string_view name = ops[named].name;
  const Function *callee = program.module->find(name);
  if (name == "__assertfail") {
    d.flag("uni");
    d.emit(run_assert_fail, Kind::control);
    return;
  }
  if (name == "vprintf") {
    d.flag("uni");
    const size_t arguments = named + 1;
    if (arguments >= ops.size() || ops[arguments].parts.size() != 2) {
      d.fail("vprintf takes a format and arguments");
    }
    std::vector<const Operand *> locals{&ops[arguments].parts[0], &ops[arguments].parts[1]};
    if (named && !ops[0].parts.empty()) {
      locals.push_back(&ops[0].parts[0]);
    }
    for (const Operand *o : locals) {
      Space space = Space::generic;
      d.inst.more.push_back(uint32_t(d.symbol_address(*o, space)));
      if (space != Space::local) {
        d.fail("an argument that is no .param variable");
      }
    }
    d.emit(run_vprintf, Kind::control);
    return;
  }
  if (!callee) {
    d.fail("a call of '" + std::string(name) + "', which has no body in this module");
  }
  if (d.call_depth >= max_call_depth) {
    d.fail("calls nested too deeply, or recursion",
           "calls are inlined: recursion is not simulated");
  }
  inlined_registers += callee->registers.size() + 1000;
  if (inlined_registers > max_inlined_registers) {
    d.fail("more calls than can be inlined");
  }
  Instance inner;
  inner.function = callee;
  const auto pass = [&](size_t operand, const std::vector<Variable> &formal) {
    const size_t given = operand < ops.size() ? ops[operand].parts.size() : 0;
    if (given != formal.size()) {
      d.fail(std::to_string(given) + " arguments for " + std::to_string(formal.size()));
    }
    for (size_t i = 0; i < given; ++i) {
      const Operand &o = ops[operand].parts[i];
      if (o.kind != Operand::Kind::variable && o.kind != Operand::Kind::parameter) {
        d.fail("an argument that is no .param variable");
      }
      Space space = Space::generic;
      const uint64_t address = d.symbol_address(o, space);
      inner.params.push_back({space, address});
    }
  };
  if (callee->params.empty() ? named + 1 < ops.size() && !ops[named + 1].parts.empty() : false) {
    d.fail("arguments for a function without parameters");
  }
  pass(named + 1, callee->params);
  if (named) {
    pass(0, callee->returns);
  }
  d.flag("uni");
  d.finish();
  uint32_t around = no_pc;
  if (d.ast.guard >= 0) {
    Inst skip;
    skip.flow = Flow::branch;
    skip.kind = Kind::control;
    skip.line = d.ast.line;
    skip.text = d.ast.text;
    skip.guard = register_slot(d.ast.guard);
    skip.guard_invert = d.ast.guard_negated ? 0 : ~0u;
    around = uint32_t(program.code.size());
    program.code.push_back(skip);
  }
  const uint64_t saved = local_top;
  decode_body(inner, d.call_depth + 1);
  local_top = saved;
  if (around != no_pc) {
    program.code[around].target = uint32_t(program.code.size());
  }
}

Program decode(std::shared_ptr<const Module> module, std::string_view kernel,
               const Symbols &symbols) {
  const Function *function = module->find(kernel);
  if (!function || !function->kernel) {
    throw package_error(module->name, "no kernel '" + std::string(kernel) + "'", "");
  }
  return Builder(std::move(module), symbols).build(*function);
}

} // namespace mome::ptxsim
