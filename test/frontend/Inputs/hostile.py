"""Prints a hostile .mome file of the named kind."""
import sys

N = 100_000
KINDS = {
    "nested-brackets": lambda: "block f(x) {\n  y = " + "(" * N + "x" + ")" * N + "\n}\n",
    "long-sum": lambda: "block f(x) {\n  y = x" + " + x" * N + "\n}\n",
    "nested-if": lambda: "block f(x) {\n" + "if x == 1 {\n" * N + "}\n" * N + "}\n",
    "else-if": lambda: "block f(x) {\n  if x == 1 {\n  }" + " else if x == 1 {\n  }" * N + "\n}\n",
    "subscripts": lambda: "block f(x) {\n  y = " + "x[" * N + "0" + "]" * N + "\n}\n",
    "minus": lambda: "block f(x) {\n  y = " + "-" * N + "x\n}\n",
    "settings": lambda: "train f of M {\n  a " + "b { " * N + "}" * N + "\n}\n",
    "too-large": lambda: "block f(x) {\n  y = [" + "x, " * 3_500_000 + "!]\n}\n",  # 10 MB on one line
    "long-line": lambda: "block f(x) {\n  y = [" + "x, " * 300_000 + "!]\n}\n",
    "long-name": lambda: "block f(x) {\n  los " + "x" * 4_000_000 + "\n}\n",
    "nul": lambda: "block f(x) {\n  y = \0\0\0\n" + "\0" * 4_000_000 + "\n}\n",
    "garbage": lambda: "@\n" * 2_000_000,
}
sys.stdout.write(KINDS[sys.argv[1]]())
