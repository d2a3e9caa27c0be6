// Each family registers its own ops, so that NNDialect.cpp need not see their definitions.
#ifndef MOME_DIALECTS_NN_FAMILIES_H
#define MOME_DIALECTS_NN_FAMILIES_H

#include "dialects/NN/NN.h"

namespace mome::nn {
#define NN_FAMILY(NAME) void register##NAME##Ops(NNDialect &dialect);
#include "dialects/NN/Families.def"
} // namespace mome::nn
#endif
