// See sum_products.h.
#include "runtime/cuda/sim/libraries/sum_products.h"

#include <dlfcn.h>
#include <string>
#include <type_traits>

using namespace mome::cuda;

namespace mome::standin {
namespace {

constexpr unsigned block_threads = 64;

/// The element at `place` of `base`, as f32: halves of words if `flag` is set in %bf16.
std::string load(const std::string &to, const std::string &base, const std::string &place,
                 int flag) {
  return "and.b32 %t, %bf16, " + std::to_string(flag) + "; setp.ne.u32 %wide, %t, 0;\n" +
         "@%wide mad.wide.s32 %at, " + place + ", 2, " + base + ";\n" +
         "@%wide ld.global.u16 %h, [%at]; @%wide cvt.u32.u16 %t, %h; @%wide shl.b32 %t, %t, 16; "
         "@%wide mov.b32 " +
         to + ", %t;\n" + "@!%wide mad.wide.s32 %at, " + place + ", 4, " + base +
         ";\n@!%wide ld.global.f32 " + to + ", [%at];\n";
}

std::string kernel_text() {
  return R"(.version 7.0
.target sm_80
.address_size 64
.visible .entry sum_products(.param .u64 pa, .param .u64 pb, .param .u64 py, .param .u64 pbias, .param .u64 plhs,
    .param .u64 prhs, .param .u64 pto, .param .u64 pbiasat, .param .u32 pcount, .param .u32 pdepth, .param .u32 pbf16)
{
  .reg .b64 %a, %b, %y, %bias, %lhs, %rhs, %to, %biasat, %at;
  .reg .b32 %i, %n, %k, %count, %depth, %bf16, %t, %pa, %pb, %row;
  .reg .f32 %sum, %x, %w;
  .reg .b16 %h;
  .reg .pred %p, %wide, %none;
  ld.param.u64 %a, [pa]; ld.param.u64 %b, [pb]; ld.param.u64 %y, [py]; ld.param.u64 %bias, [pbias];
  ld.param.u64 %lhs, [plhs]; ld.param.u64 %rhs, [prhs]; ld.param.u64 %to, [pto]; ld.param.u64 %biasat, [pbiasat];
  ld.param.u32 %count, [pcount]; ld.param.u32 %depth, [pdepth]; ld.param.u32 %bf16, [pbf16];
  mov.u32 %i, %ctaid.x; mov.u32 %n, %ntid.x; mov.u32 %t, %tid.x; mad.lo.u32 %i, %i, %n, %t;
  setp.ge.u32 %p, %i, %count;
  @%p ret;
  mul.lo.u32 %row, %i, %depth;
  mov.f32 %sum, 0f00000000;
  mov.u32 %k, 0;
LOOP:
  setp.ge.u32 %p, %k, %depth;
  @%p bra DONE;
  add.u32 %n, %row, %k;
  add.u32 %k, %k, 1;
  mad.wide.u32 %at, %n, 4, %lhs; ld.global.s32 %pa, [%at];
  mad.wide.u32 %at, %n, 4, %rhs; ld.global.s32 %pb, [%at];
  setp.lt.s32 %none, %pa, 0;
  @%none bra LOOP;
)" + load("%x", "%a", "%pa", 1) +
         load("%w", "%b", "%pb", 2) + R"(  fma.rn.f32 %sum, %x, %w, %sum;
  bra LOOP;
DONE:
  setp.eq.u64 %none, %bias, 0;
  @%none bra STORE;
  mad.wide.u32 %at, %i, 4, %biasat; ld.global.s32 %n, [%at];
  mad.wide.s32 %at, %n, 4, %bias; ld.global.f32 %x, [%at];
  add.f32 %sum, %sum, %x;
STORE:
  mad.wide.u32 %at, %i, 4, %to; ld.global.s32 %n, [%at];
  mad.wide.s32 %at, %n, 4, %y; st.global.f32 [%at], %sum;
  ret;
}
)";
}

} // namespace

/// Of the driver that the process has loaded.
struct SumProducts::Driver {
  CUresult (*ModuleLoadData)(CUmodule *, const void *);
  CUresult (*ModuleGetFunction)(CUfunction *, CUmodule, const char *);
  CUresult (*MemAlloc)(CUdeviceptr *, size_t);
  CUresult (*MemFree)(CUdeviceptr);
  CUresult (*MemcpyHtoD)(CUdeviceptr, const void *, size_t);
  CUresult (*LaunchKernel)(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                           unsigned, CUstream, void **, void **);
};

const SumProducts::Driver *SumProducts::driver() {
  static Driver api;
  static const bool complete = [] {
    void *library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    const auto find = [&](auto &member, const char *symbol) {
      void *address = library == nullptr ? nullptr : ::dlsym(library, symbol);
      member = reinterpret_cast<std::remove_reference_t<decltype(member)>>(address);
      return address != nullptr;
    };
    return find(api.ModuleLoadData, "cuModuleLoadData") &&
           find(api.ModuleGetFunction, "cuModuleGetFunction") &&
           find(api.MemAlloc, "cuMemAlloc_v2") && find(api.MemFree, "cuMemFree_v2") &&
           find(api.MemcpyHtoD, "cuMemcpyHtoD_v2") && find(api.LaunchKernel, "cuLaunchKernel");
  }();
  return complete ? &api : nullptr;
}

std::shared_ptr<SumProducts> SumProducts::create(const ProductTables &t) {
  const Driver *api = driver();
  auto result = std::make_shared<SumProducts>();
  std::vector<int32_t> all = t.lhs;
  const auto append = [&](const std::vector<int32_t> &table) {
    const uint64_t at = 4 * all.size();
    all.insert(all.end(), table.begin(), table.end());
    return at;
  };
  result->rhs_at = append(t.rhs);
  result->to_at = append(t.to);
  result->bias_at = append(t.bias_at);
  result->count = uint32_t(t.to.size());
  result->depth = uint32_t(t.depth);
  result->bf16 = uint32_t(t.lhs_is_bf16) | uint32_t(t.rhs_is_bf16) << 1;
  CUmodule module = nullptr; // as long as the context
  const bool done =
      api != nullptr && api->ModuleLoadData(&module, kernel_text().c_str()) == CUDA_SUCCESS &&
      api->ModuleGetFunction(&result->function, module, "sum_products") == CUDA_SUCCESS &&
      api->MemAlloc(&result->tables, 4 * all.size()) == CUDA_SUCCESS &&
      api->MemcpyHtoD(result->tables, all.data(), 4 * all.size()) == CUDA_SUCCESS;
  return done ? result : nullptr;
}

SumProducts::~SumProducts() {
  if (tables != 0) {
    driver()->MemFree(tables);
  }
}

bool SumProducts::launch(const void *a, const void *b, void *y, const void *bias,
                         CUstream stream) const {
  CUdeviceptr lhs = tables, rhs = tables + rhs_at, to = tables + to_at, at = tables + bias_at;
  uint32_t numbers[] = {count, depth, bf16};
  void *arguments[] = {&a,  &b,  &y,          &bias,       &lhs,       &rhs,
                       &to, &at, &numbers[0], &numbers[1], &numbers[2]};
  return driver()->LaunchKernel(function, (count + block_threads - 1) / block_threads, 1, 1,
                                block_threads, 1, 1, 0, stream, arguments, nullptr) == CUDA_SUCCESS;
}

} // namespace mome::standin
