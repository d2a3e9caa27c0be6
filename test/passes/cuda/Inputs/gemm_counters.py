"""Counters of 128x128x64 products in f32, in tiles of 64x64: four blocks, each reading 64 rows of A and columns of B."""
import json
import sys

M = N = 128
K = 64
TILE = 64

for path in sys.argv[1:]:
    with open(path) as file:
        report = json.load(file)
    c = report["counters"]
    assert report["faults"] == [], (path, report["faults"])
    blocks = (M // TILE) * (N // TILE)
    assert c["flops"] == 2 * M * N * K, (path, c["flops"])
    assert c["shared_wavefronts"] == c["shared_wavefronts_ideal"] > 0, (path, c["shared_wavefronts"], c["shared_wavefronts_ideal"])
    loaded, stored = blocks * 2 * TILE * K * 4, M * N * 4
    assert c["load_bytes"] == loaded and c["load_sectors"] * 32 == loaded, (path, c["load_bytes"], c["load_sectors"])
    assert c["store_bytes"] == stored and c["store_sectors"] * 32 == stored, (path, c["store_bytes"], c["store_sectors"])
    # 16 bytes per thread: 512 per request.
    assert c["store_requests"] * 512 == stored, (path, c["store_requests"])
    assert c["load_requests"] * 512 == loaded, (path, c["load_requests"])
print("ok")
