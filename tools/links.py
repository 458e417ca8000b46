#!/usr/bin/env python3
"""Refuses a relative link in a Markdown file whose target does not exist, and an anchor that no heading makes."""
import pathlib
import re
import subprocess
import sys

LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
HEADING = re.compile(r'^#+\s+(.*)$', re.MULTILINE)
FENCE = re.compile(r'^```.*?^```', re.MULTILINE | re.DOTALL)


def anchors(text):
    """GitHub's anchors of the headings in `text`."""
    plain = (re.sub(r'[^\w\- ]', '', heading.lower()) for heading in HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def main(root):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=root, check=True, capture_output=True, text=True)
    faults = []
    for name in listed.stdout.split():
        file = root / name
        if not file.exists():
            continue
        for target in LINK.findall(FENCE.sub("", file.read_text())):
            if re.match(r'[a-z]+:', target):
                continue
            path, _, anchor = target.partition("#")
            to = file if not path else (root / path[1:] if path.startswith("/") else file.parent / path)
            if not to.exists():
                faults.append(f"{name}: {target}: there is no such file")
            elif anchor and to.suffix == ".md" and anchor not in anchors(FENCE.sub("", to.read_text())):
                faults.append(f"{name}: {target}: no heading makes this anchor")
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
