#!/usr/bin/env python3
"""Refuses docs/attacks.md when it names a test that does not exist, or an attack without a test."""
import pathlib
import re
import sys

TEST = re.compile(r"^(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
NAMED = re.compile(r"`(\w+\.\w+)`")


def main(root):
    page = root / "docs/attacks.md"
    tests = {".".join(found) for file in (root / "tests").glob("**/*.cc") for found in TEST.findall(file.read_text())}
    faults = []
    rows = 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or cells[-1] == "tests" or set(cells[-1]) <= {"-", ":"}:
            continue
        rows += 1
        named = NAMED.findall(cells[-1])
        if not named:
            faults.append(f"{page.name}:{number}: no test tries: {cells[0]}")
        faults += [f"{page.name}:{number}: there is no test {test}" for test in named if test not in tests]
    if rows == 0:
        faults.append(f"{page.name} has no row")
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
