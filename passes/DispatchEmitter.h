// Makes dispatches of the groups that nn-fuse-dispatches formed (Grouping.h).
//
//   %h = nn.linear %x, %w            %y, %s = nn.dispatch(%x, %w) {
//   %y = nn.gelu %h           ->       nn.linear, nn.gelu, nn.reduce_sum    copies, in program order
//   %s = nn.reduce_sum %y            }                                      results: what is read outside
#ifndef MOME_PASSES_DISPATCHEMITTER_H
#define MOME_PASSES_DISPATCHEMITTER_H

#include "passes/Grouping.h"

namespace mome {

/// Replaces the groups by dispatches, each after what it reads. Constants that they read get copies
/// inside. Afterwards the grouping is out of date.
void emitDispatches(const Grouping &grouping);

} // namespace mome
#endif
