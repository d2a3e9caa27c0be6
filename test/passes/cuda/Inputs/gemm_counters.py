"""Counters of 128x128x64 products: no bank conflicts, no sector of global memory that is not wanted, 16 bytes per thread.

  gemm_counters.py f32|tf32|bf16|wgmma REPORT...     of the operands, wgmma of bf16; a name that holds "rounded" has a result in bf16
"""
import json
import sys

M = N = 128
K = 64

precision, paths = sys.argv[1], sys.argv[2:]
for path in paths:
    with open(path) as file:
        report = json.load(file)
    c = report["counters"]
    assert report["faults"] == [], (path, report["faults"])
    assert c["flops" if precision == "f32" else "tensor_flops"] == 2 * M * N * K, (path, c["flops"], c["tensor_flops"])
    assert precision != "wgmma" or c["wgmma_flops"] == c["tensor_flops"], (path, c["wgmma_flops"])
    assert c["shared_wavefronts"] == c["shared_wavefronts_ideal"] > 0, (path, c["shared_wavefronts"], c["shared_wavefronts_ideal"])
    operands = 2 * M * K * {"f32": 4, "tf32": 4, "bf16": 2, "wgmma": 2}[precision]
    assert c["load_bytes"] == c["load_sectors"] * 32 >= operands, (path, c["load_bytes"], c["load_sectors"])
    stored = M * N * (2 if "rounded" in path else 4)
    assert c["store_bytes"] == stored and c["store_sectors"] * 32 == stored, (path, c["store_bytes"], c["store_sectors"])
    # 16 bytes per thread, 512 per request; four rounded results are 8.
    assert c["store_requests"] * (256 if "rounded" in path else 512) == stored, (path, c["store_requests"])
    assert c["load_requests"] * 512 == c["load_bytes"], (path, c["load_requests"], c["load_bytes"])
print("ok")
