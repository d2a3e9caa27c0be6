// Registration of the `mome` dialect and its attributes.
#include "dialects/Mome/Mome.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mome::model;

#include "dialects/Mome/MomeDialect.cpp.inc"
#include "dialects/Mome/MomeEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Mome/MomeAttrs.cpp.inc"

void MomeDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "dialects/Mome/MomeOps.cpp.inc"
      >();
}

void MomeDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Mome/MomeAttrs.cpp.inc"
      >();
}

LogicalResult InitAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef kind, ArrayAttr args) {
  int wanted = llvm::StringSwitch<int>(kind)
                   .Cases({"zeros", "ones", "xavier_uniform"}, 0)
                   .Cases({"constant", "normal", "trunc_normal"}, 1)
                   .Case("uniform", 2)
                   .Default(-1);
  if (wanted < 0) {
    return emitError() << "unknown initialiser '" << kind << "'";
  }
  int given = args ? args.size() : 0;
  if (wanted != given) {
    return emitError() << "initialiser '" << kind << "' takes " << wanted << " numbers, not " << given;
  }
  return success();
}
