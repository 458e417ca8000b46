"""Renders the chart with Helm, and asks the judge about the result."""
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
CHART = TOP / "helm/signet"
HELM = os.environ.get("HELM", str(TOP / "build/tools/helm"))
JUDGE = os.environ.get("JUDGE", str(TOP / "build/tools/judge"))
BUILD = pathlib.Path(os.environ.get("SIGNET_BUILD", str(TOP / "build/release")))
KUBERNETES = "1.31.0"

# Helm prints notes at an install only, so the tests' copy of the chart has them in an object.
NOTES = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: notes-for-tests}
data:
  notes: {{ include "signet.notes" . | quote }}
  slinky: {{ include "signet.slinkyValues" . | quote }}
"""


class Refused(Exception):
    """Helm ended with an error."""


@functools.lru_cache(maxsize=None)
def copy_with_notes():
    directory = tempfile.TemporaryDirectory(prefix="signet-chart-")
    copy = pathlib.Path(directory.name) / "signet"
    shutil.copytree(CHART, copy)
    (copy / "templates/zz-notes.yaml").write_text(NOTES)
    return directory, copy


def run_helm(values, chart, release="signet", namespace="signet"):
    """What `helm template` prints."""
    command = [HELM, "template", release, str(chart), "--namespace", namespace, "--kube-version", KUBERNETES, "--values", "-"]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


@functools.lru_cache(maxsize=None)
def remembered(values, *arguments):
    return run_helm(json.loads(values), *arguments)


def template(values=None, chart=None, release="signet", namespace="signet"):
    """The same, once for each question. `chart`: else the copy with the notes."""
    return remembered(json.dumps(values or {}), chart or copy_with_notes()[1], release, namespace)


class Rendered:
    """The chart with some values: its objects, its notes and the values that these give to Slinky's chart."""

    def __init__(self, values=None, **options):
        self.text = template(values, **options)
        documents = [d for d in yaml.safe_load_all(self.text) if d]
        for_tests = [d for d in documents if d["metadata"]["name"] == "notes-for-tests"]
        self.objects = [d for d in documents if d["metadata"]["name"] != "notes-for-tests"]
        if for_tests:
            self.notes = for_tests[0]["data"]["notes"]
            self.slinky_text = for_tests[0]["data"]["slinky"]
            self.slinky = yaml.safe_load(self.slinky_text)

    def all(self, kind):
        return [o for o in self.objects if o["kind"] == kind]

    def one(self, kind, name):
        found = [o for o in self.all(kind) if o["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} of {kind} {name}; there are {[o['metadata']['name'] for o in self.all(kind)]}"
        return found[0]

    def manifests(self):
        return as_text(*self.objects)

    def pod(self):
        return self.one("StatefulSet", "signet")["spec"]["template"]["spec"]

    def container(self):
        return next(c for c in self.pod()["containers"] if c["name"] == "signetd")

    def config(self, name, key):
        return self.one("ConfigMap", name)["data"][key]


def as_text(*documents):
    """JSON, which every reader of YAML takes for the same."""
    return "\n---\n".join(json.dumps(d) for d in documents)


def judge(manifests, *arguments):
    """The judge's faults; empty when all is well."""
    done = subprocess.run([JUDGE, *arguments], input=manifests, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    lines = done.stdout.strip().splitlines()
    return [] if done.returncode == 0 else lines


def values():
    return yaml.safe_load((CHART / "values.yaml").read_text())


def leaves(tree, path=()):
    """(path, value) of each value that is no map, or an empty one."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, path + (key,))
        else:
            yield path + (key,), value


def at(path, value):
    """{"a": {"b": value}} for ("a", "b")."""
    for key in reversed(path):
        value = {key: value}
    return value


def merged(left, right):
    out = dict(left)
    for key, value in right.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out
