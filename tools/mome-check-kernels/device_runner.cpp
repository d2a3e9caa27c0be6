// See device_runner.h.
#include "tools/mome-check-kernels/device_runner.h"

#include <algorithm>
#include <cstdio>

#include "runtime/error.h"

namespace mome {

std::unique_ptr<DeviceRunner>
DeviceRunner::create(const std::string &variant, const std::string &code,
                     std::vector<Kernel> kernels,
                     const std::vector<std::vector<uint64_t>> &sizes) try {
  auto runner = std::make_unique<DeviceRunner>();
  std::vector<Arena> arenas;
  for (uint32_t k = 0; k < sizes.size(); ++k) {
    Program &program = runner->programs.emplace_back();
    for (uint32_t member = 0; member < kernels[k].group; ++member) {
      Dispatch &dispatch = program.dispatches.emplace_back();
      dispatch.kernel = k;
      for (const uint64_t size : sizes[k]) {
        dispatch.args.push_back({uint32_t(arenas.size()), 0, size});
        arenas.push_back({"buffer", ArenaKind::io, size});
      }
    }
    program.dispatches[0].group = kernels[k].group;
  }
  runner->device = make_device(variant, {});
  runner->device->load(std::as_bytes(std::span(code)), kernels, "the kernels");
  runner->device->allocate(arenas);
  for (const Program &program : runner->programs) {
    runner->device->prepare(program);
  }
  return runner;
} catch (const Error &error) {
  std::fprintf(stderr, "mome-check-kernels: %s\n", error.what());
  return nullptr;
}

bool DeviceRunner::run(size_t kernel, std::span<const std::span<std::byte>> buffers,
                       size_t inputs) try {
  const std::vector<Dispatch> &group = programs[kernel].dispatches;
  const std::vector<Slice> &slices = group.back().args;
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (i >= inputs) {
      std::fill(buffers[i].begin(), buffers[i].end(), std::byte{0xff});
    }
    device->upload(slices[i], buffers[i]);
  }
  device->run(kernel, 0, group.size());
  for (size_t i = inputs; i < buffers.size(); ++i) {
    device->download(slices[i], buffers[i]);
  }
  return true;
} catch (const Error &error) {
  std::fprintf(stderr, "mome-check-kernels: %s\n", error.what());
  return false;
}

} // namespace mome
