// SIGINT, SIGTERM and SIGUSR1: finish the step, save, exit 130, 143 or 75. A second SIGINT stops at
// once.
#pragma once

namespace mome::train {

/// Installs the handlers for its lifetime.
class SignalGuard {
public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard &) = delete;
  SignalGuard &operator=(const SignalGuard &) = delete;

  /// The signal received since construction, or 0.
  static int received();
  /// The exit code for a signal after saving.
  static int exit_code(int signal);
};

} // namespace mome::train
