#!/usr/bin/env python3
"""Refuses an include that is not an edge of tools/layers.txt, and a foreign header outside the folders that own it."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def read_layers(path):
    layers, controlled = {}, set()
    for line in path.read_text().splitlines():
        if line.startswith("# Foreign prefixes under control:"):
            controlled = set(line.split(":", 1)[1].split())
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        folder, _, edges = line.partition(":")
        words = edges.split()
        layers[folder] = ({w for w in words if not w.startswith("!")}, {w[1:] for w in words if w.startswith("!")})
    return layers, controlled


def owner(path, layers):
    """The longest listed folder that holds this path, or None."""
    parts = pathlib.PurePosixPath(path).parts
    for length in range(len(parts) - 1, 0, -1):
        folder = "/".join(parts[:length])
        if folder in layers:
            return folder
    return None


def main(root):
    layers, controlled = read_layers(root / "tools/layers.txt")
    faults = []
    for top in ("services", "clients", "adapters", "cli"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            name = file.relative_to(root).as_posix()
            folder = owner(name, layers)
            if folder is None:
                faults.append(f"{name}: its folder has no line in tools/layers.txt")
                continue
            folders, foreign = layers[folder]
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = match.group(2)
                # Generated protobuf headers are included as signet/v1/… and google/rpc/….
                to = "proto" if target.startswith(("signet/v1/", "google/rpc/")) else owner(target, layers)
                if match.group(1) == '"' and to is None and "/" not in target:
                    faults.append(f'{name}:{number}: "{target}": write the path from the top of the tree')
                elif to not in (None, folder) and to not in folders:
                    faults.append(f"{name}:{number}: {folder} may not include {to} (tools/layers.txt)")
                elif to is None:
                    for prefix in controlled:
                        if (target == prefix + ".h" or target.startswith(prefix + "/")) and prefix not in foreign:
                            faults.append(f"{name}:{number}: {folder} may not include <{target}>: {prefix} has owners (tools/layers.txt)")
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
