# The only file that knows how MLIR is found and linked.
#
#   mome_add_library(NAME SOURCES ... [DEPENDS tablegen-targets] [LINK libraries])
#   mome_add_tool(NAME SOURCES ... [LINK libraries])
find_package(MLIR 22.1 REQUIRED CONFIG)
set(LLVM_LINK_LLVM_DYLIB ON)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
set(MLIR_BINARY_DIR ${PROJECT_BINARY_DIR}) # add_mlir_doc writes ${MLIR_BINARY_DIR}/docs
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(mome_mlir INTERFACE)
target_include_directories(mome_mlir SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS})
target_include_directories(mome_mlir INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
separate_arguments(_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_options(mome_mlir INTERFACE ${_definitions}
  -fPIC -fno-exceptions -funwind-tables -fvisibility-inlines-hidden -Werror=date-time)
target_link_libraries(mome_mlir INTERFACE mome_warnings MLIR LLVM) # the two dylibs, nothing else
# TableGen.cmake reads *directory* include paths.
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} SYSTEM ${MLIR_INCLUDE_DIRS})

if(MOME_PCH)
  file(WRITE ${PROJECT_BINARY_DIR}/mome_pch.cpp "")
  add_library(mome_pch OBJECT ${PROJECT_BINARY_DIR}/mome_pch.cpp)
  target_link_libraries(mome_pch PUBLIC mome_mlir)
  target_precompile_headers(mome_pch PRIVATE ${CMAKE_CURRENT_LIST_DIR}/mome_pch.h)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(mome_mlir INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

function(mome_add_library name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_link_libraries(${name} PUBLIC mome_mlir ${A_LINK})
  if(A_DEPENDS)
    add_dependencies(${name} ${A_DEPENDS})
  endif()
  if(MOME_PCH)
    target_precompile_headers(${name} REUSE_FROM mome_pch)
  endif()
endfunction()

function(mome_add_tool name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ${A_LINK} mome_mlir)
  if(MOME_PCH)
    target_precompile_headers(${name} REUSE_FROM mome_pch)
  endif()
endfunction()
