#include "tools/mome-bench-gpu/block_check.h"

#include <algorithm>

#include "runtime/cuda/sim/load.h"
#include "runtime/cuda/sim/ptx.h"
#include "runtime/cuda/sim/simulate.h"
#include "runtime/error.h"
#include "tools/mome-bench-gpu/tensor_cores.h"

namespace mome {
namespace {

/// Blocks of different kinds make at most so many times the least number run.
constexpr uint64_t most_kinds = 3;

std::shared_ptr<const ptxsim::Module> parse_code(const Variant &variant) {
  std::string problem, ptx = find_ptx(variant, problem);
  if (ptx.empty()) {
    throw package_error(variant.name, problem, "compile the package again");
  }
  return std::make_shared<const ptxsim::Module>(ptxsim::parse(std::move(ptx), variant.name));
}

} // namespace

BlockCheck::BlockCheck(const Variant &variant, const BlockChoice &choice)
    : module(parse_code(variant)), symbols(ptxsim::load_variables(*module, memory)),
      choice(choice) {}

BlockResult BlockCheck::check(const KernelUse &use,
                              const std::vector<std::span<std::byte>> &arguments) {
  result = {};
  stages.clear();
  rows = use.kernel->group > 1 ? 2 : 1;
  addresses.clear();
  if (!use.kernel->library.empty()) {
    result.problem = "a library runs it: check a package that was compiled without --cuda-libs";
    return std::move(result);
  }
  for (size_t a = 0; a < arguments.size(); ++a) {
    if (a < use.operands()) { // in place, and not to be written
      memory.add_host(arguments[a].data(), arguments[a].size());
      addresses.push_back(reinterpret_cast<uint64_t>(arguments[a].data()));
      memory.find(addresses.back())->read_only = true;
    } else {
      addresses.push_back(memory.allocate(arguments[a].size()));
    }
  }
  scratch = use.kernel->scratch > 0 ? memory.allocate(use.kernel->scratch) : 0;
  addresses.push_back(scratch);
  for (const Launch &launch : use.kernel->launches) {
    stages.push_back({&launch, ptxsim::decode(module, launch.symbol, symbols), {}, 0, 0});
    result.all_blocks += uint64_t(launch.blocks);
  }
  result.launches = stages.size();
  for (size_t stage = 0; stage < stages.size() && result.problem.empty(); ++stage) {
    sample(stage);
  }
  compare_results(use, arguments);
  for (const uint64_t address : addresses) {
    memory.release(address);
  }
  return std::move(result);
}

/// The first block, the last, and some between; more between those that differ.
void BlockCheck::sample(size_t number) {
  Stage &stage = stages[number];
  const uint64_t blocks = uint64_t(stage.launch->blocks), wanted = std::min(blocks, choice.least);
  for (uint64_t i = 0; i < wanted; ++i) {
    run_block(number, wanted == 1 ? 0 : i * (blocks - 1) / (wanted - 1));
  }
  for (bool grew = true; grew && result.problem.empty();) {
    grew = false;
    for (auto a = stage.ran.begin(), b = std::next(a); b != stage.ran.end() && !grew; a = b++) {
      if (a->second != b->second && b->first - a->first > 1 &&
          stage.ran.size() < choice.least * most_kinds) {
        run_block(number, (a->first + b->first) / 2);
        grew = true;
      }
    }
  }
  const ptxsim::Allocation *parts = scratch == 0 ? nullptr : memory.find(scratch);
  if (parts != nullptr && number + 1 < stages.size()) {
    const uint8_t *flags = parts->initialized, *end = flags + parts->size;
    stage.low = uint64_t(std::find(flags, end, 1) - flags);
    stage.high = uint64_t(
        std::find(std::reverse_iterator(end), std::reverse_iterator(flags), 1).base() - flags);
  }
}

void BlockCheck::report(size_t stage, const std::string &problem) {
  if (result.problem.empty()) {
    result.problem = stages[stage].launch->symbol + ": " + problem;
  }
}

void BlockCheck::run_block(size_t number, uint64_t block) {
  Stage &stage = stages[number];
  if (!result.problem.empty() || stage.ran.contains(block)) {
    return;
  }
  ptxsim::Launch launch;
  launch.grid[0] = uint32_t(stage.launch->blocks);
  launch.grid[1] = rows; // the last is checked, of the others no block runs
  std::vector<uint64_t> words((rows - 1) * addresses.size());
  words.insert(words.end(), addresses.begin(), addresses.end());
  const std::vector<std::byte> params = ptxsim::pack_params(stage.program, words);
  launch.block[0] = uint32_t(stage.launch->threads);
  launch.dynamic_shared = uint32_t(stage.launch->shared);
  launch.params = params;
  launch.only_blocks = {block + (rows - 1) * uint64_t(stage.launch->blocks)};
  launch.seed = block; // an order of warps of its own
  launch.perturb = choice.perturb;
  launch.threads = 1;
  ptxsim::Report ran = ptxsim::simulate(stage.program, memory, launch);
  if (number > 0 && scratch != 0 && !ran.ok()) {
    const std::vector<uint64_t> missing = missing_scratch();
    for (const uint64_t address : missing) {
      produce(number, address);
    }
    if (!missing.empty()) {
      ran = ptxsim::simulate(stage.program, memory, launch);
    }
  }
  if (!ran.ok()) {
    report(number, ran.faults[0].text(module->name));
  } else if (ran.counters.store_bytes == 0) {
    report(number, "block " + std::to_string(block) + " wrote nothing");
  }
  stage.ran[block] = ran.counters.total_warp_instructions();
  ++result.blocks;
}

/// Addresses in scratch that were read and never written, each 4 bytes.
std::vector<uint64_t> BlockCheck::missing_scratch() const {
  const ptxsim::Allocation *parts = memory.find(scratch);
  std::vector<uint64_t> missing;
  for (uint64_t at = 0; at < parts->size; at += 4) {
    if (parts->readers[at / 4] != 0 && !parts->initialized[at]) {
      missing.push_back(scratch + at);
    }
  }
  return missing;
}

/// Runs the block of an earlier launch that writes `address`, unless that has happened.
void BlockCheck::produce(size_t before, uint64_t address) {
  for (size_t stage = before; stage-- > 0;) {
    if (search(stage, address)) {
      return;
    }
  }
}

/// Looks for the block outwards from where it is if all write as much as the next one. Only speed depends
/// on that: in the end every block of the launch has run.
bool BlockCheck::search(size_t number, uint64_t address) {
  const Stage &stage = stages[number];
  const uint8_t &written = *(memory.find(scratch)->initialized + (address - scratch));
  const uint64_t at = address - scratch, blocks = uint64_t(stage.launch->blocks);
  if (at < stage.low || at >= stage.high) { // the first and the last block have run
    return written != 0;
  }
  const auto share = double(at - stage.low) / double(stage.high - stage.low);
  const auto guess = std::min(blocks - 1, uint64_t(share * double(blocks)));
  for (uint64_t away = 0; away < blocks && written == 0 && result.problem.empty(); ++away) {
    if (guess + away < blocks) {
      run_block(number, guess + away);
    }
    if (written == 0 && away > 0 && away <= guess) {
      run_block(number, guess - away);
    }
  }
  return written != 0;
}

void BlockCheck::compare_results(const KernelUse &use,
                                 const std::vector<std::span<std::byte>> &arguments) {
  for (size_t a = use.operands(); a < arguments.size(); ++a) {
    const ptxsim::Allocation *found = memory.find(addresses[a]);
    const DType type = use.kernel->types[a];
    const Difference d =
        compare(type, arguments[a].data(), found->host, found->initialized, arguments[a].size());
    Difference &total = type == DType::bf16 ? result.bf16 : result.wide;
    total.error = std::max(total.error, d.error);
    total.elements += d.elements;
  }
  if (result.wide.elements + result.bf16.elements == 0) {
    report(stages.size() - 1, "no block wrote a result");
  }
}

} // namespace mome
