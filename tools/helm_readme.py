#!/usr/bin/env python3
"""Makes the table of values in helm/signet/README.md from the comments of values.yaml, and refuses a key that has none.

tools/helm_readme.py [--check]     --check changes nothing and fails where the table is not what the comments say.
"""
import json
import pathlib
import re
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent.parent / "helm/signet"
BEGIN, END = "<!-- values: made by tools/helm_readme.py -->", "<!-- end of values -->"
KEY = re.compile(r"^( *)([A-Za-z][A-Za-z0-9]*):(.*)$")


def documented(text):
    """Yields (path, description) of each key that a "# --" comment stands above; further comment lines belong to it."""
    path, description = [], None
    for line in text.splitlines():
        comment = re.match(r"^ *# ?(-- )?(.*)$", line)
        if comment:
            if comment[1]:
                description = comment[2]
            elif description is not None:
                description += " " + comment[2].strip()
            continue
        key = KEY.match(line)
        if key:
            path = path[:len(key[1]) // 2] + [key[2]]
            if description is not None:
                yield ".".join(path), description
        description = None


def value_at(values, path):
    for key in path.split("."):
        values = values[key]
    return values


def undocumented(values, known, path=""):
    """Leaves without a comment of their own or of a key above."""
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if here in known:
            continue
        if isinstance(value, dict) and value:
            yield from undocumented(value, known, here)
        else:
            yield here


def table():
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    rows = dict(documented(text))
    missing = list(undocumented(values, rows))
    if missing:
        sys.exit("values.yaml: no \"# --\" comment above: " + ", ".join(missing))
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for path, description in rows.items():
        default = json.dumps(value_at(values, path), ensure_ascii=False)
        lines.append(f"| `{path}` | `{default}` | {description} |".replace("{{", "{ {"))
    return "\n".join(lines)


def main(arguments):
    readme = CHART / "README.md"
    old = readme.read_text()
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        sys.exit(f"{readme}: needs one line \"{BEGIN}\" and one \"{END}\"")
    before, rest = old.split(BEGIN)
    new = f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"
    if "--check" in arguments:
        if new != old:
            sys.exit("helm/signet/README.md is not what values.yaml says; type: tools/helm_readme.py")
    elif new != old:
        readme.write_text(new)


if __name__ == "__main__":
    main(sys.argv[1:])
