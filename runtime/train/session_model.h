// A compiled package as a Model: the seam between the training loop and the executor.
#pragma once

#include <filesystem>
#include <memory>

#include "runtime/session.h"
#include "runtime/train/model.h"

namespace mome::train {

/// The package's tables; entries only when a variant is given.
ModelInfo describe_package(const Package &package, const Variant *variant = nullptr);

class SessionModel : public Model {
public:
  explicit SessionModel(std::shared_ptr<const Package> package, const SessionOptions &options = {});

  const ModelInfo &info() const override { return meta; }
  void read(size_t tensor, std::span<std::byte> to) override { session.read(tensor, to); }
  void write(size_t tensor, std::span<const std::byte> from) override {
    session.write(tensor, from);
  }
  void zero(size_t tensor) override { session.zero(tensor); }
  void set_scalar(size_t scalar, double value) override { session.set_scalar(scalar, value); }
  void run(const ModelEntry &entry) override { session.run(entry.name); }
  void start(const ModelEntry &entry) override { session.start(entry.name); }
  void finish() override { session.finish(); }
  bool stage(size_t tensor, std::span<const std::byte> from) override {
    return session.stage(tensor, from);
  }
  void commit() override { session.commit(); }
  Session &get_session() { return session; }
  uint64_t memory_bytes() const override { return session.variant().arena_bytes(); }

private:
  Session session;
  ModelInfo meta;
};

} // namespace mome::train
