// Arena colouring: which bytes of the work arena each value of a straight-line program gets.
//
// A value lives from the dispatch that writes it to the last one that reads it. Two values may
// share bytes unless their lives overlap. Giving every value an interval of bytes so that
// overlapping lives get disjoint bytes, with the smallest arena, is interval-graph colouring with
// weights ("dynamic storage allocation", NP-hard). Without weights a sweep in order of birth is
// optimal; with weights, placing the large values first is what works: small ones fit the holes
// that the large ones leave, not the other way around. A value goes into the smallest hole that holds
// it, or into the lowest: neither is always better, so both are tried.
//
// Example (sizes in units of 64 bytes; lives in dispatch numbers, both ends included):
//
//      value  size  life         time 0 1 2 3          placed by size, each in the smallest hole
//      that fits it
//        a      4   0..1              a a              a: nothing is placed       -> [0, 4)
//        b      2   1..2                b b            c: a is dead at 2          -> [0, 3)
//        c      3   2..3                  c c          b: meets a (0..4), c (0..3)-> [4, 6)
//        d      1   3..3                    d          d: meets c (0..3)          -> [3, 4)
//
// At time 1 the live values need 4 + 2 = 6, so no plan is smaller: `lowerBound` says so, and the
// packing reaches it.
//
// Between equals the earlier birth, then the order of the list decides: the plan depends on nothing
// else.
#ifndef MOME_PASSES_ARENACOLORING_H
#define MOME_PASSES_ARENACOLORING_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>

namespace mome {

struct Lifetime {
  int64_t first, last; // dispatch numbers, both included
  int64_t size;        // bytes
};

struct Packing {
  llvm::SmallVector<int64_t> offsets; // one per lifetime
  int64_t peak = 0;                   // bytes of the arena that are touched
};

/// Packs the lifetimes; every offset is a multiple of `alignment`.
Packing packArena(llvm::ArrayRef<Lifetime> lifetimes, int64_t alignment);

/// The largest number of bytes live at one time: no packing is smaller.
int64_t lowerBound(llvm::ArrayRef<Lifetime> lifetimes, int64_t alignment);

} // namespace mome
#endif
