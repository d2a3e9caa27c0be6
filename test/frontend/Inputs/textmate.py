"""The TextMate grammar: its rules exist and compile, and it knows every word the parser begins a statement with."""
import json
import pathlib
import re
import sys

grammar = json.loads(pathlib.Path(sys.argv[1]).read_text())
patterns = []


def walk(node):
    if isinstance(node, dict):
        if "include" in node:
            assert node["include"].lstrip("#") in grammar["repository"], node["include"]
        for key in ("match", "begin", "end"):
            if key in node:
                re.compile(node[key])
                patterns.append(node[key])
        for child in node.values():
            walk(child)
    elif isinstance(node, list):
        for child in node:
            walk(child)


walk(grammar)
source = "".join(path.read_text() for path in sorted(pathlib.Path(sys.argv[2]).glob("parse*.cpp")))
words = set(re.findall(r'(?:first|peek\(\))\.named\("(\w+)"\)', source))
words |= set(re.findall(r'"(\w+)"', re.search(r"model_keywords\[\] = \{(.*?)\};", source, re.S).group(1)))
assert len(words) > 20, words
text = "\n".join(patterns)
missing = [word for word in sorted(words) if not re.search(rf"\b{word}\b", text)]
assert not missing, f"not in the grammar: {missing}"
