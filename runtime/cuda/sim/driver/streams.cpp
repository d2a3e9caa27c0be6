// Queues and the order in which they drain; entry points' common path.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "runtime/cuda/sim/driver/driver.h"
#include "runtime/cuda/sim/driver/entry.h"

namespace mome::fakecuda {

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

Driver::Driver() {
  std::string problem;
  options = read_options(std::getenv("MOME_FAKECUDA"), problem);
  if (!problem.empty()) {
    std::fprintf(stderr, "MOME_FAKECUDA: %s\n", problem.c_str());
    std::exit(2);
  }
  random_state = options.seed;
  if (!options.trace.empty()) {
    trace = std::fopen(options.trace.c_str(), "w");
  }
  for (int d = 0; d < options.devices; ++d) {
    auto device = std::make_unique<Device>();
    device->index = d;
    device->model = options.models[std::min(size_t(d), options.models.size() - 1)];
    const auto &bytes = options.memory;
    device->total =
        bytes.empty() ? device->model->memory : bytes[std::min(size_t(d), bytes.size() - 1)];
    device->legacy.device = device.get();
    device->legacy.serial = new_serial();
    device->pool.device = device.get();
    devices.push_back(std::move(device));
  }
}

Driver &Driver::get() {
  static Driver *driver = new Driver; // never destroyed: programs call at exit
  return *driver;
}

uint64_t Driver::random() {
  random_state += 0x9e3779b97f4a7c15;
  uint64_t x = random_state;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

double event_clock() {
  return Driver::get().now;
}
CUresult injected_kernel_failure() {
  return Driver::get().injected("kernel");
}

CUresult Driver::injected(const std::string &name) {
  const uint64_t number = ++calls[name];
  for (const Options::Failure &f : options.failures) {
    if (f.call == name && f.number == number) {
      return f.result;
    }
  }
  return CUDA_SUCCESS;
}

bool Driver::dropped(const std::string &name) const {
  const auto count = calls.find(name);
  return count != calls.end() &&
         std::any_of(options.drops.begin(), options.drops.end(), [&](const auto &drop) {
           return drop.first == name && drop.second == count->second;
         });
}

void Driver::touch(uint64_t address, uint64_t size, bool write) {
  if (size > 0 && (owner(address) || pinned(reinterpret_cast<const void *>(address), size))) {
    (write ? touched.writes : touched.reads).emplace_back(address, address + size);
  }
}

CUresult Driver::call(const char *name, const std::string &arguments, bool needs_context,
                      const std::function<CUresult()> &body) {
  const std::lock_guard lock(mutex);
  CUresult result = injected(name);
  if (result == CUDA_SUCCESS && needs_context) {
    const Device *device = current();
    result = !initialized ? CUDA_ERROR_NOT_INITIALIZED
             : !device    ? CUDA_ERROR_INVALID_CONTEXT
                          : device->sticky;
  }
  if (result == CUDA_SUCCESS && !dropped(name)) {
    try {
      result = body();
    } catch (const std::bad_alloc &) {
      result = CUDA_ERROR_OUT_OF_MEMORY;
    }
  }
  if (trace) {
    std::fprintf(trace, "%s(%s)%s\n", name, arguments.c_str(),
                 result ? (" = " + std::to_string(result)).c_str() : "");
    std::fflush(trace);
  }
  return result;
}

Stream *Driver::stream(CUstream handle) {
  Device *device = current();
  if (!device) {
    return nullptr;
  }
  if (handle == nullptr || handle == CU_STREAM_LEGACY || handle == CU_STREAM_PER_THREAD) {
    return &device->legacy;
  }
  for (const auto &d : devices) {
    for (const auto &s : d->streams) {
      if (s.get() == reinterpret_cast<Stream *>(handle)) {
        return s.get();
      }
    }
  }
  return nullptr;
}

std::vector<Stream *> Driver::all_streams() {
  std::vector<Stream *> all;
  for (const auto &d : devices) {
    all.push_back(&d->legacy);
    for (const auto &s : d->streams) {
      all.push_back(s.get());
    }
  }
  return all;
}

CUresult Driver::enqueue(Stream &s, Operation operation) {
  if (s.capture) {
    if (s.capture_broken) {
      return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    }
    s.capture->nodes.push_back({std::move(operation), s.tail});
    s.tail = {{s.capture->nodes.size() - 1, 0}};
    return CUDA_SUCCESS;
  }
  Device &device = *s.device;
  if (device.sticky) {
    return device.sticky;
  }
  // The legacy stream and blocking streams wait for each other.
  if (&s == &device.legacy) {
    for (const auto &other : device.streams) {
      if (other->blocking && other->capture) {
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
      }
      if (other->blocking && !other->idle()) {
        operation.after.push_back({other.get(), other->queued});
        join(operation.known, other->known);
      }
    }
  } else if (s.blocking && !device.legacy.idle()) {
    operation.after.push_back({&device.legacy, device.legacy.queued});
    join(operation.known, device.legacy.known);
  }
  join(operation.known, host_known);
  join(operation.known, s.known);
  operation.known[s.serial] = ++s.queued;
  s.known = operation.known;
  s.queue.push_back(std::move(operation));
  return options.eager ? drain(s, s.queued) : CUDA_SUCCESS;
}

bool Driver::runnable(const Stream &s) const {
  if (s.queue.empty() || s.busy) {
    return false;
  }
  const auto &after = s.queue.front().after;
  return std::all_of(after.begin(), after.end(),
                     [](const Operation::After &a) { return a.stream->done >= a.count; });
}

/// The streams that must move before `count` operations of `s` are done.
bool Driver::mark_needed(Stream &s, uint64_t count, std::set<Stream *> &needed) const {
  if (s.done >= count || !needed.insert(&s).second) {
    return true;
  }
  for (size_t i = 0; i < s.queue.size() && s.done + i < count; ++i) {
    for (const Operation::After &a : s.queue[i].after) {
      mark_needed(*a.stream, a.count, needed);
    }
  }
  return true;
}

void Driver::run_one(Stream &s) {
  Operation operation = std::move(s.queue.front());
  s.queue.pop_front();
  now += 0.001;
  if (trace) {
    std::fprintf(trace, "  run %s on device %d stream %d\n", operation.what.c_str(),
                 s.device->index, s.id);
    std::fflush(trace);
  }
  s.busy = true;
  if (operation.host) {
    mutex.unlock();
  }
  // After an error nothing of the device runs any more, but its queues still empty.
  touched = {};
  CUresult result = s.device->sticky ? CUDA_SUCCESS : operation.run();
  if (operation.host) {
    mutex.lock();
  }
  if (options.checks && result == CUDA_SUCCESS) {
    const Use now{s.serial, s.done + 1, std::make_shared<const std::string>(operation.what)};
    const std::string race = checker.check(now, operation.known, touched);
    if (!race.empty()) {
      std::fprintf(stderr, "libcuda stand-in: %s\n", race.c_str());
      result = CUDA_ERROR_LAUNCH_FAILED;
    }
  }
  s.busy = false;
  ++s.done;
  if (result) {
    fail_device(*s.device, result);
  }
}

CUresult Driver::fail_device(Device &device, CUresult error) {
  if (device.sticky == CUDA_SUCCESS) {
    device.sticky = error;
  }
  return error;
}

CUresult Driver::drain(Stream &s, uint64_t count) {
  while (s.done < count) {
    std::set<Stream *> needed;
    mark_needed(s, count, needed);
    std::vector<Stream *> must, may;
    for (Stream *other : all_streams()) {
      if (runnable(*other)) {
        (needed.count(other) ? must : may).push_back(other);
      }
    }
    if (must.empty()) {
      const bool elsewhere =
          std::any_of(needed.begin(), needed.end(), [](Stream *n) { return n->busy; });
      if (!elsewhere) {
        return CUDA_ERROR_LAUNCH_TIMEOUT; // cannot happen: dependencies point backwards
      }
      mutex.unlock(); // another thread runs it
      mutex.lock();
      continue;
    }
    // Work that nobody waits for goes first now and then.
    const bool aside = !may.empty() && random() % 4 == 0;
    std::vector<Stream *> &from = aside ? may : must;
    run_one(*from[random() % from.size()]);
  }
  if (count == s.queued) {
    host_waited(s.known);
  }
  return s.device->sticky;
}

CUresult Driver::drain_device(Device &device) {
  CUresult result = drain(device.legacy, device.legacy.queued);
  for (const auto &s : device.streams) {
    const CUresult one = drain(*s, s->queued);
    result = result ? result : one;
  }
  return result ? result : device.sticky;
}

Device *Driver::owner(uint64_t address) {
  for (const auto &d : devices) {
    const ptxsim::Allocation *a = d->memory.find(address);
    if (a && a->owned) {
      return d.get();
    }
  }
  return nullptr;
}

bool Driver::pinned(const void *host, uint64_t size) const {
  const uint64_t begin = reinterpret_cast<uint64_t>(host);
  return std::any_of(host_ranges.begin(), host_ranges.end(), [&](const auto &r) {
    return begin >= r.first && begin + size <= r.first + r.second;
  });
}

std::byte *Driver::bytes(uint64_t address, uint64_t size) {
  for (const auto &d : devices) {
    if (std::byte *host = d->memory.host(address, size)) {
      return host;
    }
  }
  return nullptr;
}

CUresult result_of(ptxsim::FaultKind kind) {
  using ptxsim::FaultKind;
  switch (kind) {
  case FaultKind::out_of_bounds:
  case FaultKind::use_after_free:
  case FaultKind::read_only:
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  case FaultKind::misaligned:
    return CUDA_ERROR_MISALIGNED_ADDRESS;
  case FaultKind::trap:
    return CUDA_ERROR_ASSERT;
  case FaultKind::budget:
  case FaultKind::deadlock:
    return CUDA_ERROR_LAUNCH_TIMEOUT;
  default:
    return CUDA_ERROR_LAUNCH_FAILED;
  }
}

} // namespace mome::fakecuda
