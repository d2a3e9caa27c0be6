"""codes.py MOMEC TEST_FOLDER: every code of `momec explain --list` is provoked by a test, which names it as [CODE]."""
import pathlib
import subprocess
import sys

listing = subprocess.run([sys.argv[1], "explain", "--list"], capture_output=True, text=True, check=True).stdout
codes = [line.split()[0] for line in listing.splitlines()]
assert len(codes) > 50
suffixes = {".mome", ".test", ".mlir"}
tests = "".join(path.read_text(errors="replace") for path in pathlib.Path(sys.argv[2]).rglob("*") if path.suffix in suffixes)
missing = [code for code in codes if f"[{code}]" not in tests]
sys.exit(f"no test provokes {', '.join(missing)}" if missing else 0)
