// The stand-in driver's state: devices, contexts, modules, streams, events, graphs.
//
// Streams are lazy: work is queued and nothing runs until a synchronising call forces it. Then
// queues are drained one operation at a time in an order by the seed, restricted only by what the
// API promises: the order within a stream, events, and the legacy default stream. Streams that
// nobody waits for may run ahead or stay behind. So a program that misses a dependency computes
// something else for some seed.
//
// One lock guards everything; it is released while a host function runs.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "runtime/cuda/driver_abi.h"
#include "runtime/cuda/sim/driver/order.h"
#include "runtime/cuda/sim/load.h"
#include "runtime/cuda/sim/simulate.h"

namespace mome::fakecuda {

using namespace mome::cuda;

/// Real limits of a device.
struct Model {
  const char *key, *name;
  int major, minor, multiprocessors, threads_per_multiprocessor, blocks_per_multiprocessor;
  int shared_per_multiprocessor, shared_optin, l2_bytes, clock_khz, memory_khz, bus_bits;
  uint64_t memory;
};
const Model *find_model(const std::string &key);

/// MOME_FAKECUDA="devices=2,model=h100,seed=7,trace=/tmp/api.txt,fail=cuMemAlloc:3:2,..."
struct Options {
  int devices = 1;
  std::vector<const Model *> models; // of each device, the last for all others
  std::vector<uint64_t> memory;      // likewise; empty: the model's
  bool peers = true;                 // devices reach each other's memory
  uint64_t seed = 0;
  std::string trace;
  bool checks = true, perturb = false, strict_free = false, eager = false;
  bool waits = false;    // say of every graph how many waits nothing hangs on
  bool barriers = false; // try every function without each of its barriers
  int threads = 0;
  uint64_t budget = 0;
  struct Failure {
    std::string call; // without version suffix; "kernel": the execution of a launch
    uint64_t number;  // counted from 1
    CUresult result;
  };
  std::vector<Failure> failures;
  std::vector<std::pair<std::string, uint64_t>> drops; // calls that do nothing, as `failures`
};
Options read_options(const char *text, std::string &problem);

struct Stream;
struct Graph;

/// One thing that a stream does.
struct Operation {
  std::string what; // for the trace
  std::function<CUresult()> run;
  bool host = false; // runs without the lock
  struct After {
    Stream *stream;
    uint64_t count; // operations of that stream that must be done
  };
  std::vector<After> after;
  Clock known; // what is done when it starts, and itself (order.h)
};

struct Device;

struct Stream {
  Device *device = nullptr;
  int id = 0;          // 0: the legacy default stream
  uint64_t serial = 0; // no two streams of a process have the same
  Clock known;         // what its next operation knows
  bool blocking = true;
  bool busy = false; // an operation of it runs right now
  std::deque<Operation> queue;
  uint64_t queued = 0, done = 0;
  // While a capture goes on:
  std::shared_ptr<Graph> capture;
  struct Edge {
    size_t node;
    size_t wait; // the wait for an event that it comes from; 0: the order of the stream
    bool operator==(const Edge &) const = default;
  };
  std::vector<Edge> tail; // nodes that the next one depends on
  bool capture_origin = false, capture_broken = false;

  bool idle() const { return done == queued; }
};

struct Graph {
  using Edge = Stream::Edge;
  struct Node {
    Operation operation;
    std::vector<Edge> after;
  };
  std::vector<Node> nodes;
  std::vector<bool> needed{true}; // of each wait: something goes wrong without it
  Stream *origin = nullptr;
  std::vector<Stream *> streams;
};

struct Event {
  Device *device = nullptr;
  bool timing = true;
  Stream *stream = nullptr; // of the latest record; null: never recorded
  uint64_t count = 0;
  std::shared_ptr<double> time; // of the latest completed record, milliseconds
  Clock known; // of the latest record
  std::shared_ptr<Graph> capture;
  std::vector<size_t> nodes;
};

struct Module {
  Device *device = nullptr;
  std::shared_ptr<const ptxsim::Module> ptx;
  ptxsim::Symbols symbols;
  std::vector<std::unique_ptr<struct Function>> functions;
};

struct Function {
  Module *module = nullptr;
  ptxsim::Program program;
  int max_dynamic_shared = 0; // set by cuFuncSetAttribute beyond 48 KiB
};

struct Pool {
  Device *device = nullptr;
  uint64_t release_threshold = 0, used = 0, high = 0;
};

/// A device with its primary context.
struct Device {
  int index = 0;
  const Model *model = nullptr;
  uint64_t total = 0;
  ptxsim::Memory memory;
  int retained = 0;
  CUresult sticky = CUDA_SUCCESS;
  Stream legacy;
  std::vector<std::unique_ptr<Stream>> streams;
  std::set<int> peers;
  Pool pool;
};

/// What a handle points to must be one of ours.
template <class T> struct Handles {
  std::set<T *> live;
  T *check(const void *handle) const {
    T *object = static_cast<T *>(const_cast<void *>(handle));
    return live.count(object) ? object : nullptr;
  }
  T *add(T *object) {
    live.insert(object);
    return object;
  }
  bool remove(T *object) {
    if (!live.erase(object)) {
      return false;
    }
    delete object;
    return true;
  }
};

class Driver {
public:
  Driver();
  static Driver &get();

  std::recursive_mutex mutex;
  Options options;
  bool initialized = false;
  std::vector<std::unique_ptr<Device>> devices;
  Handles<Module> modules;
  Handles<Event> events;
  Handles<Graph> executables;
  Handles<std::shared_ptr<Graph>> graphs;
  std::vector<std::pair<uint64_t, uint64_t>> host_ranges; // pinned: begin, size

  /// Every entry point goes through here: trace, injected failures, sticky errors.
  CUresult call(const char *name, const std::string &arguments, bool needs_context,
                const std::function<CUresult()> &body);

  Device *current();               // of the calling thread; null: none
  Stream *stream(CUstream handle); // null: no such stream
  bool pinned(const void *host, uint64_t size) const;
  Device *owner(uint64_t address); // of device memory; null: none
  /// Host bytes behind a device or pinned host address; null: outside.
  std::byte *bytes(uint64_t address, uint64_t size);

  /// Adds work to a stream, or to the graph that it is being captured into.
  CUresult enqueue(Stream &stream, Operation operation);
  /// Runs what must be done before `count` operations of the stream are.
  CUresult drain(Stream &stream, uint64_t count);
  CUresult drain_device(Device &device);
  CUresult fail_device(Device &device, CUresult error);
  uint64_t random();
  /// The result to fail this call with, if options say so; counts calls.
  CUresult injected(const std::string &name);
  /// True if options say that the call that injected() counted last does nothing.
  bool dropped(const std::string &name) const;

  /// Pinned memory is given back: what comes to its place knows nothing of it.
  void forget(uint64_t address, uint64_t size) { checker.forget(address, size); }

  /// The host has waited for all that `known` says.
  void host_waited(const Clock &known) { join(host_known, known); }
  uint64_t new_serial() { return ++serials; }
  /// What the operation that runs right now has touched.
  Accesses touched;
  std::set<std::string> tried; // functions, by their text (barriers.cpp)
  /// Adds a range of device or pinned memory to `touched`.
  void touch(uint64_t address, uint64_t size, bool write);

private:
  uint64_t random_state = 0;
  std::map<std::string, uint64_t> calls;
  std::FILE *trace = nullptr;
  double now = 0; // of events: one per operation
  Clock host_known;
  uint64_t serials = 0;
  StreamChecker checker;

  bool runnable(const Stream &stream) const;
  bool mark_needed(Stream &stream, uint64_t count, std::set<Stream *> &needed) const;
  void run_one(Stream &stream);
  std::vector<Stream *> all_streams();
  friend double event_clock();
};

double event_clock();
CUresult injected_kernel_failure();
/// The result code of a fault in a kernel.
CUresult result_of(ptxsim::FaultKind kind);

struct LaunchShape {
  uint32_t grid[3], block[3], shared;
};
CUresult launch(Device &device, Stream &stream, Function &function, const LaunchShape &shape,
                void **params, void **extra);

struct Copy {
  uint64_t to, from, size;
  bool to_host = false, from_host = false;
};
/// Queues a copy on a stream; `synchronous` waits for it.
CUresult copy(const Copy &c, CUstream stream_handle, bool synchronous);
std::string describe(const Copy &c);

Device *device_at(CUdevice index); // null: none
Device *device_of(CUcontext context);

/// With `barriers=1`, before a launch (barriers.cpp).
void try_without_barriers(Device &device, const ptxsim::Program &program,
                          const ptxsim::Launch &launch);

std::string hex(uint64_t value);

} // namespace mome::fakecuda
