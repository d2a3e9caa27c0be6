#!/usr/bin/env python3
"""mome train, eval's refusals, predict, sweep, export, ckpt, verify-resume and data check as a user types them.

    train_tool_test.py MOME TINY.mpk        (the package of tiny_package.h; no NumPy needed)
"""
import csv
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

MOME, PACKAGE = map(os.path.abspath, sys.argv[1:3])


def save(path, name, shape, values):
    data = struct.pack(f"<{len(values)}f", *values)
    text = json.dumps({name: {"dtype": "F32", "shape": shape, "data_offsets": [0, len(data)]}}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


class TrainTool(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        os.mkdir(self.path("data"))
        n = 22
        save(self.path("data/x.safetensors"), "x", [n, 2], [((7 * i) % 13) / 13 - 0.5 for i in range(2 * n)])
        with open(self.path("data/index.csv"), "w") as file:
            file.write("key,subject,split,label,shard,row\n")
            for i in range(n):
                file.write(f"k{i},s{i % 3},{'test' if i >= 18 else 'train'},{['a', 'b', 'c'][i % 3]},x.safetensors,{i}\n")

    def path(self, name):
        return os.path.join(self.root, name)

    def read(self, name, mode="rb"):
        with open(self.path(name), mode) as file:
            return file.read()

    def mome(self, *arguments, code=0, says=()):
        done = subprocess.run([MOME, *arguments], capture_output=True, text=True, cwd=self.root)
        text = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, text)
        for part in says:
            self.assertIn(part, text)
        return done.stdout

    def train(self, out, *more, **expect):
        return self.mome("train", PACKAGE, "--data", "data", "--out", out, "--set", "train.lr=0.01", *more, **expect)

    def test_train_writes_a_run(self):
        out = self.train("run", "--steps", "40", "--log-every", "20", says=["step 20/40", "step 40/40", "smp/s", "eta"])
        self.assertNotIn("\r", out)
        self.assertEqual(self.read("run/STATUS"), b"done 0 40\n")
        self.assertEqual(self.read("run/ckpt/LATEST"), b"step-00000040\n")
        events = [json.loads(line) for line in self.read("run/metrics.jsonl", "r").splitlines()]
        losses = [e["losses"]["fit"] for e in events if e["event"] == "step"]
        self.assertLess(losses[-1], losses[0])
        self.assertEqual([e["event"] for e in events], ["start", "step", "step", "checkpoint", "end"])
        self.assertTrue(any(name.startswith("events.out.tfevents") for name in os.listdir(self.path("run/tb"))))
        self.train("run", code=2, says=["not empty", "--resume run"])
        self.mome("ckpt", "verify", "run", says=["good", "step 40"])
        self.mome("ckpt", "list", "run", says=["step-00000040", "LATEST"])
        self.mome("export", "run", "--out", "w.safetensors", "--map", "head.=fc.", says=["1 tensors"])
        self.assertIn(b'"fc.w"', self.read("w.safetensors"))
        rows = list(csv.DictReader(self.mome("predict", "run", "--data", "data", "--part", "test").splitlines()))
        self.assertEqual([row["key"] for row in rows], ["k18", "k19", "k20", "k21"])
        for row in rows:
            scores = {name: float(row["logits." + name]) for name in "abc"}
            self.assertEqual(row["predicted"], max(scores, key=scores.get))

    def test_resume_and_threads_give_the_same_bytes(self):
        self.train("straight", "--steps", "12", "--threads", "1")
        self.train("again", "--steps", "12", "--threads", "3")
        self.train("short", "--steps", "5", "--threads", "2")
        self.mome("train", "--resume", "short", "--steps", "12")
        for name in ("manifest.json", "model.safetensors", "optimizer.safetensors"):
            bytes_ = self.read("straight/ckpt/step-00000012/" + name)
            self.assertEqual(bytes_, self.read("again/ckpt/step-00000012/" + name))
            self.assertEqual(bytes_, self.read("short/ckpt/step-00000012/" + name))
        self.mome("verify-resume", PACKAGE, "--data", "data", "--set", "train.lr=0.01", "--steps", "9", "--at", "4",
                  says=["is exact"])
        self.mome("train", "--resume", "short", "--set", "train.lr=0.02", "--steps", "13", code=5,
                  says=["fit.lr", "--allow-change=fit.lr"])
        self.mome("train", "--resume", "short", "--set", "train.lr=0.02", "--steps", "13", "--allow-change", "fit.lr")

    def test_signals_save_and_tell_in_the_exit_code(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 75)):
            out = f"stopped{code}"
            job = subprocess.Popen([MOME, "train", PACKAGE, "--data", "data", "--out", out, "--steps", "100000000",
                                    "--set", "train.lr=1e-9", "--log-every", "100000"], cwd=self.root, stdout=subprocess.PIPE, text=True)
            deadline = time.time() + 60
            while not os.path.exists(self.path(out + "/STATUS")):
                self.assertLess(time.time(), deadline)
                time.sleep(0.01)
            self.mome("train", "--resume", out, code=2, says=["another process"])
            job.send_signal(number)
            said, _ = job.communicate(timeout=60)
            self.assertEqual(job.returncode, code)
            self.assertIn(f"continue with: mome train --resume {out}", said)
            self.assertTrue(self.read(out + "/STATUS").startswith(f"preempted {code} ".encode()))
            self.mome("ckpt", "verify", out, says=["good"])

    def test_sweep(self):
        arguments = ["sweep", PACKAGE, "--data", "data", "--out", "sweep", "--steps", "2", "--set", "train.lr=1e-3,1e-2",
                     "--seeds", "0..1", "--parts", "", "-q"]
        self.mome(*arguments, code=2, says=["no part ''"])
        self.mome("sweep", PACKAGE, "--data", "data", "--out", "s", "--seeds", "x", code=2, says=["0..4"])

    def test_bad_input(self):
        self.mome("train", code=2, says=["no package"])
        self.mome("train", PACKAGE, "--out", "r", code=2, says=["--data"])
        self.mome("train", PACKAGE, "--data", "nowhere", "--out", "r", code=7, says=["index.csv", "no such file"])
        self.train("r", "--set", "train.lrr=1", code=2, says=["did you mean 'fit.lr'"])
        self.train("r", "--accumulate", "2", code=5, says=["fit.accumulate"])
        self.mome("eval", "nowhere", "--data", "data", code=5, says=["no checkpoint here"])
        self.train("r", "--dry-run", says=["steps: 4 (4 per epoch)"])
        self.assertFalse(os.path.exists(self.path("r")))
        self.mome("data", "check", "data", says=["train: 18 samples, 3 subjects", "more than one part", "the data set is good"])
        self.mome("data", "check", "data", "--package", PACKAGE, says=["the data set is good"])
        text = self.read("data/index.csv", "r")
        with open(self.path("data/index.csv"), "w") as file:
            file.write(text.replace("k3,", "k2,"))
        self.train("r", code=7, says=["index.csv:5:1", "'k2' appears twice"])
        self.mome("data", "check", "data", code=7, says=["index.csv:5:1"])

    def test_damaged_checkpoint(self):
        self.train("run", "--steps", "4", "--save-every", "2")
        path = self.path("run/ckpt/step-00000004/model.safetensors")
        with open(path, "r+b") as file:
            file.seek(-3, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(-3, os.SEEK_END)
            file.write(bytes([byte ^ 1]))
        self.mome("ckpt", "verify", "run", code=5, says=["good", "BAD", "model.safetensors"])
        self.mome("train", "--resume", "run/ckpt/step-00000004", "--steps", "6", code=5, says=["model.safetensors", "hash", "mome ckpt list"])
        self.mome("train", "--resume", "run", "--steps", "6", says=["warning", "model.safetensors", "hash", "going on from step-00000002"])
        self.assertEqual(self.read("run/STATUS"), b"done 0 6\n")
        self.train("straight", "--steps", "6", "--save-every", "2")
        name = "ckpt/step-00000006/model.safetensors"
        self.assertEqual(self.read(f"run/{name}"), self.read(f"straight/{name}"))

    def test_damaged_pointers(self):
        """A manifest cut short, a LATEST that names nothing: an earlier checkpoint serves; without any, exit code 5."""
        self.train("run", "--steps", "6", "--save-every", "2", "--keep", "10")
        with open(self.path("run/ckpt/step-00000006/manifest.json"), "r+") as file:
            file.truncate(100)
        self.mome("train", "--resume", "run", "--steps", "8", says=["warning", "manifest.json", "going on from step-00000004"])
        with open(self.path("run/ckpt/LATEST"), "w") as file:
            file.write("step-00000077\n")
        self.mome("train", "--resume", "run", "--steps", "10", says=["warning", "step-00000077", "going on from step-00000008"])
        for step in os.listdir(self.path("run/ckpt")):
            if step.startswith("step-"):
                os.remove(self.path(f"run/ckpt/{step}/manifest.json"))
        self.mome("train", "--resume", "run", "--steps", "12", code=5, says=["manifest.json", "not a whole checkpoint"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
