#include "runtime/cuda/model/work.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <sys/mman.h>
#include <utility>

#include "runtime/cuda/sim/load.h"
#include "runtime/cuda/sim/ptx.h"
#include "runtime/cuda/sim/simulate.h"
#include "runtime/error.h"

namespace mome::cuda {
namespace {

using ptxsim::Counters;
using ptxsim::Kind;

/// Mean blocks are taken of so many.
constexpr uint64_t samples = 4;

/// Zero pages, given by the system when touched; known to a simulated device.
class Pages {
public:
  Pages(ptxsim::Memory &memory, uint64_t bytes) : bytes(std::max<uint64_t>(bytes, 16)) {
    at = ::mmap(nullptr, this->bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
      throw std::bad_alloc();
    }
    memory.add_host(at, this->bytes);
  }
  Pages(Pages &&other) noexcept : at(std::exchange(other.at, MAP_FAILED)), bytes(other.bytes) {}
  ~Pages() {
    if (at != MAP_FAILED) {
      ::munmap(at, bytes);
    }
  }
  uint64_t address() const { return reinterpret_cast<uint64_t>(at); }

private:
  void *at = MAP_FAILED;
  uint64_t bytes;
};

Work read(const Counters &c) {
  const auto of = [&](Kind kind) { return double(c.warp_instructions[size_t(kind)]); };
  Work w;
  w.instructions = double(c.total_warp_instructions()) - of(Kind::move);
  w.fp32 = of(Kind::float32) + of(Kind::half);
  w.fp64 = of(Kind::float64);
  w.integer = of(Kind::integer) + of(Kind::predicate) + of(Kind::convert);
  w.special = of(Kind::special_function);
  w.flops = double(c.flops);
  w.tensor_flops = double(c.tensor_flops);
  w.tf32_flops = double(c.tf32_flops);
  w.wgmma_flops = double(c.wgmma_flops);
  w.shared_wavefronts = double(c.shared_wavefronts);
  w.shared_ideal = double(c.shared_ideal);
  w.global_requests = double(c.load_requests + c.store_requests);
  w.lines = double(c.global_lines);
  w.sectors = double(c.block_sectors);
  w.waited_loads = of(Kind::load_global);
  w.barriers = of(Kind::barrier);
  return w;
}

constexpr double Work::*fields[] = {
    &Work::instructions,    &Work::fp32,         &Work::fp64,         &Work::integer,
    &Work::special,         &Work::flops,        &Work::tensor_flops, &Work::shared_wavefronts,
    &Work::global_requests, &Work::lines,        &Work::sectors,      &Work::waited_loads,
    &Work::barriers,        &Work::shared_ideal, &Work::tf32_flops,   &Work::wgmma_flops,
};

void add(Work &to, const Work &from, double times) {
  for (double Work::*field : fields) {
    to.*field += times * from.*field;
  }
}

/// The words of a launch's parameters, with buffers behind those that are pointers: of all rows, where the function
/// takes a table.
class Parameters {
public:
  Parameters(ptxsim::Memory &memory, const std::vector<Argument> &arguments) {
    for (const Argument &argument : arguments) {
      uint64_t &word = words.emplace_back(0);
      if (const auto *buffer = std::get_if<Buffer>(&argument)) {
        word = pages.emplace_back(memory, buffer->bytes).address();
        bytes.push_back(double(buffer->bytes));
      } else if (const auto *integer = std::get_if<uint32_t>(&argument)) {
        word = *integer;
      } else {
        word = std::bit_cast<uint32_t>(std::get<float>(argument));
      }
    }
  }
  std::vector<std::byte> pack(const ptxsim::Program &program) const {
    return ptxsim::pack_params(program, words);
  }
  bool are_table_of(const ptxsim::Program &program) const {
    return program.params.size() == 1 && words.size() > 1;
  }
  /// What a mean row's buffers give and take, when all rows touch so many sectors by buffer.
  std::vector<BufferUse> buffers(const std::map<uint64_t, double> &sectors, size_t rows) const {
    std::vector<BufferUse> uses(pages.size() / rows);
    for (size_t i = 0; i < uses.size() * rows; ++i) {
      BufferUse &use = uses[i % uses.size()];
      const auto touched = sectors.find(pages[i].address());
      use.bytes += bytes[i] / double(rows);
      use.sectors += touched == sectors.end() ? 0 : touched->second / double(rows);
    }
    return uses;
  }

private:
  std::vector<Pages> pages;
  std::vector<double> bytes; // of these
  std::vector<uint64_t> words;
};

Work count_blocks(const std::shared_ptr<const ptxsim::Module> &module, const LaunchShape &shape,
                  const std::vector<Argument> &arguments) {
  ptxsim::Memory memory;
  const Parameters parameters(memory, arguments);
  const ptxsim::Symbols symbols = ptxsim::load_variables(*module, memory);
  const ptxsim::Program program = ptxsim::decode(module, shape.function, symbols);
  const std::vector<std::byte> params = parameters.pack(program);
  ptxsim::Launch launch;
  launch.grid = {shape.grid[0], shape.grid[1], 1};
  launch.block = {shape.block[0], shape.block[1], 1};
  launch.dynamic_shared = shape.shared;
  launch.params = params;
  launch.checks = {false, false, false};
  launch.count_buffers = true;
  Work work;
  std::map<uint64_t, double> sectors; // by buffer
  const auto count = [&](std::vector<uint64_t> blocks, double times) {
    launch.only_blocks = std::move(blocks);
    const ptxsim::Report report = ptxsim::simulate(program, memory, launch);
    if (!report.ok()) {
      throw Error(Exit::device, shape.function, report.faults[0].message);
    }
    add(work, read(report.counters), times);
    for (const auto &[base, touched] : report.buffer_sectors) {
      sectors[base] += times * double(touched);
    }
  };
  const uint64_t blocks = shape.blocks();
  if (blocks <= samples + 2) {
    std::vector<uint64_t> all(blocks);
    std::iota(all.begin(), all.end(), 0);
    count(std::move(all), 1);
  } else {
    count({0, blocks - 1}, 1);
    std::vector<uint64_t> between;
    for (uint64_t i = 1; i <= samples; ++i) {
      between.push_back(blocks * i / (samples + 1));
    }
    count(std::move(between), double(blocks - 2) / samples);
  }
  const size_t rows = parameters.are_table_of(program) ? shape.grid[1] : 1;
  work.rows = double(rows);
  work.buffers = parameters.buffers(sectors, rows);
  return work;
}

} // namespace

WorkCounter::WorkCounter(std::string ptx, std::string &problem) {
  try {
    module = std::make_shared<const ptxsim::Module>(ptxsim::parse(std::move(ptx), "the PTX"));
  } catch (const std::exception &error) {
    problem = error.what();
  }
}

std::optional<Work> WorkCounter::count(const LaunchShape &launch,
                                       const std::vector<Argument> &arguments,
                                       std::string &problem) const {
  try {
    return count_blocks(module, launch, arguments);
  } catch (const std::exception &error) {
    problem = error.what();
    return std::nullopt;
  }
}

} // namespace mome::cuda
