"""Helm itself refuses what values.schema.json does not allow."""
import concurrent.futures
import json
import subprocess
import sys
import unittest

from chart import CHART, TOP, Refused, at, leaves, template, values

# Maps whose keys are the user's own. Below every other key only the keys of values.yaml and of Kubernetes are allowed.
FREE = {"metrics.dashboard.labels", "networkPolicy.metricsNamespaceSelector.matchLabels", "kubernetes.serviceAccounts"}


def paths(tree, path=()):
    for key, value in tree.items():
        yield path + (key,)
        if isinstance(value, dict):
            yield from paths(value, path + (key,))


def refusals(cases):
    """Runs Helm for each (name, values); gives (name, what Helm said or None)."""
    def run(case):
        try:
            template(case[1], chart=CHART)
            return case[0], None
        except Refused as refused:
            return case[0], str(refused)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, cases))


class Readme(unittest.TestCase):
    def test_is_made_of_the_comments_in_values_yaml(self):
        done = subprocess.run([sys.executable, str(TOP / "tools/helm_readme.py"), "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(0, done.returncode, done.stderr)


class Schema(unittest.TestCase):
    def test_refuses_each_misspelt_key(self):
        cases = []
        for path in paths(values()):
            if ".".join(path[:-1]) in FREE:
                continue
            for wrong in (path[-1] + "x", path[-1][:-1], path[-1].upper()):
                cases.append((".".join(path[:-1] + (wrong,)), at(path[:-1] + (wrong,), "a")))
        self.assertGreater(len(cases), 300)
        accepted = [name for name, said in refusals(cases) if said is None or "dditional propert" not in said]
        self.assertEqual([], accepted)

    def test_only_the_listed_maps_are_free(self):
        schema = json.loads((CHART / "values.schema.json").read_text())

        def resolved(node):
            return schema["definitions"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node

        free = set()
        for path in paths(values()):
            node = schema
            for key in path[:-1]:
                node = resolved(node["properties"][key])
            if node.get("additionalProperties") is not False:
                free.add(".".join(path[:-1]))
        self.assertEqual(FREE, free)

    def test_refuses_a_wrong_type_at_each_key(self):
        cases = []
        for path, value in leaves(values()):
            wrong = {"a": {"b": 1}} if not isinstance(value, dict) else ["a"]
            if ".".join(path[:-1]) == "metrics.dashboard.labels":
                wrong = 1
            cases.append((".".join(path), at(path, wrong)))
        self.assertEqual([], [name for name, said in refusals(cases) if said is None or "values don't meet the spec" not in said])

    def test_refuses_values_that_signetd_or_kubernetes_would_refuse(self):
        cases = [
            ("image.digest", "sha256:abc"), ("kek.copyImage", "busybox"), ("kek.copyImage", "busybox@sha256:abc"), ("image.repository", ""), ("bundlePin", "abc"), ("cluster.name", ""), ("cluster.name", "two words"),
            ("slurm.namespace", "Slurm"), ("slurm.namespace", ""), ("slurm.nodesets", ["a", "a"]), ("serviceCertificates", ["slurmd"]),
            ("kubernetes.serviceAccounts", {"Bad_Name": "slurmd"}), ("kubernetes.serviceAccounts", {"other": "admin"}),
            ("kubernetes.slurmdOwner", "none"), ("authority.lifetime", "ten years"), ("log.level", "verbose"), ("limits.requestsPerKeyPerMinute", 6001), ("limits.maxConcurrentCalls", 4097), ("limits.messageBytes", 1024),
            ("persistence.accessModes", ["ReadWriteMany"]), ("persistence.size", "big"), ("service.type", "ExternalName"),
            ("podSecurityContext.fsGroupChangePolicy", "Always"), ("podSecurityContext.runAsUser", 0), ("terminationGracePeriodSeconds", 1),
            ("tests.slurmImages", ["image; rm -rf /"]), ("service.extraNames", [f"n{i}" for i in range(13)]), ("fullnameOverride", "Upper"),
        ]
        told = refusals([(f"{path}={value}", at(tuple(path.split(".")), value)) for path, value in cases])
        self.assertEqual([], [name for name, said in told if said is None or "values don't meet the spec" not in said])
