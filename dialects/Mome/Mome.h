// The `mome` dialect: what a model is. See MomeBase.td.
#ifndef MOME_DIALECTS_MOME_MOME_H
#define MOME_DIALECTS_MOME_MOME_H

#include "dialects/NN/NN.h"

#include "mlir/Interfaces/ControlFlowInterfaces.h"

#include "dialects/Mome/MomeDialect.h.inc"
#include "dialects/Mome/MomeEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Mome/MomeAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Mome/MomeOps.h.inc"

#endif
