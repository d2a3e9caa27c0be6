"""Whole packages are kept: package_cache.py MODEL FOLDER. MODEL is cut in two files, of which one imports the other. A compilation that finds its package writes nothing into the folder."""
import pathlib
import shutil
import subprocess
import sys

model, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
source, cache = folder / "source", folder / "cache"
shutil.rmtree(folder, ignore_errors=True)
(source / "lib").mkdir(parents=True)
imported = source / "lib" / "tiny.mome"
block, rest = model.read_text().split("\nmodel ")
imported.write_text(block)
(source / "model.mome").write_text('import "lib/tiny.mome" { Tiny }\n\nmodel ' + rest)
COMMAND = ["momec", "model.mome", f"--cache={cache}", "-o", "model.mpk"]


def files():
    return {path for path in cache.rglob("*") if path.is_file()}


def compiles(*flags):
    """The package, and whether anything was compiled: all but packages is removed first, so that it would be written again."""
    for path in files():
        if b"MPK1" not in path.read_bytes():
            path.unlink()
    before = files()
    subprocess.run([*COMMAND, *flags], cwd=source, check=True)
    return (source / "model.mpk").read_bytes(), files() != before


first, compiled = compiles()
assert compiled
again, compiled = compiles()
assert again == first and not compiled, "the second time it is there"

other, compiled = compiles("--batch=7")
assert compiled and other != first, "flags count"
again, compiled = compiles()
assert again == first and not compiled

text = imported.read_text()
imported.write_text(text + "// more\n")
changed, compiled = compiles()
assert compiled and changed != first, "what is imported counts"
imported.write_text(text)
again, compiled = compiles()  # the entry of these flags holds the other text now
assert again == first and compiled

for path in files():  # altered entries count as missing
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
again, compiled = compiles()
assert again == first and compiled
print("packages are kept")
