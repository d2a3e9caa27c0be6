#!/usr/bin/env python3
"""mome run, init, inspect and doctor as a user types them: results, messages, exit codes.

    tool_test.py MOME TINY.mpk        (the package of tiny_package.h; no NumPy needed)
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest

MOME, PACKAGE = sys.argv[1:3]
TYPES = {"F32": ("f", 4), "I32": ("i", 4)}
X, W = [1, 2, 3, 4, 5, 6, 7, 8], [1, 0, 0, 1, 2, -1]
Y = [1, 2, 0, 3, 4, 2, 5, 6, 4, 7, 8, 6]


def save(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        bytes_ = struct.pack(f"<{len(values)}{TYPES[dtype][0]}", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def load(path):
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    header.pop("__metadata__", None)
    result = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        code, size = TYPES[entry["dtype"]]
        result[name] = list(struct.unpack(f"<{(end - begin) // size}{code}", data[begin:end]))
    return result


class Tool(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        save(self.path("w"), {"head.w": ("F32", [3, 2], W)})
        save(self.path("x"), {"x": ("F32", [4, 2], X)})

    def path(self, name):
        return os.path.join(self.folder.name, name + ".safetensors")

    def mome(self, *arguments, code=0, says=()):
        done = subprocess.run([MOME, *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        if code != 0:
            self.assertTrue(done.stderr, "an error without a message")
        for text in says:
            self.assertIn(text, done.stdout + done.stderr)
        return done.stdout

    def run_entry(self, entry, *arguments, params="w", inputs="x", **expected):
        self.mome("run", PACKAGE, "--entry", entry, "--params", self.path(params), "--in", self.path(inputs),
                  "--out", self.path("y"), *arguments, **expected)
        return load(self.path("y")) if expected.get("code", 0) == 0 else None

    def test_predict(self):
        for threads in ("1", "2", "3"):
            self.assertEqual(self.run_entry("predict", "--threads", threads), {"logits": Y})

    def test_grad_and_step(self):
        results = self.run_entry("grad", says=["loss.fit = 130", "entry fit.grad"])
        self.assertEqual(set(results), {"loss.fit", "grad.head.w"})
        self.assertEqual(results["loss.fit"], [sum(y * y for y in Y) / 2])
        stepped = self.run_entry("step", "--section", "fit", "--set", "fit.lr=0.25")
        expected = [w - 0.25 * g for w, g in zip(W, results["grad.head.w"])]
        self.assertEqual(stepped["param.head.w"], expected)
        self.assertEqual(self.run_entry("fit.step", "--set", "train.lr=0.25"), stepped)

    def test_results_can_be_fed_back(self):
        twice = self.run_entry("step", "--repeat", "2", "--set", "fit.lr=0.001")
        once = self.run_entry("step", "--set", "fit.lr=0.001")
        os.rename(self.path("y"), self.path("again"))
        self.assertEqual(self.run_entry("step", "--set", "fit.lr=0.001", params="again"), twice)
        self.assertNotEqual(once, twice)

    def test_names_are_accounted_for(self):
        save(self.path("bad"), {"head.w": ("F32", [2, 3], W)})
        self.run_entry("predict", params="bad", code=5, says=["[2, 3]", "[3, 2]", "head.w"])
        save(self.path("bad"), {"head.w": ("I32", [3, 2], W)})
        self.run_entry("predict", params="bad", code=5, says=["i32", "f32"])
        save(self.path("bad"), {"head.w": ("F32", [3, 2], W), "head.v": ("F32", [1], [0])})
        self.run_entry("predict", params="bad", code=5, says=["'head.v' is unknown", "did you mean 'head.w'"])
        save(self.path("bad"), {"logits": ("F32", [4, 3], Y)})
        self.run_entry("predict", params="bad", code=5, says=["missing: head.w"])
        self.run_entry("predict", inputs="bad", code=7, says=["missing: x"])
        save(self.path("more"), {"x": ("F32", [4, 2], X), "logits": ("F32", [4, 3], Y)})
        self.run_entry("predict", inputs="more", says=["not read by this entry", "logits"])
        self.mome("run", PACKAGE, "--entry", "predict", "--in", self.path("x"), code=5, says=["--params", "head.w"])

    def test_check_numerics(self):
        save(self.path("big"), {"x": ("F32", [4, 2], [3e38] * 8)})
        self.run_entry("predict", inputs="big")
        self.run_entry("predict", "--check-numerics", inputs="big", code=4,
                       says=["forward nn.linear of head at tiny.mome:3:5 gave"])

    def test_init(self):
        self.mome("init", PACKAGE, "--out", self.path("w"), "--seed", "3")
        self.assertEqual(load(self.path("w")), {"head.w": [3, 4, 5, 6, 7, 8]})
        self.assertEqual(self.run_entry("predict")["logits"][:3], [1 * 3 + 2 * 4, 1 * 5 + 2 * 6, 1 * 7 + 2 * 8])

    def test_profile(self):
        """Groups of every kind hold every dispatch once; shares sum to one; so do the slices of the trace."""
        self.mome("profile", PACKAGE, says=["fit.step", "phase", "nn.sgd"])
        trace = os.path.join(self.folder.name, "trace.json")
        kinds = ["phase", "part", "op", "block", "line", "kernel"]
        profile = json.loads(self.mome("profile", PACKAGE, "--by", ",".join(kinds), "--repeat", "3", "--json", "--trace", trace))
        self.assertEqual(sorted(profile["by"]), sorted(kinds))
        for groups in profile["by"].values():
            self.assertEqual(sum(group["dispatches"] for group in groups), profile["dispatches"])
            self.assertAlmostEqual(sum(group["share"] for group in groups), 1)
        with open(trace) as file:
            slices = [event for event in json.load(file)["traceEvents"] if event["ph"] == "X"]
        self.assertEqual(len(slices), profile["dispatches"])
        self.assertAlmostEqual(sum(event["dur"] for event in slices), profile["seconds"] * 1e6, places=3)
        medians, best = (json.loads(self.mome("profile", PACKAGE, *more, "--repeat", "9", "--json")) for more in ([], ["--best"]))
        self.assertTrue(0 < best["seconds"] < 2 * medians["seconds"] and best["peak"] > 0, (best["seconds"], medians["seconds"]))
        self.assertIn("that multiply-adds got", self.mome("profile", PACKAGE, says=["medians of 10 runs"]))
        self.mome("profile", PACKAGE, "--best", says=["best chunks of 10 runs"])
        self.mome("profile", PACKAGE, "--entry", "nothing", code=5, says=["nothing", "predict"])
        self.mome("profile", PACKAGE, "--by", "colour", code=2, says=["colour"])

    def test_inspect(self):
        self.mome("inspect", PACKAGE, says=["Tiny", "variant x86-64", "fit.step", "--set fit.lr=0.5"])
        facts = json.loads(self.mome("inspect", PACKAGE, "--json"))
        self.assertEqual(facts["parameters"], {"count": 6, "tensors": 1, "parts": {"head": 6}})
        self.assertEqual(facts["variants"][0]["memory_bytes"], 128 + 384 + 64)
        self.assertEqual(facts["variants"][0]["entries"][3]["dispatches"], 4)
        self.mome("inspect", self.path("x"), "--tensors", says=["[4,2]", "x"])

    def test_doctor(self):
        text = self.mome("doctor", says=["variants that run here", "threads"])
        flops, bandwidth = (float(x) for x in re.search(r"([\d.]+) GFLOP/s of multiply-adds, ([\d.]+) GB/s of memory", text).groups())
        self.assertTrue(0.1 < flops < 1e6 and 0.1 < bandwidth < 1e5, text)

    def test_bad_command_lines(self):
        self.mome(code=2, says=["Usage: mome", "Subcommands"])
        self.mome("run", code=2, says=["required"])
        self.mome("walk", PACKAGE, code=2, says=["no command 'walk'", "predict"])
        self.mome("inspekt", PACKAGE, code=2, says=["did you mean 'inspect'?"])
        self.mome("run", PACKAGE, "--entry", "predict", "--no-such-flag", code=2,
                  says=["there is no flag '--no-such-flag'", "see mome run --help"])
        self.mome("run", PACKAGE, "--entry", "predict", "--repat=2", code=2, says=["did you mean '--repeat'?"])
        self.mome("data", "check", "x", "--splt", "1", code=2, says=["did you mean '--split'?"])
        self.mome("ckpt", "verify", code=2, says=["path is required", "see mome ckpt verify --help"])
        self.run_entry("predict", "--repeat", "0", code=2)
        self.run_entry("step", "--set", "fit.lrr=1", code=2, says=["did you mean 'fit.lr'"])
        self.run_entry("step", "--set", "seed=x", code=2, says=["seed=x"])
        self.run_entry("step", "--section", "other", code=2, says=["other"])
        self.run_entry("explain", code=5, says=["no entry 'explain'"])
        self.run_entry("predict", "--variant", "x86-64-v9", code=6, says=["x86-64"])

    def test_bad_packages(self):
        with open(PACKAGE, "rb") as file:
            content = file.read()
        bad = os.path.join(self.folder.name, "bad.mpk")
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 16
        for damaged in (b"", content[:100], content[:-1], bytes(flipped), b"MPK1" * 1000):
            with open(bad, "wb") as file:
                file.write(damaged)
            for command in (("inspect", bad), ("init", bad, "--out", self.path("y"))):
                self.mome(*command, code=5, says=[bad])
        self.mome("inspect", os.path.join(self.folder.name, "nothing.mpk"), code=1, says=["nothing.mpk", "momec MODEL.mome"])
        text = os.path.join(self.folder.name, "model.mome")
        with open(text, "w") as file:
            file.write("model M() { }\n")
        self.mome("inspect", text, code=5, says=["the text of a model", f"momec {text}"])

    def test_full_disk(self):
        if os.path.exists("/dev/full"):
            self.mome("init", PACKAGE, "--out", "/dev/full", code=1, says=["No space left"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
