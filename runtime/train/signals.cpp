#include "runtime/train/signals.h"

#include <array>
#include <csignal>
#include <unistd.h>

namespace mome::train {
namespace {

constexpr std::array watched = {SIGINT, SIGTERM, SIGUSR1};
volatile std::sig_atomic_t pending = 0;
std::array<struct sigaction, watched.size()> previous;

void handle(int signal) {
  if (signal == SIGINT && pending == SIGINT) {
    _exit(130);
  }
  pending = signal;
}

} // namespace

SignalGuard::SignalGuard() {
  pending = 0;
  struct sigaction action{};
  action.sa_handler = handle;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < watched.size(); ++i) {
    sigaction(watched[i], &action, &previous[i]);
  }
}

SignalGuard::~SignalGuard() {
  for (size_t i = 0; i < watched.size(); ++i) {
    sigaction(watched[i], &previous[i], nullptr);
  }
}

int SignalGuard::received() {
  return pending;
}

int SignalGuard::exit_code(int signal) {
  return signal == SIGUSR1 ? 75 : 128 + signal;
}

} // namespace mome::train
