// The memory of one simulated device: an exact map of allocations.
//
// Device addresses are not host addresses: they start at 64 GiB in a range that the host never maps
// (a host that dereferences one faults), have a gap after each allocation, and are never used
// again, so that a stale pointer is known as such. Each byte has an "initialised" flag; each word
// of four bytes has two shadow cells for the race checker (race.h). Host memory that devices may
// reach is registered under its own address.
//
// Not thread-safe: the caller serialises changes against launches; a launch only reads the map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mome::ptxsim {

/// Windows of the generic address space; everything below them is global.
constexpr uint64_t shared_window = uint64_t{1} << 52, local_window = uint64_t{1} << 53,
                   param_window = uint64_t{1} << 54, window_mask = (uint64_t{1} << 52) - 1;

/// What a launch or a copy touched, as disjoint ranges [begin, end) in ascending order.
struct Accesses {
  std::vector<std::pair<uint64_t, uint64_t>> reads, writes;
};

struct Allocation {
  uint64_t base = 0, size = 0;
  std::byte *host = nullptr;
  uint8_t *initialized = nullptr; // 1 per initialised byte (blocks run in parallel); null: all are
  uint64_t *writers = nullptr, *readers = nullptr; // a cell per 4 bytes; null: not checked
  uint8_t *touched = nullptr; // 1 per 4 KiB whose cells changed since take_accesses()
  bool read_only = false, freed = false, owned = true;
  std::string name; // "variable table", or empty

  bool contains(uint64_t address) const { return address - base < size; }
};

class Memory {
public:
  Memory();
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  /// Filled with 0xFF, uninitialised. Throws std::bad_alloc.
  uint64_t allocate(uint64_t size, uint64_t align = 256, std::string name = {});
  /// Makes host memory reachable under its own address; it counts as initialised.
  void add_host(void *memory, uint64_t size);
  /// False when nothing that lives begins there.
  bool release(uint64_t address);

  /// The allocation around `address`, freed ones included; null for none.
  const Allocation *find(uint64_t address) const;
  Allocation *find(uint64_t address) {
    return const_cast<Allocation *>(static_cast<const Memory *>(this)->find(address));
  }
  /// Host pointer to [address, address + size), or null when that is not inside one living
  /// allocation.
  std::byte *host(uint64_t address, uint64_t size) const;
  /// Marks [address, address + size) as initialised, or not.
  void mark(uint64_t address, uint64_t size, bool initialized);
  /// The first uninitialised address in the range, or UINT64_MAX.
  uint64_t first_uninitialized(uint64_t address, uint64_t size) const;
  uint64_t used() const { return bytes; }
  /// Lets kernels of this device reach the memory of another.
  void add_peer(Memory &other) { peers.push_back(&other); }
  void remove_peer(Memory &other) { std::erase(peers, &other); }
  /// Where an address outside every allocation lies: "16 bytes after an allocation of 4096".
  std::string describe(uint64_t address) const;
  /// A number for the shadow cells of a launch, 1 to 255; at the wrap old cells are cleared.
  uint32_t next_launch();
  /// All bytes of this device's memory and which of them are initialised; to put them back later.
  struct Contents;
  Contents save() const;
  void restore(const Contents &contents);
  /// What the latest launch touched of this device's memory, in whole words; asked once after every
  /// launch, or never. Needs the race checker.
  Accesses take_accesses();

private:
  const Allocation *find_own(uint64_t address) const;
  std::map<uint64_t, Allocation> allocations; // by base
  std::vector<const Memory *> peers;
  uint64_t next, bytes = 0;
  uint32_t launch = 0;
};

struct Memory::Contents {
  struct Part {
    uint64_t base;
    std::vector<std::byte> bytes;
    std::vector<uint8_t> initialized;
  };
  std::vector<Part> parts;
};

} // namespace mome::ptxsim
