"""Runs the commands that a page shows and compares what they print.

  run_commands.py PAGE.md FOLDER      in FOLDER, where models/ is the repository's

A ```console block is a session: lines that start with `$ ` are commands, the lines after one are its whole output (standard
output and error together), or `...` where any lines may stand. `[exit N]` ends the output of a command that fails so.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def sessions(page):
    """Yields (line number, command, expected output lines, exit code)."""
    step, inside = None, False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
            if not inside and step:
                yield step
                step = None
        elif inside and line.startswith("$ "):
            if step:
                yield step
            step = [number, line[2:], [], 0]
        elif inside and (exit_code := re.fullmatch(r"\[exit (\d+)\]", line)):
            step[3] = int(exit_code[1])
        elif inside:
            step[2].append(line)


def pattern(lines):
    """A regular expression for output lines; `...` alone is any number of lines, within a line any text."""
    parts = [r"(?:.*\n)*?" if line == "..." else ".*?".join(map(re.escape, line.split("..."))) + r" *\n" for line in lines]
    return re.compile("".join(parts))


def main():
    page, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "models").symlink_to(ROOT / "models")
    count = 0
    for number, command, lines, expected in sessions(page):
        done = subprocess.run(["bash", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
        where = f"{page}:{number}: $ {command}\n{done.stdout[-4000:]}"
        if done.returncode != expected:
            sys.exit(f"{where}exit code {done.returncode}, the page says {expected}")
        if not pattern(lines).fullmatch(done.stdout):
            sys.exit(f"{where}is what it prints; the page says:\n" + "\n".join(lines))
        count += 1
    if not count:
        sys.exit(f"{page}: no ```console block")
    print(f"{page.name}: {count} commands print what the page says")


if __name__ == "__main__":
    main()
