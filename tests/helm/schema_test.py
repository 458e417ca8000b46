"""Helm itself refuses what values.schema.json does not allow."""
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

from chart import CHART, TOP, Refused, at, leaves, run_helm, template, values

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
            ("image.digest", "sha256:abc"), ("kek.copyImage", "busybox"), ("kek.copyImage", "busybox@sha256:abc"), ("kek.copyImage", "a;b@sha256:" + "0" * 64), ("kek.copyImage", "a`b`@sha256:" + "0" * 64), ("kek.copyImage", "a\nb@sha256:" + "0" * 64),
            ("image.repository", ""), ("image.repository", "a b"), ("adapterImage.repository", "a\nb: c"), ("bundlePin", "abc"), ("cluster.name", "two words"), ("cluster.name", "a" * 41),
            ("slurm.confServer", "ctl"), ("slurm.confServer", "ctl:6817 -f /x"), ("slurm.fullname", "Site"), ("slurm.nodesets", ["_other"]), ("service.externalTrafficPolicy", "local"),
            ("service.nodePort", 70000), ("service.loadBalancerSourceRanges", ["everybody"]), ("networkPolicy.dnsPorts", []),
            ("slurm.namespace", "Slurm"), ("slurm.namespace", ""), ("slurm.nodesets", ["a", "a"]), ("serviceCertificates", ["slurmd"]),
            ("kubernetes.serviceAccounts", {"Bad_Name": "slurmd"}), ("kubernetes.serviceAccounts", {"other": "admin"}),
            ("kubernetes.slurmdOwner", "none"), ("authority.lifetime", "ten years"), ("log.level", "verbose"), ("limits.requestsPerKeyPerMinute", 6001), ("limits.maxConcurrentCalls", 4097), ("limits.messageBytes", 1024),
            ("persistence.accessModes", ["ReadWriteMany"]), ("persistence.size", "big"), ("service.type", "ExternalName"),
            ("podSecurityContext.fsGroupChangePolicy", "Always"), ("podSecurityContext.runAsUser", 0), ("terminationGracePeriodSeconds", 1),
            ("tests.slurmImages", ["image; rm -rf /"]), ("service.extraNames", [f"n{i}" for i in range(13)]), ("fullnameOverride", "Upper"),
        ]
        told = refusals([(f"{path}={value}", at(tuple(path.split(".")), value)) for path, value in cases])
        self.assertEqual([], [name for name, said in told if said is None or "values don't meet the spec" not in said])

    def test_refuses_a_misspelt_key_of_kubernetes_in_short_lists(self):
        spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        cases = [
            ("tolerations", [{"kye": "x"}]), ("affinity.nodeAffinity", {"required": []}), ("affinity.podAntiAffinity", {"preferred": []}),
            ("topologySpreadConstraints", [{**spread, "labelSelectr": {}}]), ("topologySpreadConstraints", [{**spread, "labelSelector": {"matchLabel": {}}}]),
            ("extraEnv", [{"name": "A", "vale": "b"}]), ("extraVolumeMounts", [{"name": "a", "mountPath": "/a", "readonly": True}]), ("networkPolicy.extraGrpcFrom", [{"ipblock": {"cidr": "192.0.2.0/24"}}]),
            ("networkPolicy.extraGrpcFrom", [{"ipBlock": {"cdir": "192.0.2.0/24"}}]), ("networkPolicy.slurmPodSelector", {"matchExpressions": [{"key": "a", "operator": "Is", "values": ["b"]}]}),
        ]
        told = refusals([(f"{path}={value}", at(tuple(path.split(".")), value)) for path, value in cases])
        self.assertEqual([], [name for name, said in told if said is None or "values don't meet the spec" not in said])

    def test_refuses_names_that_the_slurm_chart_would_print_as_something_else(self):
        """It prints clusterName without quotes."""
        def printed(name):
            return yaml.safe_load(f"clusterName: {name}")["clusterName"]
        others = ["007", "0", "-1", "1_000", "0x1f", "0b11", "on", "Off", "yes", "NO", "true", "False", "null", "2026-11-22"]
        names = ["alpha", "slurm_slurm", "n0", "12a", "0x", "cluster-7", "Online", "nullify", "1-2"]
        self.assertEqual([], [n for n in others if isinstance(printed(n), str)])
        self.assertEqual([], [n for n in names if printed(n) != n])
        # What other readers of YAML take for numbers and truth values, and what is none at all.
        others += ["1e5", "0o17", "y", "N", "-"]
        told = dict(refusals([(name, {"cluster": {"name": name}}) for name in others + names]))
        self.assertEqual([], [name for name in others if told[name] is None or "values don't meet the spec" not in told[name]])
        self.assertEqual([], [(name, told[name]) for name in names if told[name] is not None])

    def test_names_a_section_that_null_took_away(self):
        sections = [key for key, value in values().items() if isinstance(value, dict) and value]
        self.assertGreater(len(sections), 15)
        told = refusals([(name, {name: None}) for name in sections])
        self.assertEqual([], [name for name, said in told if said is None or f"{name} is required" not in said])

    def test_a_chart_that_depends_on_this_one_can_switch_it(self):
        with tempfile.TemporaryDirectory() as directory:
            site = pathlib.Path(directory)
            dependency = {"name": "signet", "version": yaml.safe_load((CHART / "Chart.yaml").read_text())["version"], "condition": "signet.enabled"}
            (site / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "site", "version": "0.1.0", "dependencies": [dependency]}))
            shutil.copytree(CHART, site / "charts/signet")
            self.assertIn("kind: StatefulSet", run_helm({"signet": {"enabled": True}, "global": {"site": "a"}}, site))
            self.assertEqual("", run_helm({"signet": {"enabled": False}}, site).strip())
