#!/usr/bin/env python3
"""From a .mome file to trained models: what the runtime promises, on compiled packages.

    runs_test.py MOMEC MOME [UnitTestArguments]        (no NumPy needed)
"""
import csv
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

MOMEC, MOME = map(os.path.abspath, sys.argv[1:3])
HERE = os.path.dirname(os.path.abspath(__file__))
FEATURES, PER_PART = 8, {"train": 150, "val": 45, "test": 47}
STEPS_PER_EPOCH = 150 // 8


def write_data(folder):
    """Three classes; each sensor sees a class as a bump at its own place, under noise."""
    draw = random.Random(1)
    os.mkdir(folder)
    rows, sensors = [], {"acc": [], "gyro": []}
    for part, count in PER_PART.items():
        for i in range(count):
            label = i % 3
            for shift, values in enumerate(sensors.values()):
                values += [draw.gauss(2.0 if d % 3 == (label + shift) % 3 else 0.0, 1.0) for d in range(FEATURES)]
            rows.append((f"{part}{i}", f"{part}-s{i % 4}", part, "abc"[label], "all.safetensors", len(rows)))
    with open(os.path.join(folder, "index.csv"), "w", newline="") as file:
        csv.writer(file).writerows([("key", "subject", "split", "label", "shard", "row"), *rows])
    header, data = {}, b""
    for name, values in sensors.items():
        bytes_ = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(rows), FEATURES], "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "all.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def load(path):
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    header.pop("__metadata__", None)
    return {name: struct.unpack(f"<{(e['data_offsets'][1] - e['data_offsets'][0]) // 4}f", data[slice(*e["data_offsets"])])
            for name, e in header.items() if e["dtype"] == "F32"}


class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = cls.folder.name
        write_data(os.path.join(cls.root, "data"))
        with open(os.path.join(HERE, "Inputs/small.mome")) as file:
            text = file.read().replace("../../models", os.path.relpath(os.path.join(HERE, "../../models"), cls.root))
        with open(os.path.join(cls.root, "small.mome"), "w") as file:
            file.write(text)
        with open(os.path.join(cls.root, "no-aux.mome"), "w") as file:
            file.write("\n".join(line for line in text.splitlines() if "loss aux" not in line) + "\n")
        for model, out, flags in (("small", "small", []), ("small", "small4", ["--batch=4"]), ("no-aux", "no-aux", [])):
            subprocess.run([MOMEC, model + ".mome", "-o", out + ".mpk", *flags], check=True, cwd=cls.root)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        return os.path.join(self.root, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def mome(self, *arguments, code=0, says=()):
        done = subprocess.run([MOME, *arguments], capture_output=True, text=True, cwd=self.root)
        text = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, text)
        for part in says:
            self.assertIn(part, text)
        return done.stdout

    def train(self, out, *more, package="small.mpk", **expect):
        return self.mome("train", package, "--data", "data", "--out", out, "-q", *more, **expect)

    def checkpoint(self, run, step):
        folder = f"{run}/ckpt/step-{step:08d}/"
        return {name: self.read(folder + name) for name in ("manifest.json", "model.safetensors", "optimizer.safetensors")}

    def weights(self, run, step):
        return load(self.path(f"{run}/ckpt/step-{step:08d}/model.safetensors"))

    def assert_close(self, a, b, tolerance):
        self.assertEqual(a.keys(), b.keys())
        worst = max(abs(x - y) for name in a for x, y in zip(a[name], b[name]))
        self.assertLessEqual(worst, tolerance)

    def test_learns_and_evaluates(self):
        out = self.mome("train", "small.mpk", "--data", "data", "--out", "learn", "--log-every", "18")
        self.assertRegex(out, r"step 18/108 loss [\d.]+ \(cls [\d.]+ aux [\d.]+\) vote\.acc [\d.]+ vote\.gyro [\d.]+ \| [\d.]+ smp/s")
        summary = json.loads(self.mome("eval", "learn", "--data", "data", "--part", "test", "--json", "--dump", "--batch-independent"))
        self.assertEqual(summary["samples"], PER_PART["test"])
        self.assertGreater(summary["mean1"], 0.9)
        self.assertAlmostEqual(summary["top1"], summary["metrics"]["top1"], 5)
        self.assertAlmostEqual(summary["mean1"], summary["metrics"]["mean1"], 5)
        self.assertAlmostEqual(summary["outputs"]["vote.acc"] + summary["outputs"]["vote.gyro"], 1, 4)
        total = summary["losses"]["loss.cls"] + 0.1 * summary["losses"]["loss.aux"]
        self.assertAlmostEqual(summary["losses"]["loss.total"], total, 4)
        clean = json.loads(self.mome("eval", "learn", "--data", "data", "--part", "test", "--json", "--zero", "acc,gyro"))
        self.assertLess(clean["mean1"], 0.5)
        first = self.read("learn/eval/test/predictions.csv")
        for batch in ("1", "7", "8"):
            self.mome("eval", "learn", "--data", "data", "--part", "test", "--batch", batch, "--dump", "--out", "b" + batch)
            self.assertEqual(self.read(f"b{batch}/predictions.csv"), first)
            again = json.loads(self.read(f"b{batch}/summary.json"))
            self.assertEqual(again["metrics"]["mean1"], summary["metrics"]["mean1"])

    def test_threads_and_resume_give_the_same_bytes(self):
        for threads in ("1", "2", "3"):
            self.train("t" + threads, "--steps", "20", "--threads", threads)
            self.assertEqual(self.checkpoint("t" + threads, 20), self.checkpoint("t1", 20))
        self.mome("verify-resume", "small.mpk", "--data", "data", "--steps", "25", "--at", "18", says=["is exact"])
        self.mome("train", "--resume", "t1", "--steps", "30", "--set", "alpha=0", "-q", code=5, says=["alpha is '0.1'"])

    def test_kill_at_random_moments(self):
        steps = 400
        flags = ["--steps", str(steps), "--save-every", "10", "--threads", "2"]
        begin = time.time()
        self.train("unbroken", *flags)
        whole = time.time() - begin
        draw, kills = random.Random(2), 0
        command = [MOME, "train", "small.mpk", "--data", "data", "--out", "killed", "--resume=auto", "-q", *flags]
        for attempt in range(21):
            job = subprocess.Popen(command, cwd=self.root)
            if attempt < 20:
                time.sleep(draw.uniform(0, whole / 5))
                job.send_signal(signal.SIGKILL)
            kills += job.wait(timeout=300) == -signal.SIGKILL
        self.assertEqual(job.returncode, 0)
        self.assertGreater(kills, 5)
        self.assertEqual(self.checkpoint("killed", steps), self.checkpoint("unbroken", steps))
        self.assertEqual(self.read("killed/ckpt/BEST"), self.read("unbroken/ckpt/BEST"))

    def test_accumulation_equals_the_larger_batch(self):
        # Weight decay and Adam's division make rounding visible where a gradient is nearly zero; few steps keep it small.
        self.train("eight", "--steps", "4")
        self.train("fours", "--steps", "4", "--accumulate", "2", package="small4.mpk")
        self.assert_close(self.weights("eight", 4), self.weights("fours", 4), 1e-5)

    def test_alpha_zero_is_the_model_without_the_loss(self):
        self.train("zero", "--steps", "10", "--set", "alpha=0")
        self.train("absent", "--steps", "10", package="no-aux.mpk")
        self.assert_close(self.weights("zero", 10), self.weights("absent", 10), 1e-6)
        self.train("with", "--steps", "10")
        self.assertNotEqual(self.weights("zero", 10), self.weights("with", 10))

    def test_twenty_settings_from_one_package(self):
        before = self.read("small.mpk")
        self.mome("sweep", "small.mpk", "--data", "data", "--out", "sweep", "--steps", "5", "-q",
                  "--set", "train.lr=1e-4,3e-4,1e-3,3e-3,1e-2", "--set", "alpha=0,0.01,0.1,1")
        rows = list(csv.DictReader(self.read("sweep/results.csv").decode().splitlines()))
        self.assertEqual(len(rows), 20)
        self.assertEqual(len({(row["train.lr"], row["alpha"]) for row in rows}), 20)
        weights = {self.read(f"sweep/runs/{row['run']}/ckpt/step-00000005/model.safetensors") for row in rows}
        self.assertEqual(len(weights), 20)
        self.assertEqual(self.read("small.mpk"), before)

    def test_divergence_stops_with_exit_4(self):
        self.train("nan", "--set", "train.lr=1e30", "--set", "train.warmup=0", "--set", "train.end=1e30", code=4,
                   says=["is nan", "samples: train", "--check-numerics"])
        self.assertRegex(self.read("nan/STATUS").decode(), r"^failed 4 \d+\n$")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
