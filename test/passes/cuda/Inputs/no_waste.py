"""Counters of kernels: no bank conflicts; and, where all reads are copies of 16 bytes per thread, no sector that is not wanted.

  no_waste.py TENSOR_FLOPS REPORT [--shared-only]
"""
import json
import sys

with open(sys.argv[2]) as file:
    report = json.load(file)
c = report["counters"]
assert report["faults"] == [], report["faults"]
assert c["tensor_flops"] == int(sys.argv[1]), c["tensor_flops"]
assert c["shared_wavefronts"] == c["shared_wavefronts_ideal"] > 0, (c["shared_wavefronts"], c["shared_wavefronts_ideal"])
if "--shared-only" in sys.argv:
    sys.exit()
assert c["load_sectors"] * 32 == c["load_bytes"] > 0, (c["load_sectors"], c["load_bytes"])
assert c["store_sectors"] * 32 == c["store_bytes"] > 0, (c["store_sectors"], c["store_bytes"])
assert c["load_requests"] * 512 == c["load_bytes"], (c["load_requests"], c["load_bytes"])
