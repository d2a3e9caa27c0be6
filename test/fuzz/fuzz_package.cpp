// libFuzzer: the package reader throws Error or returns tables whose every index and slice is in
// bounds. Hashes are made right first, or nothing would get past them.
#include <cstdlib>
#include <vector>

#include "runtime/error.h"
#include "runtime/hash.h"
#include "runtime/package.h"
#include "runtime/package_hash.h"

namespace {

using namespace mome;

void seal(std::vector<uint8_t> &file) {
  flatbuffers::Verifier verifier(file.data(), file.size(), 16, 16'000'000);
  if (file.size() < 16 || !fb::VerifyPackageBuffer(verifier)) {
    return;
  }
  const fb::Package *package = fb::GetPackage(file.data());
  if (package->hash()->size() != hash_digits) {
    return;
  }
  for (flatbuffers::uoffset_t i = 0; package->variants() && i < package->variants()->size(); ++i) {
    const fb::Variant *v = package->variants()->Get(i);
    if (v->code() && v->code_hash() && v->code_hash()->size() == hash_digits) {
      const std::string hash =
          xxh3_hex(std::as_bytes(std::span(v->code()->data(), v->code()->size())));
      std::copy(hash.begin(), hash.end(), file.begin() + (v->code_hash()->Data() - file.data()));
    }
  }
  seal_package(file);
}

void require(bool ok) {
  if (!ok) {
    std::abort();
  }
}

void check_slice(const Variant &variant, const Slice &slice) {
  require(slice.arena < variant.arenas.size());
  const uint64_t size = variant.arenas[slice.arena].size;
  require(slice.offset <= size && slice.size <= size - slice.offset);
}

void check(const Package &package) {
  for (const Variant &variant : package.variants) {
    require(variant.slots.size() == package.tensors.size());
    require(variant.panels.size() == package.tensors.size());
    require(variant.scalars.size() == package.scalars.size());
    for (const auto *places : {&variant.slots, &variant.scalars}) {
      for (const Slice &slice : *places) {
        check_slice(variant, slice);
      }
    }
    for (const Program &program : variant.programs) {
      for (uint32_t tensor : program.inputs) {
        require(!package.tensors.at(tensor).describe().empty());
      }
      for (const Dispatch &dispatch : program.dispatches) {
        require(dispatch.args.size() == variant.kernels.at(dispatch.kernel).types.size());
        for (const Slice &slice : dispatch.args) {
          check_slice(variant, slice);
        }
      }
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  std::vector<uint8_t> file(bytes, bytes + size);
  seal(file);
  try {
    check(*Package::parse(std::as_bytes(std::span(file)), "fuzz.mpk"));
  } catch (const Error &error) {
    require(error.exit == Exit::mismatch);
  }
  return 0;
}
