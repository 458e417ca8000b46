#!/usr/bin/env python3
"""Refuses a message or a page that tells somebody to type a signetctl command which does not exist."""
import pathlib
import re
import subprocess
import sys

TYPED = re.compile(r'signetctl ((?:token|node|cert|service|client|bundle|authority|rotation|audit|migrate|slurm-conf) [a-z-]+)')

COMMAND = re.compile(r'\{"([a-z-]*)",\s*"([a-z-]+)",')  # a row of the table: group, name


def main(root):
    commands = {f"{group} {name}" for group, name in COMMAND.findall((root / "cli/commands/commands.cc").read_text())}
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.cc", "*.md", "tools/quickstart", "tools/bench"],
                            cwd=root, check=True, capture_output=True, text=True)
    faults = []
    for name in listed.stdout.split():
        if name.startswith("tests/") or not (root / name).exists():
            continue
        for number, line in enumerate((root / name).read_text().splitlines(), 1):
            faults += [f"{name}:{number}: signetctl {typed}: there is no such command"
                       for typed in TYPED.findall(line) if typed.rstrip("-") not in commands]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
