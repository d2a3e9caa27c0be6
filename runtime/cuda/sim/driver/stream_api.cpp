// Streams, events, capture into graphs, host functions.
#include <algorithm>

#include "runtime/cuda/sim/driver/entry.h"

using namespace mome::fakecuda;

namespace {

Driver &driver() {
  return Driver::get();
}

template <class Body> CUresult on_stream(const char *name, CUstream handle, Body body) {
  return entry(name, "", [&]() -> CUresult {
    Stream *stream = driver().stream(handle);
    return stream ? body(*stream) : CUDA_ERROR_INVALID_HANDLE;
  });
}

/// A call that no capture allows ends it.
bool breaks_capture(Stream &s) {
  if (s.capture) {
    for (Stream *member : s.capture->streams) {
      member->capture_broken = true;
    }
  }
  return s.capture != nullptr;
}

CUresult create(CUstream *out, unsigned flags) {
  if (!out || flags > CU_STREAM_NON_BLOCKING) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  Device &d = *driver().current();
  auto stream = std::make_unique<Stream>();
  stream->device = &d;
  stream->serial = driver().new_serial();
  stream->id = d.streams.empty() ? 1 : d.streams.back()->id + 1;
  stream->blocking = !(flags & CU_STREAM_NON_BLOCKING);
  *out = reinterpret_cast<CUstream>(stream.get());
  d.streams.push_back(std::move(stream));
  return CUDA_SUCCESS;
}

Event *check_event(CUevent handle) {
  return driver().events.check(handle);
}

CUresult record(Event &e, Stream &s) {
  if (e.device != s.device) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (s.capture) { // marks a point of the capture
    e.capture = s.capture;
    e.nodes.clear();
    for (const Graph::Edge &edge : s.tail) {
      e.nodes.push_back(edge.node);
    }
    e.stream = nullptr;
    return CUDA_SUCCESS;
  }
  Operation op;
  op.what = "event record";
  auto time = std::make_shared<double>(-1);
  op.run = [time] {
    *time = event_clock();
    return CUDA_SUCCESS;
  };
  if (const CUresult r = driver().enqueue(s, std::move(op))) {
    return r;
  }
  e.capture.reset();
  e.stream = &s;
  e.count = s.queued;
  e.known = s.known;
  e.time = time;
  return CUDA_SUCCESS;
}

/// Joins a stream to the capture that the event belongs to.
CUresult join_capture(Stream &s, const Event &e) {
  if (s.capture && s.capture != e.capture) {
    return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  }
  std::vector<bool> &needed = e.capture->needed;
  const size_t wait = needed.size();
  needed.push_back(!s.capture && e.nodes.empty()); // the stream would not be captured
  if (!s.capture) {
    s.capture = e.capture;
    s.capture_broken = false;
    s.tail.clear();
    e.capture->streams.push_back(&s);
  }
  for (const size_t node : e.nodes) {
    if (std::none_of(s.tail.begin(), s.tail.end(), [&](auto &edge) { return edge.node == node; })) {
      s.tail.push_back({node, wait});
    }
  }
  return CUDA_SUCCESS;
}

CUresult wait(Stream &s, const Event &e) {
  if (e.capture) {
    return join_capture(s, e);
  }
  if (s.capture && e.stream) {
    breaks_capture(s);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (!e.stream) {
    return CUDA_SUCCESS;
  }
  Operation op;
  op.what = "event wait";
  op.run = [] { return CUDA_SUCCESS; };
  op.after.push_back({e.stream, e.count});
  op.known = e.known;
  return driver().enqueue(s, std::move(op));
}

/// The nodes that the stream's last ones depend on, and those; `without` leaves out a wait.
std::vector<bool> reached_nodes(const Graph &graph, const Stream &s, size_t without) {
  std::vector<bool> reached(graph.nodes.size());
  std::vector<Graph::Edge> stack = s.tail;
  while (!stack.empty()) {
    const Graph::Edge edge = stack.back();
    stack.pop_back();
    if (reached[edge.node] || (without != 0 && edge.wait == without)) {
      continue;
    }
    reached[edge.node] = true;
    const auto &after = graph.nodes[edge.node].after;
    stack.insert(stack.end(), after.begin(), after.end());
  }
  return reached;
}

CUresult end_capture(Stream &s, CUgraph *out) {
  if (!s.capture) {
    return CUDA_ERROR_ILLEGAL_STATE;
  }
  if (s.capture->origin != &s) {
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  const std::shared_ptr<Graph> graph = s.capture;
  const auto joined = [&](size_t without) {
    const std::vector<bool> reached = reached_nodes(*graph, s, without);
    return std::all_of(graph->streams.begin(), graph->streams.end(), [&](const Stream *member) {
      return member == &s || std::all_of(member->tail.begin(), member->tail.end(),
                                         [&](const auto &edge) { return reached[edge.node]; });
    });
  };
  const bool unjoined = !joined(0);
  for (const Graph::Edge &edge : s.tail) {
    graph->needed[edge.wait] = graph->needed[edge.wait] || !joined(edge.wait);
  }
  bool broken = false;
  for (Stream *member : graph->streams) {
    broken |= member->capture_broken;
  }
  for (Stream *member : graph->streams) {
    member->capture.reset();
    member->tail.clear();
    member->capture_broken = false;
  }
  graph->streams.clear();
  if (out) {
    *out = nullptr;
  }
  if (broken) {
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  }
  if (unjoined) {
    return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  }
  if (out) {
    *out = reinterpret_cast<CUgraph>(driver().graphs.add(new std::shared_ptr<Graph>(graph)));
  }
  return CUDA_SUCCESS;
}

/// Whether anything of the graph is out of order, and with `waits=1` which waits nothing hangs on.
CUresult judge(Graph &graph, const std::vector<Accesses> &accesses) {
  const std::string race = check_graph(graph, accesses);
  if (!race.empty()) {
    std::fprintf(stderr, "libcuda stand-in: %s\n", race.c_str());
    return CUDA_ERROR_LAUNCH_FAILED;
  }
  if (driver().options.waits) {
    const auto superfluous = std::count(graph.needed.begin(), graph.needed.end(), false);
    std::fprintf(stderr, "libcuda stand-in: graph of %zu nodes: %zu waits, %zd superfluous\n",
                 graph.nodes.size(), graph.needed.size() - 1, superfluous);
    for (const Graph::Node &node : graph.nodes) {
      for (const Graph::Edge &edge : node.after) {
        if (!graph.needed[edge.wait]) {
          std::fprintf(stderr, "libcuda stand-in: superfluous: %s waits for %s\n",
                       node.operation.what.c_str(), graph.nodes[edge.node].operation.what.c_str());
        }
      }
    }
  }
  return CUDA_SUCCESS;
}

/// Runs the nodes in a random order that respects the dependencies.
CUresult run_graph(Graph &graph) {
  std::vector<bool> done(graph.nodes.size());
  std::vector<Accesses> accesses(graph.nodes.size());
  for (size_t ran = 0; ran < graph.nodes.size(); ++ran) {
    std::vector<size_t> ready;
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const auto &after = graph.nodes[n].after;
      if (!done[n] &&
          std::all_of(after.begin(), after.end(), [&](auto &edge) { return done[edge.node]; })) {
        ready.push_back(n);
      }
    }
    const size_t n = ready[driver().random() % ready.size()];
    done[n] = true;
    driver().touched = {};
    if (const CUresult r = graph.nodes[n].operation.run()) {
      return r;
    }
    accesses[n] = std::move(driver().touched);
  }
  driver().touched = merged(accesses);
  return driver().options.checks ? judge(graph, accesses) : CUDA_SUCCESS;
}

} // namespace

MOME_EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  return entry("cuStreamCreate", text(flags), [&] { return create(stream, flags); });
}
MOME_EXPORT CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int) {
  return entry("cuStreamCreateWithPriority", text(flags), [&] { return create(stream, flags); });
}
MOME_EXPORT CUresult cuStreamDestroy_v2(CUstream handle) {
  return on_stream("cuStreamDestroy", handle, [&](Stream &s) -> CUresult {
    Device &d = *s.device;
    if (&s == &d.legacy) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    const CUresult result = driver().drain(s, s.queued);
    for (Event *e : driver().events.live) { // its events count as complete
      if (e->stream == &s) {
        e->stream = nullptr;
      }
    }
    for (const auto &other : driver().devices) { // queued work may still point to it
      for (const auto &t : other->streams) {
        for (Operation &op : t->queue) {
          std::erase_if(op.after, [&](const Operation::After &a) { return a.stream == &s; });
        }
      }
    }
    for (const auto &other : driver().devices) {
      for (Operation &op : other->legacy.queue) {
        std::erase_if(op.after, [&](const Operation::After &a) { return a.stream == &s; });
      }
    }
    std::erase_if(d.streams, [&](const auto &p) { return p.get() == &s; });
    return result;
  });
}
MOME_EXPORT CUresult cuStreamSynchronize(CUstream handle) {
  return on_stream("cuStreamSynchronize", handle, [&](Stream &s) -> CUresult {
    if (breaks_capture(s)) {
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return driver().drain(s, s.queued);
  });
}
MOME_EXPORT CUresult cuStreamQuery(CUstream handle) {
  return on_stream("cuStreamQuery", handle, [&](Stream &s) -> CUresult {
    if (breaks_capture(s)) {
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    if (s.idle()) {
      driver().host_waited(s.known);
      return CUDA_SUCCESS;
    }
    // A program that polls makes progress by polling.
    driver().drain(s, s.done + 1);
    if (!s.idle()) {
      return CUDA_ERROR_NOT_READY;
    }
    driver().host_waited(s.known);
    return s.device->sticky;
  });
}
MOME_EXPORT CUresult cuStreamGetCtx(CUstream handle, CUcontext *context) {
  return on_stream("cuStreamGetCtx", handle, [&](Stream &s) {
    *context = reinterpret_cast<CUcontext>(s.device);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuStreamWaitEvent(CUstream handle, CUevent event, unsigned) {
  return on_stream("cuStreamWaitEvent", handle, [&](Stream &s) -> CUresult {
    const Event *e = check_event(event);
    return e ? wait(s, *e) : CUDA_ERROR_INVALID_HANDLE;
  });
}
MOME_EXPORT CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void *data) {
  return on_stream("cuLaunchHostFunc", handle, [&](Stream &s) -> CUresult {
    if (!function) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    Operation op;
    op.what = "host function";
    op.host = true;
    op.run = [=] {
      function(data);
      return CUDA_SUCCESS;
    };
    return driver().enqueue(s, std::move(op));
  });
}
MOME_EXPORT CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback function, void *data,
                                         unsigned) {
  return on_stream("cuStreamAddCallback", handle, [&](Stream &s) -> CUresult {
    Operation op;
    op.what = "callback";
    op.host = true;
    op.run = [=] {
      function(handle, CUDA_SUCCESS, data);
      return CUDA_SUCCESS;
    };
    return driver().enqueue(s, std::move(op));
  });
}

MOME_EXPORT CUresult cuEventCreate(CUevent *event, unsigned flags) {
  return entry("cuEventCreate", text(flags), [&]() -> CUresult {
    if (!event) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    auto *e = new Event;
    e->device = driver().current();
    e->timing = !(flags & CU_EVENT_DISABLE_TIMING);
    *event = reinterpret_cast<CUevent>(driver().events.add(e));
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuEventDestroy_v2(CUevent event) {
  return entry("cuEventDestroy", "", [&]() -> CUresult {
    Event *e = check_event(event);
    return e && driver().events.remove(e) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  });
}
MOME_EXPORT CUresult cuEventRecord(CUevent event, CUstream handle) {
  return on_stream("cuEventRecord", handle, [&](Stream &s) -> CUresult {
    Event *e = check_event(event);
    return e ? record(*e, s) : CUDA_ERROR_INVALID_HANDLE;
  });
}
MOME_EXPORT CUresult cuEventRecordWithFlags(CUevent event, CUstream handle, unsigned) {
  return cuEventRecord(event, handle);
}
MOME_EXPORT CUresult cuEventSynchronize(CUevent event) {
  return entry("cuEventSynchronize", "", [&]() -> CUresult {
    Event *e = check_event(event);
    if (!e || e->capture) {
      return e ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_ERROR_INVALID_HANDLE;
    }
    const CUresult result = e->stream ? driver().drain(*e->stream, e->count) : CUDA_SUCCESS;
    driver().host_waited(e->known);
    return result;
  });
}
MOME_EXPORT CUresult cuEventQuery(CUevent event) {
  return entry("cuEventQuery", "", [&]() -> CUresult {
    Event *e = check_event(event);
    if (!e || e->capture) {
      return e ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_ERROR_INVALID_HANDLE;
    }
    if (e->stream && e->stream->done < e->count) {
      driver().drain(*e->stream, e->stream->done + 1);
      if (e->stream->done < e->count) {
        return CUDA_ERROR_NOT_READY;
      }
    }
    driver().host_waited(e->known);
    return e->device->sticky;
  });
}
MOME_EXPORT CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent begin, CUevent end) {
  return entry("cuEventElapsedTime", "", [&]() -> CUresult {
    const Event *a = check_event(begin), *b = check_event(end);
    if (!a || !b || !a->time || !b->time || !a->timing || !b->timing) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    if (*a->time < 0 || *b->time < 0) {
      return CUDA_ERROR_NOT_READY;
    }
    *milliseconds = float(*b->time - *a->time); // of a clock that counts operations
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuEventElapsedTime(float *milliseconds, CUevent begin, CUevent end) {
  return cuEventElapsedTime_v2(milliseconds, begin, end);
}

MOME_EXPORT CUresult cuStreamBeginCapture_v2(CUstream handle, int) {
  return on_stream("cuStreamBeginCapture", handle, [&](Stream &s) -> CUresult {
    if (s.capture) {
      return CUDA_ERROR_ILLEGAL_STATE;
    }
    if (&s == &s.device->legacy) {
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    s.capture = std::make_shared<Graph>();
    s.capture->origin = &s;
    s.capture->streams.push_back(&s);
    s.capture_broken = false;
    s.tail.clear();
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph) {
  return on_stream("cuStreamEndCapture", handle, [&](Stream &s) { return end_capture(s, graph); });
}
MOME_EXPORT CUresult cuStreamIsCapturing(CUstream handle, int *status) {
  return on_stream("cuStreamIsCapturing", handle, [&](Stream &s) {
    *status = !s.capture ? 0 : s.capture_broken ? 2 : 1;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuThreadExchangeStreamCaptureMode(int *mode) {
  return entry("cuThreadExchangeStreamCaptureMode", "", [&] {
    *mode = 0;
    return CUDA_SUCCESS;
  });
}

MOME_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph handle,
                                                 unsigned long long) {
  return entry("cuGraphInstantiate", "", [&]() -> CUresult {
    auto *graph = driver().graphs.check(handle);
    if (!graph || !out) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    *out = reinterpret_cast<CUgraphExec>(driver().executables.add(new Graph(**graph)));
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec *out, CUgraph graph, CUgraphNode *, char *,
                                           size_t) {
  return cuGraphInstantiateWithFlags(out, graph, 0);
}
MOME_EXPORT CUresult cuGraphUpload(CUgraphExec, CUstream) {
  return entry("cuGraphUpload", "", [] { return CUDA_SUCCESS; });
}
MOME_EXPORT CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream) {
  return on_stream("cuGraphLaunch", stream, [&](Stream &s) -> CUresult {
    Graph *graph = driver().executables.check(handle);
    if (!graph) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    Operation op;
    op.what = "graph of " + text(graph->nodes.size()) + " nodes";
    op.run = [copy = std::make_shared<Graph>(*graph)] { return run_graph(*copy); };
    return driver().enqueue(s, std::move(op));
  });
}
MOME_EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graph_handle,
                                          CUgraphExecUpdateResultInfo *info) {
  return entry("cuGraphExecUpdate", "", [&]() -> CUresult {
    Graph *executable = driver().executables.check(handle);
    auto *graph = driver().graphs.check(graph_handle);
    if (!executable || !graph) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    bool same = executable->nodes.size() == (*graph)->nodes.size();
    for (size_t n = 0; same && n < executable->nodes.size(); ++n) {
      same = executable->nodes[n].after == (*graph)->nodes[n].after;
    }
    if (info) {
      *info = {same ? 0 : 2, nullptr, nullptr}; // 2: the topology changed
    }
    if (!same) {
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
    *executable = **graph;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode *, size_t *count) {
  return entry("cuGraphGetNodes", "", [&]() -> CUresult {
    auto *graph = driver().graphs.check(handle);
    if (!graph || !count) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    *count = (*graph)->nodes.size();
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuGraphExecDestroy(CUgraphExec handle) {
  return entry("cuGraphExecDestroy", "", [&]() -> CUresult {
    Graph *graph = driver().executables.check(handle);
    return graph && driver().executables.remove(graph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  });
}
MOME_EXPORT CUresult cuGraphDestroy(CUgraph handle) {
  return entry("cuGraphDestroy", "", [&]() -> CUresult {
    auto *graph = driver().graphs.check(handle);
    return graph && driver().graphs.remove(graph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  });
}
