"""listing.py FILE N: prints the N-th code block of a Markdown file."""
import pathlib
import re
import sys

blocks = re.findall(r"^```\w*\n(.*?)^```", pathlib.Path(sys.argv[1]).read_text(), re.S | re.M)
sys.stdout.write(blocks[int(sys.argv[2])])
