// The convolution and pooling ops: apart from NN.h, because nearly every file includes that and few
// need these.
#ifndef MOME_DIALECTS_NN_CONV_H
#define MOME_DIALECTS_NN_CONV_H

#include "dialects/NN/NN.h"

#define GET_OP_CLASSES
#include "dialects/NN/Conv.h.inc"

#endif
