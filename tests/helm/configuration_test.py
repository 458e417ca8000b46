"""The rendered configuration, by the real programs. SIGNET_BUILD names the build folder that holds them."""
import os
import pathlib
import subprocess
import tempfile
import unittest

import yaml

from alternatives import ALTERNATIVES, beside
from chart import BUILD, Rendered, at, leaves, merged, values

SIGNETD, SIGNETCTL, SIGNET_SLURM, SERVER_TEST = (BUILD / "bin" / name for name in ("signetd", "signetctl", "signet-slurm", "server_test"))


def run(*command, **environment):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"], **environment})
    return done.returncode, done.stdout + done.stderr


def check_config(text):
    """signetd's faults; empty when it accepts the file."""
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "signetd.yaml"
        file.write_text(text)
        code, said = run(SIGNETD, "--config", file, "--check-config")
        return "" if code == 0 else said or f"exit {code}"


def adapter_faults(text):
    """What the adapter says about its file; empty when it takes it. `state show` needs nothing else, and on this host there is no state."""
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "signet-slurm.yaml"
        file.write_text(text.replace("state_dir: /var/lib/signet-slurm", f"state_dir: {directory}/state"))
        _, said = run(SIGNET_SLURM, "state", "show", SIGNET_SLURM_CONFIG=str(file))
        return "" if f"no identity key in {directory}/state" in said else said or "silence"


class Signetd(unittest.TestCase):
    def test_accepts_its_file_whatever_the_values(self):
        seen = {}
        for path, _ in leaves(values()):
            name = ".".join(path)
            rendered = Rendered(merged(beside(name), at(path, ALTERNATIVES[name])))
            seen[rendered.config(rendered.all("StatefulSet")[0]["metadata"]["name"], "signetd.yaml")] = name
        self.assertGreater(len(seen), 15)
        for text, name in seen.items():
            with self.subTest(name):
                self.assertEqual("", check_config(text))

    def test_refuses_a_file_with_a_fault(self):
        self.assertIn("lifetime", check_config(Rendered().config("signet", "signetd.yaml").replace("lifetime: 7d", "lifetime: 7 days")))
        self.assertIn("clutser", check_config(Rendered().config("signet", "signetd.yaml").replace("cluster:", "clutser:")))

    def test_listens_on_the_ports_and_names_that_others_use(self):
        rendered = Rendered({"service": {"extraNames": ["ca.example"]}}, namespace="pki")
        listen = yaml.safe_load(rendered.config("signet", "signetd.yaml"))["listen"]
        ports = {p["name"]: p["containerPort"] for p in rendered.container()["ports"]}
        self.assertEqual({"grpc": 6843, "metrics": 6844}, ports)
        self.assertEqual([f"0.0.0.0:{p}" for p in ports.values()], [listen[k]["address"] for k in ports])
        self.assertEqual(["signet", "signet.pki", "signet.pki.svc", "signet.pki.svc.cluster.local", "ca.example"], listen["grpc"]["names"])
        server, = yaml.safe_load(rendered.config("signet-slurm", "signet-slurm.yaml"))["servers"]
        self.assertIn(server, [f"{name}:6843" for name in listen["grpc"]["names"]])

    def test_knows_every_service_account_and_object_that_the_chart_makes(self):
        rendered = Rendered()
        kubernetes = yaml.safe_load(rendered.config("signet", "signetd.yaml"))["kubernetes"]
        made = {f"slurm/{a['metadata']['name']}" for a in rendered.all("ServiceAccount") if a["metadata"]["namespace"] == "slurm"}
        self.assertEqual(made, set(kubernetes["service_accounts"]))
        self.assertEqual({f"slurm/{s['metadata']['name']}" for s in rendered.all("Secret")}, set(kubernetes["publish"]["service_secrets"]))
        self.assertEqual(["slurm/signet-bundle"], kubernetes["publish"]["bundle_config_maps"])

    def test_its_probe_is_a_command_that_exists(self):
        command = Rendered().container()["livenessProbe"]["exec"]["command"]
        code, said = run(SIGNETCTL, "--server", "unix:/nowhere/admin.sock", *command[1:])
        self.assertEqual(3, code, said)  # unreachable; 2 would be wrong usage

    def test_pods_enrol_and_secrets_are_published_with_the_rendered_rights_alone(self):
        """signetd's engines against the fake API server, which forbids what these manifests do not grant and tells what they grant for nothing."""
        for more in ({}, {"tests": {"enabled": False}}, {"serviceCertificates": []}, {"slurm": {"namespace": "hpc"}, "serviceAccount": {"name": "signetd"}}):
            with self.subTest(more), tempfile.TemporaryDirectory() as directory:
                file = pathlib.Path(directory) / "manifests.yaml"
                file.write_text(Rendered(more).manifests())
                code, said = run(SERVER_TEST, "--gtest_filter=KubernetesManifests*", SIGNET_RBAC_YAML=str(file))
                self.assertEqual(0, code, said[-4000:])
                self.assertRegex(said, r"\[  PASSED  \] [1-9]")

    def test_a_missing_right_fails_that_test(self):
        rendered = Rendered()
        rendered.one("Role", "signet")["rules"][2]["verbs"] = ["get"]
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "manifests.yaml"
            file.write_text(rendered.manifests())
            code, said = run(SERVER_TEST, "--gtest_filter=KubernetesManifests*", SIGNET_RBAC_YAML=str(file))
            self.assertNotEqual(0, code)
            self.assertIn("patch", said)


class Adapter(unittest.TestCase):
    def test_accepts_its_file(self):
        for more in ({}, {"bundlePin": "ab" * 32}, {"cluster": {"name": "12a"}}, {"fullnameOverride": "y"}):
            rendered = Rendered(more)
            name = next(c["metadata"]["name"] for c in rendered.all("ConfigMap") if "signet-slurm.yaml" in c.get("data", {}))
            self.assertEqual("", adapter_faults(rendered.config(name, "signet-slurm.yaml")))

    def test_refuses_a_file_with_a_fault(self):
        self.assertIn("server", adapter_faults(Rendered().config("signet-slurm", "signet-slurm.yaml").replace("servers:", "server:")))

    def test_believes_a_pin_or_the_published_one_and_never_both(self):
        published = yaml.safe_load(Rendered().config("signet-slurm", "signet-slurm.yaml"))
        self.assertEqual(("/etc/signet/bundle_pin", None), (published.get("bundle_pin_file"), published.get("bundle_pin")))
        pinned = yaml.safe_load(Rendered({"bundlePin": "00" * 32}).config("signet-slurm", "signet-slurm.yaml"))
        self.assertEqual((None, "00" * 32), (pinned.get("bundle_pin_file"), pinned.get("bundle_pin")))

    def test_finds_everything_where_the_slurm_pods_have_it(self):
        config = yaml.safe_load(Rendered().config("signet-slurm", "signet-slurm.yaml"))
        controller = Rendered().slinky["controller"]
        parameters = dict(p.split("=") for p in controller["extraConfMap"]["TLSParameters"])
        self.assertEqual(parameters["ca_cert_file"], config["ca_cert_file"])
        self.assertEqual((parameters["ctld_cert_file"], parameters["ctld_cert_key_file"]), (config["service"]["cert"], config["service"]["key"]))
        mounts = [m["mountPath"] for m in controller["slurmctld"]["volumeMounts"]]
        for file in (config["ca_cert_file"], config["tls"]["ca"], config["kubernetes"]["token_file"], config["service"]["key"], *config["bundle_sources"]):
            self.assertIn(file.rsplit("/", 1)[0], mounts)

    def test_knows_the_verbs_that_the_chart_calls(self):
        rendered = Rendered({"slurm": {"loginsets": ["front"]}})
        _, usage = run(SIGNET_SLURM, "--help")
        pods = [rendered.slinky[c]["podSpec"] for c in ("controller", "accounting", "restapi")] + [rendered.slinky[s][k]["podSpec"] for s in ("nodesets", "loginsets") for k in rendered.slinky[s]]
        calls = {tuple(c["args"]) for p in pods for c in p["initContainers"] + p["containers"]} | {("selftest",)}
        for call in calls:
            line = next((l for l in usage.splitlines() if l.strip().startswith(call[0] + " ")), "")
            for word in call:
                if word.startswith("--") or word == call[0]:
                    self.assertIn(word, line, f"signet-slurm {' '.join(call)}")


class SlurmImages(unittest.TestCase):
    """The script that looks into Slurm's images, in roots like theirs."""

    def look(self, *files, ldd=None):
        script = Rendered({"tests": {"slurmImages": ["registry.example/slurmd"]}}).one("Pod", "signet-test-image-0")["spec"]["containers"][0]
        with tempfile.TemporaryDirectory() as root:
            for file in files:
                path = pathlib.Path(root + file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            if ldd is None:
                return run(*script["command"], *script["args"], SIGNET_ROOT=root)
            program = pathlib.Path(root) / "ldd"
            program.write_text(f"#!/bin/sh\necho '{ldd}'\n")
            program.chmod(0o755)
            return run(*script["command"], *script["args"], SIGNET_ROOT=root, PATH=f"{root}:{os.environ['PATH']}")

    def test_finds_the_plugin_wherever_distributions_put_it(self):
        for file in ("/usr/lib64/slurm/tls_s2n.so", "/usr/lib/x86_64-linux-gnu/slurm/tls_s2n.so", "/usr/lib/aarch64-linux-gnu/slurm-wlm/tls_s2n.so", "/usr/local/lib/slurm/tls_s2n.so",
                     "/opt/slurm-25.11/lib/slurm/tls_s2n.so", "/usr/lib/slurm/tls_s2n.so"):
            code, said = self.look(file, "/usr/lib64/libs2n.so.1")
            self.assertEqual((0, True), (code, file in said), file)

    def test_finds_the_library_wherever_a_loader_looks(self):
        plugin = "/usr/lib64/slurm/tls_s2n.so"
        for library in ("/usr/lib64/libs2n.so.1", "/usr/lib/x86_64-linux-gnu/libs2n.so.1", "/usr/local/lib/libs2n.so.1"):
            code, said = self.look(plugin, library)
            self.assertEqual((0, True), (code, library in said), library)

    def test_fails_where_the_plugin_came_without_its_library(self):
        plugin = "/usr/lib64/slurm/tls_s2n.so"
        for code, said in (self.look(plugin), self.look(plugin, "/usr/lib64/libs2n.so.1", ldd="libs2n.so.1 => not found")):
            self.assertEqual(1, code, said)
            self.assertIn("not all of the libraries that it loads (libs2n), in registry.example/slurmd", said)
            self.assertIn("next: copy libs2n into the image", said)
        self.assertEqual(0, self.look(plugin, ldd="libs2n.so.1 => /opt/s2n/libs2n.so.1 (0x0)")[0])

    def test_fails_without_it_and_says_what_to_do(self):
        code, said = self.look("/usr/lib64/slurm/tls_none.so")
        self.assertEqual(1, code)
        self.assertIn("no tls_s2n.so among Slurm's plugins in registry.example/slurmd", said)
        self.assertIn("next: build the image with libs2n", said)
