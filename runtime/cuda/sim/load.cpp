#include "runtime/cuda/sim/load.h"

#include <algorithm>
#include <cstring>

#include "runtime/error.h"

namespace mome::ptxsim {

Symbols load_variables(const Module &module, Memory &memory) {
  Symbols symbols;
  std::vector<const Variable *> variables;
  const auto add = [&](const Variable &v) {
    if (v.space != Space::global && v.space != Space::constant) {
      return;
    }
    if (v.external) {
      throw package_error(module.name + ":" + std::to_string(v.line),
                          "'" + std::string(v.name) + "' is declared .extern and defined nowhere",
                          "modules are not linked with others");
    }
    symbols[std::string(v.name)] =
        memory.allocate(v.size, v.align, "variable " + std::string(v.name));
    variables.push_back(&v);
  };
  for (const Variable &v : module.variables) {
    add(v);
  }
  for (const Function &f : module.functions) {
    for (const Variable &v : f.variables) {
      add(v);
    }
  }
  for (const Variable *v : variables) {
    const uint64_t address = symbols.find(v->name)->second;
    Allocation *a = memory.find(address);
    if (!a) {
      continue; // of size 0
    }
    std::memset(a->host, 0, v->size); // variables without an initializer are zero
    std::copy(v->init.begin(), v->init.end(), reinterpret_cast<uint8_t *>(a->host));
    for (const Variable::Reference &r : v->references) {
      const auto target = symbols.find(r.symbol);
      if (target == symbols.end()) {
        throw package_error(module.name + ":" + std::to_string(v->line),
                            "'" + std::string(v->name) + "' holds the address of '" +
                                std::string(r.symbol) + "', which has none",
                            "");
      }
      const uint64_t value = target->second + uint64_t(r.offset);
      std::memcpy(a->host + r.at, &value,
                  std::min<size_t>(8, size_t(std::max(type_size(v->type), 1))));
    }
    memory.mark(address, v->size, true);
    a->read_only = v->space == Space::constant;
  }
  return symbols;
}

void unload_variables(const Symbols &symbols, Memory &memory) {
  for (const auto &[name, address] : symbols) {
    memory.release(address);
  }
}

std::vector<std::byte> pack_params(const Program &program, const void *const *values) {
  std::vector<std::byte> bytes(program.param_bytes);
  for (size_t i = 0; i < program.params.size(); ++i) {
    std::memcpy(bytes.data() + program.params[i].offset, values[i], program.params[i].size);
  }
  return bytes;
}

std::vector<std::byte> pack_params(const Program &program, std::span<const uint64_t> words) {
  if (program.params.size() == 1 && words.size() > 1 && words.size_bytes() <= program.param_bytes) {
    std::vector<std::byte> bytes(program.param_bytes);
    std::memcpy(bytes.data(), words.data(), words.size_bytes());
    return bytes;
  }
  if (program.params.size() != words.size()) {
    throw Error(Exit::mismatch, program.name,
                std::to_string(words.size()) + " arguments for " +
                    std::to_string(program.params.size()) + " parameters");
  }
  std::vector<const void *> values;
  for (const uint64_t &word : words) {
    values.push_back(&word);
  }
  return pack_params(program, values.data());
}

} // namespace mome::ptxsim
