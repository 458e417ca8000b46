"""The values of Slinky's `slurm` chart in the notes: nothing that it would drop, everything that TLS needs, no trap."""
import copy
import re
import unittest

import yaml

from chart import TOP, Rendered, as_text, judge

RENDERED = Rendered({"slurm": {"nodesets": ["gpu", "123"], "loginsets": ["front", "on"]}})
OWN, CA = "/etc/slurm-tls/own", "/etc/slurm-tls/ca/ca_cert.pem"

# The pods as the operator builds them, as far as our values could collide with it: user ids, the names of volumes and of containers.
OPERATOR = {
    "slurmctld": {"fsGroup": 401, "runAsUser": 401, "volumes": ["slurm-etc", "slurm-logfile", "slurm-pidfile", "statesave", "slurm-authsocket"], "init": ["reconfigure", "logfile"]},
    "slurmdbd": {"fsGroup": 401, "runAsUser": 401, "volumes": ["slurm-etc", "slurm-pidfile"], "init": []},
    "slurmrestd": {"fsGroup": 65534, "runAsUser": 65534, "volumes": ["slurm-etc"], "init": []},
    "slurmd": {"fsGroup": None, "runAsUser": None, "volumes": ["slurm-etc", "slurm-logfile"], "init": ["logfile"], "port": 6818},
    "login": {"fsGroup": None, "runAsUser": None, "volumes": ["slurm-etc", "sackd-dir", "slurm-config", "ssh-host-keys", "ssh-config", "sssd-conf"], "init": ["initconf"]},
}


def components(slinky):
    """(container's name, its values, the pod's values) of every workload."""
    yield "slurmctld", slinky["controller"]["slurmctld"], slinky["controller"]["podSpec"]
    yield "slurmdbd", slinky["accounting"]["slurmdbd"], slinky["accounting"]["podSpec"]
    yield "slurmrestd", slinky["restapi"]["slurmrestd"], slinky["restapi"]["podSpec"]
    for nodeset in slinky["nodesets"].values():
        yield "slurmd", nodeset["slurmd"], nodeset["podSpec"]
    for loginset in slinky["loginsets"].values():
        yield "login", loginset["login"], loginset["podSpec"]


def volume(pod, name):
    return next(v for v in pod["volumes"] if v["name"] == name)


def mount(container, path):
    found = [m for m in container["volumeMounts"] if m["mountPath"] == path]
    assert len(found) == 1, f"{len(found)} mounts at {path}"
    return found[0]


def token_source(pod, name):
    return volume(pod, name)["projected"]["sources"][0]["serviceAccountToken"]


class PassThrough(unittest.TestCase):
    def test_the_chart_takes_each_key(self):
        allowed = yaml.safe_load((TOP / "tests/helm/slurm-chart.yaml").read_text())

        def look(values, allowed, path):
            for key, value in values.items():
                self.assertTrue(key in allowed or "*" in allowed, f"the slurm chart drops {path}{key}")
                kind = allowed.get(key, allowed.get("*"))
                if isinstance(kind, dict):
                    look(value, kind, f"{path}{key}.")
                elif kind == "conf":
                    for name, setting in value.items():
                        parts = setting if isinstance(setting, list) else [setting]
                        self.assertTrue(all(isinstance(p, str) and re.fullmatch(r"[^\s,;]+", p) for p in parts), f"{path}{key}.{name}: {setting}")
                elif kind == "text":
                    self.assertIsInstance(value, str)
                else:
                    self.assertIsInstance(value, dict)  # test_kubernetes_accepts_each_pod looks inside
        look(RENDERED.slinky, allowed, "")

    def test_kubernetes_accepts_each_pod(self):
        for name, container, pod in components(RENDERED.slinky):
            operator = OPERATOR[name]
            spec = copy.deepcopy(pod)
            main = {"name": name, "image": "slurm", **copy.deepcopy(container)}
            if "port" in operator:
                main["ports"] = [{"name": name, "containerPort": operator["port"]}]
            spec["containers"] = [main] + spec["containers"]
            spec["initContainers"] = [{"name": n, "image": "slurm"} for n in operator["init"]] + spec["initContainers"]
            spec["volumes"] = [{"name": n, "emptyDir": {}} for n in operator["volumes"]] + spec["volumes"]
            document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "slurm"}, "spec": spec}
            self.assertEqual([], judge(as_text(document), "-security=false"), name)

    def test_the_notes_hold_the_same_text_and_the_command_cuts_it_out(self):
        cut = re.search(r"^# slinky-values.yaml$(.*)^# end of slinky-values.yaml$", RENDERED.notes, re.M | re.S)
        self.assertEqual(RENDERED.slinky, yaml.safe_load(cut[1]))
        self.assertEqual(RENDERED.slinky_text.strip(), cut[1].strip())

    def test_names_like_numbers_and_truth_values_stay_names(self):
        self.assertEqual({"gpu", "123"}, set(RENDERED.slinky["nodesets"]))
        self.assertEqual({"front", "on"}, set(RENDERED.slinky["loginsets"]))


class Contents(unittest.TestCase):
    def test_slurm_conf_names_the_plugins_the_files_and_every_script(self):
        conf = RENDERED.slinky["controller"]["extraConfMap"]
        self.assertEqual({"TLSType", "TLSParameters", "CertmgrType", "CertmgrParameters", "CertgenType", "CertgenParameters"}, set(conf))
        self.assertEqual(("tls/s2n", "certmgr/script", "certgen/script"), (conf["TLSType"], conf["CertmgrType"], conf["CertgenType"]))
        self.assertEqual({"ca_cert_file": CA, "ctld_cert_file": f"{OWN}/tls.crt", "ctld_cert_key_file": f"{OWN}/tls.key",
                          "restd_cert_file": f"{OWN}/tls.crt", "restd_cert_key_file": f"{OWN}/tls.key"},
                         dict(p.split("=") for p in conf["TLSParameters"]))
        scripts = {f"{name.replace('-', '_')}_script": f"/opt/signet/{name}" for name in
                   ("get-node-token", "generate-csr", "get-node-cert-key", "validate-node", "sign-csr")}
        self.assertEqual(scripts, dict(p.split("=") for p in conf["CertmgrParameters"]))
        self.assertEqual({"certgen_script": "/opt/signet/certgen", "keygen_script": "/opt/signet/keygen"}, dict(p.split("=") for p in conf["CertgenParameters"]))

    def test_the_scripts_are_those_that_the_adapter_installs(self):
        names = set(re.findall(r'"([a-z-]+)"', re.search(r"kScriptNames\[\][^;]*;|kScriptNames[^;]*;", (TOP / "adapters/slurm/verb.h").read_text())[0]))
        conf = RENDERED.slinky["controller"]["extraConfMap"]
        self.assertEqual(names, {p.rsplit("/", 1)[1] for p in conf["CertmgrParameters"] + conf["CertgenParameters"]})

    def test_slurmdbd_conf_names_its_pair(self):
        conf = RENDERED.slinky["accounting"]["extraConfMap"]
        self.assertEqual("tls/s2n", conf["TLSType"])
        self.assertEqual({"ca_cert_file": CA, "dbd_cert_file": f"{OWN}/tls.crt", "dbd_cert_key_file": f"{OWN}/tls.key"}, dict(p.split("=") for p in conf["TLSParameters"]))
        self.assertEqual({"TLSType", "TLSParameters"}, set(conf))

    def test_the_cluster_name_is_the_same_on_both_sides(self):
        rendered = Rendered({"cluster": {"name": "007"}})
        self.assertEqual("007", rendered.slinky["clusterName"])
        self.assertEqual("007", yaml.safe_load(rendered.config("signet", "signetd.yaml"))["cluster"])
        self.assertEqual("007", yaml.safe_load(rendered.config("signet-slurm", "signet-slurm.yaml"))["cluster"])

    def test_every_pod_gets_the_adapter_its_configuration_and_a_bundle_that_stays_fresh(self):
        for name, container, pod in components(RENDERED.slinky):
            with self.subTest(name):
                self.assertEqual(["install", "--dest", "/opt/signet", "--state-dir", "/signet-state/state"], pod["initContainers"][0]["args"])
                self.assertEqual(["refresh", "--wait", "5m"], pod["initContainers"][1]["args"])
                self.assertEqual(["refresh", "--every", "60s"], pod["containers"][0]["args"])
                for each in (pod["initContainers"][1], pod["containers"][0]):
                    self.assertNotIn("readOnly", mount(each, "/etc/slurm-tls/ca"))
                    self.assertEqual("state", mount(each, "/var/lib/signet-slurm")["subPath"])
                self.assertEqual("signet-program", mount(pod["initContainers"][0], "/opt/signet")["name"])
                self.assertEqual("signet-program", mount(container, "/opt/signet")["name"])
                self.assertEqual("signet-ca", mount(container, "/etc/slurm-tls/ca")["name"])
                sources = [s["configMap"] for s in volume(pod, "signet-config")["projected"]["sources"]]
                self.assertEqual([("signet-slurm", ["signet-slurm.yaml"]), ("signet-bundle", ["bundle", "control_ca.pem", "bundle_pin"])],
                                 [(s["name"], [i["key"] for i in s["items"]]) for s in sources])
                self.assertFalse([s for s in sources if s.get("optional")], "a pod waits for the bundle")

    def test_the_reconfigure_sidecar_can_call_slurmctld(self):
        for path in ("/opt/signet", "/etc/signet", "/etc/slurm-tls/ca"):
            self.assertTrue(mount(RENDERED.slinky["controller"]["reconfigure"], path)["readOnly"])

    def test_service_accounts_are_those_that_enrol(self):
        slinky = RENDERED.slinky
        self.assertEqual("slurm-ctld", slinky["controller"]["podSpec"]["serviceAccountName"])
        self.assertEqual("slurm-worker", slinky["nodesets"]["gpu"]["podSpec"]["serviceAccountName"])
        self.assertEqual("slurm-login", slinky["loginsets"]["front"]["podSpec"]["serviceAccountName"])
        self.assertNotIn("serviceAccountName", slinky["accounting"]["podSpec"])
        self.assertNotIn("serviceAccountName", slinky["restapi"]["podSpec"])


class Traps(unittest.TestCase):
    def test_sackd_options_repeat_the_conf_server(self):
        for login in RENDERED.slinky["loginsets"].values():
            self.assertEqual([{"name": "SACKD_OPTIONS", "value": f"--conf-server slurm-controller.slurm:6817 --ca-cert-file {CA}"}], login["login"]["env"])

    def test_slurmd_verifies_its_first_configless_fetch(self):
        for nodeset in RENDERED.slinky["nodesets"].values():
            self.assertEqual(["--ca-cert-file", CA], nodeset["slurmd"]["args"])

    def test_the_startup_probe_repeats_http_get_and_waits_five_minutes(self):
        for nodeset in RENDERED.slinky["nodesets"].values():
            self.assertEqual({"httpGet": {"path": "/livez", "port": "slurmd"}, "periodSeconds": 10, "failureThreshold": 30}, nodeset["slurmd"]["startupProbe"])

    def test_s2n_gets_keys_that_no_other_user_can_read(self):
        for name, container, pod in components(RENDERED.slinky):
            if name not in ("slurmctld", "slurmdbd", "slurmrestd"):
                self.assertNotIn("signet-own", [v["name"] for v in pod["volumes"]])
                continue
            secret = volume(pod, "signet-own")["secret"]
            self.assertEqual((f"signet-{name}-tls", 0o440), (secret["secretName"], secret["defaultMode"]))
            self.assertEqual([{"key": "tls.crt", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}], secret["items"])
            self.assertTrue(mount(container, OWN)["readOnly"])

    def test_tokens_are_for_signet_and_only_their_owner_reads_them(self):
        for name, container, pod in components(RENDERED.slinky):
            if name in ("slurmctld", "slurmd"):
                self.assertEqual(0o400, volume(pod, "signet-token")["projected"]["defaultMode"])
                self.assertEqual("signet", token_source(pod, "signet-token")["audience"])
                self.assertTrue(mount(container, "/var/run/secrets/signet")["readOnly"])

    def test_login_pods_mirror_the_token_as_401_and_have_no_fs_group(self):
        for login in RENDERED.slinky["loginsets"].values():
            pod = login["podSpec"]
            self.assertNotIn("securityContext", pod)
            self.assertEqual("signet", token_source(pod, "signet-token-source")["audience"])
            # Readable for all, so nobody but the mirror may have it.
            self.assertEqual(0o444, volume(pod, "signet-token-source")["projected"]["defaultMode"])
            mirrors = [c for c in pod["initContainers"] + pod["containers"] if c["args"][0] == "mirror-token"]
            holders = [c for c in pod["initContainers"] + pod["containers"] + [login["login"]] if "signet-token-source" in [m["name"] for m in c["volumeMounts"]]]
            self.assertEqual(mirrors, holders)
            self.assertEqual([[], ["--every", "60s"]], [c["args"][5:] for c in mirrors])
            for each in mirrors:
                self.assertEqual(401, each["securityContext"]["runAsUser"])
                self.assertEqual(["--from", "/var/run/secrets/signet-source/token", "--to", "/var/run/secrets/signet/token"], each["args"][1:5])
            self.assertIn("emptyDir", volume(pod, "signet-token"))
            self.assertTrue(mount(login["login"], "/var/run/secrets/signet")["readOnly"])

    def test_nothing_that_users_reach_is_writable_at_an_empty_dirs_root(self):
        for name, container, pod in components(RENDERED.slinky):
            for each in container["volumeMounts"]:
                if not each.get("readOnly"):
                    self.assertEqual(("signet-state", "state"), (each["name"], each.get("subPath")), name)
            self.assertEqual(name in ("slurmd", "login"), "signet-state" in [m["name"] for m in container["volumeMounts"]], name)

    def test_nothing_is_mounted_into_etc_slurm(self):
        for name, container, pod in components(RENDERED.slinky):
            for each in container["volumeMounts"]:
                self.assertFalse(each["mountPath"].startswith("/etc/slurm/") or each["mountPath"] == "/etc/slurm", name)

    def test_sidecars_run_as_the_daemon_beside_them_and_with_nothing_more(self):
        users = {"slurmctld": 401, "slurmdbd": 401, "slurmrestd": 65534, "slurmd": 0, "login": 401}
        for name, container, pod in components(RENDERED.slinky):
            for each in pod["initContainers"] + pod["containers"]:
                self.assertEqual(users[name], each["securityContext"]["runAsUser"], each["name"])
                self.assertEqual({"drop": ["ALL"]}, each["securityContext"]["capabilities"])
                self.assertIs(False, each["securityContext"]["allowPrivilegeEscalation"])
                self.assertIs(True, each["securityContext"]["readOnlyRootFilesystem"])


class Notes(unittest.TestCase):
    def test_say_first_that_slinkys_images_lack_s2n(self):
        self.assertTrue(RENDERED.notes.startswith("FIRST: Slinky's published Slurm images have no TLS plugin."))

    def test_warn_of_what_helm_and_the_slurm_chart_drop_without_a_word(self):
        self.assertIn("Helm merges maps and replaces lists", RENDERED.notes)
        self.assertIn("Where controller.extraConf or accounting.extraConf is set, that chart reads no extraConfMap", RENDERED.notes)

    def test_print_a_restart_for_each_rotated_secret(self):
        for workload in ("statefulset/slurm-controller", "statefulset/slurm-accounting", "deployment/slurm-restapi"):
            self.assertIn(f"kubectl -n slurm rollout restart {workload}", RENDERED.notes)
        only = Rendered({"serviceCertificates": ["slurmdbd"], "slurm": {"release": "hpc", "namespace": "cluster"}}).notes
        self.assertIn("kubectl -n cluster rollout restart statefulset/hpc-accounting", only)
        self.assertNotIn("rollout restart deployment/hpc-restapi", only)

    def test_tell_where_the_key_encryption_key_is(self):
        self.assertIn("a lost key-encryption key\nis a lost CA", RENDERED.notes)
        self.assertIn('"claimName":"data-signet-0"', RENDERED.notes)
        elsewhere = Rendered({"kek": {"existingSecret": "signet-kek"}}).notes
        self.assertIn("The key-encryption key is Secret signet-kek", elsewhere)
        self.assertNotIn("kubectl -n signet run", elsewhere)

    def test_the_pod_that_copies_the_key_out_is_a_pod_and_restricted(self):
        document = {**self.kek_pod(RENDERED), "kind": "Pod", "metadata": {"name": "kek", "namespace": "signet"}}
        self.assertEqual([], judge(as_text(document)))

    def kek_pod(self, rendered):
        return yaml.safe_load(re.search(r"--overrides='(\{.*?\})'\n", rendered.notes)[1])

    def test_the_key_goes_through_no_containers_log(self):
        container = self.kek_pod(RENDERED)["spec"]["containers"][0]
        self.assertEqual(["sleep", "600"], container["command"])
        self.assertNotIn("args", container)
        self.assertIn("kubectl -n signet exec signet-kek -- cat /volume/data/kek > signet-kek", RENDERED.notes)
        self.assertIn("kubectl -n signet delete pod signet-kek", RENDERED.notes)

    def test_the_pod_that_copies_the_key_has_the_image_that_is_named_and_no_other(self):
        self.assertEqual("IMAGE", self.kek_pod(RENDERED)["spec"]["containers"][0]["image"])
        self.assertIn("kek.copyImage", RENDERED.notes)
        image = "registry.example/busybox@sha256:" + "0" * 64
        named = Rendered({"kek": {"copyImage": image}})
        self.assertEqual(image, self.kek_pod(named)["spec"]["containers"][0]["image"])
        self.assertIn(f" --image={image} ", named.notes)

    def test_ask_for_the_pin_until_it_is_set(self):
        self.assertIn("--set bundlePin=", RENDERED.notes)
        pinned = Rendered({"bundlePin": "ab" * 32}).notes
        self.assertNotIn("--set bundlePin=", pinned)
        self.assertIn("ab" * 32, pinned)
