#pragma once

namespace mome::ptxsim {

class Decode;
void decode_bulk(Decode &d);  // cp.async.bulk and cp.async.bulk.tensor
void decode_wgmma(Decode &d); // wgmma.fence, commit_group, wait_group, mma_async

} // namespace mome::ptxsim
