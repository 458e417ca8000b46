"""The values of Slinky's `slurm` chart in the notes: nothing that it would drop, everything that TLS needs, no trap."""
import copy
import re
import unittest

import yaml

from chart import TOP, Refused, Rendered, as_text, judge

RENDERED = Rendered({"slurm": {"nodesets": ["gpu", "123"], "loginsets": ["front", "on"]}})
EXTERNAL = Rendered({"cluster": {"name": "alpha"}, "slurm": {"external": True, "confServer": "ctl1.example:6817,ctl2.example:6817", "release": "hpc"}, "serviceCertificates": ["slurmrestd"]})
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
    if "controller" in slinky:
        yield "slurmctld", slinky["controller"]["slurmctld"], slinky["controller"]["podSpec"]
    yield "slurmdbd", slinky["accounting"]["slurmdbd"], slinky["accounting"]["podSpec"]
    yield "slurmrestd", slinky["restapi"]["slurmrestd"], slinky["restapi"]["podSpec"]
    for nodeset in slinky.get("nodesets", {}).values():
        yield "slurmd", nodeset["slurmd"], nodeset["podSpec"]
    for loginset in slinky.get("loginsets", {}).values():
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
        only_restd = Rendered({"serviceCertificates": ["slurmrestd"]})
        for name, container, pod in [c for r in (RENDERED, EXTERNAL, only_restd) for c in components(r.slinky)]:
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
        for values, name in (({"cluster": {"name": "alpha"}}, "alpha"), ({}, "slurm_slurm"), ({"slurm": {"release": "hpc", "namespace": "batch"}}, "batch_hpc-slurm")):
            rendered = Rendered(values)
            self.assertEqual(name, rendered.slinky["clusterName"])
            self.assertEqual(name, yaml.safe_load(rendered.config("signet", "signetd.yaml"))["cluster"])
            self.assertEqual(name, yaml.safe_load(rendered.config("signet-slurm", "signet-slurm.yaml"))["cluster"])
            self.assertIn(f"Its name is {name}, and stays.", rendered.notes)

    def test_a_service_without_a_certificate_from_here_waits_for_none(self):
        """A pod whose Secret nobody makes never starts."""
        for listed in ([], ["slurmctld"], ["slurmdbd"], ["slurmrestd"], ["slurmctld", "slurmrestd"]):
            rendered = Rendered({"serviceCertificates": listed})
            made = {s["metadata"]["name"] for s in rendered.all("Secret")}
            for name, container, pod in components(rendered.slinky):
                wanted = [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v]
                self.assertEqual([f"signet-{name}-tls"] if name in listed else [], wanted)
                self.assertLessEqual(set(wanted), made)
                self.assertEqual(name in listed, OWN in [m["mountPath"] for m in container["volumeMounts"]], name)
            parameters = ",".join(p for c in ("controller", "accounting") for p in rendered.slinky[c]["extraConfMap"]["TLSParameters"])
            for service, key in (("slurmctld", "ctld_"), ("slurmdbd", "dbd_"), ("slurmrestd", "restd_")):
                self.assertEqual(service in listed, key in parameters, service)
                self.assertEqual(service not in listed, f"serviceCertificates has no {service}:" in rendered.slinky_text)

    def test_a_kind_of_pod_without_an_account_is_said(self):
        none = Rendered({"kubernetes": {"serviceAccounts": {"slurm-ctld": None, "slurm-login": None}}})
        self.assertNotIn("serviceAccountName", none.slinky["controller"]["podSpec"])
        self.assertNotIn("serviceAccountName", none.slinky["loginsets"]["slinky"]["podSpec"])
        self.assertEqual("slurm-worker", none.slinky["nodesets"]["slinky"]["podSpec"]["serviceAccountName"])
        for kind in ("controller", "sackd"):
            self.assertIn(f"# kubernetes.serviceAccounts has no {kind}: without one these pods are refused.", none.slinky_text)
        self.assertNotIn("has no", RENDERED.slinky_text)

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


class Names(unittest.TestCase):
    """Slinky's own rules: "slurm.fullname" of its chart; its operator's <full name>-controller, and <namespace>_<full name> for an empty clusterName."""

    def test_follow_the_release_the_namespace_and_the_overrides(self):
        for slurm, name in (({}, "slurm"), ({"release": "hpc"}, "hpc-slurm"), ({"release": "my-slurm-2"}, "my-slurm-2"), ({"fullname": "site"}, "site"), ({"release": "hpc", "fullname": "site"}, "site"),
                            ({"release": "r" * 53, "namespace": "n"}, "r" * 53 + "-slurm")):
            rendered = Rendered({"slurm": slurm, "cluster": {"name": "alpha"}})
            namespace = slurm.get("namespace", "slurm")
            self.assertEqual([f"--conf-server {name}-controller.{namespace}:6817 --ca-cert-file {CA}"], [e["value"] for e in rendered.slinky["loginsets"]["slinky"]["login"]["env"]])
            workloads = set(re.findall(r"(?:statefulset|deployment)/([a-z0-9-]+)", rendered.notes)) - {"signet"}
            self.assertEqual({f"{name}-controller", f"{name}-accounting", f"{name}-restapi"}, workloads)
            self.assertEqual({name}, set(re.findall(r"(?:app.kubernetes.io/instance|slinky.slurm.net/cluster)=([a-z0-9-]+)", rendered.notes)))

    def test_the_controller_is_found_where_it_says(self):
        rendered = Rendered({"slurm": {"confServer": "a-0.a-internal.slurm:6817,a-1.a-internal.slurm:6817"}})
        self.assertIn("--conf-server a-0.a-internal.slurm:6817,a-1.a-internal.slurm:6817 --ca-cert-file", rendered.slinky["loginsets"]["slinky"]["login"]["env"][0]["value"])

    def test_a_cluster_name_that_slurm_would_refuse_is_never_made_up(self):
        with self.assertRaises(Refused) as refused:
            Rendered({"slurm": {"namespace": "a-namespace-of-some-length", "release": "and-a-release"}})
        self.assertIn("Slurm takes at most 40 characters: set cluster.name", str(refused.exception))

    def test_the_defaults_of_all_sets_have_their_key(self):
        slinky = Rendered({"slurm": {"nodesets": ["_defaults"], "loginsets": ["_defaults"]}}).slinky
        self.assertEqual(["_defaults"], [*slinky["nodesets"]])
        self.assertEqual("slurm-login", slinky["loginsets"]["_defaults"]["podSpec"]["serviceAccountName"])


class ExternalController(unittest.TestCase):
    def test_nothing_is_printed_that_slinky_would_ignore(self):
        self.assertEqual({"accounting", "restapi", "nodesets", "loginsets"}, set(EXTERNAL.slinky))

    def test_login_pods_ask_it(self):
        self.assertEqual(f"--conf-server ctl1.example:6817,ctl2.example:6817 --ca-cert-file {CA}", EXTERNAL.slinky["loginsets"]["slinky"]["login"]["env"][0]["value"])

    def test_its_slurm_conf_gets_the_lines_that_the_map_would_hold(self):
        lines = dict(l.strip().split("=", 1) for l in EXTERNAL.notes.split("\n# slinky-values.yaml\n")[0].splitlines() if re.match("    (TLS|Cert)[A-Za-z]+=", l))
        conf = Rendered({"serviceCertificates": ["slurmrestd"]}).slinky["controller"]["extraConfMap"]
        # The adapter tells of the certificate that lies beside ca_cert_file under Slurm's own name.
        folder = CA.rsplit("/", 1)[0]
        conf["TLSParameters"] = [f"ca_cert_file={CA}", f"ctld_cert_file={folder}/ctld_cert.pem", f"ctld_cert_key_file={folder}/ctld_cert_key.pem", *conf["TLSParameters"][1:]]
        self.assertEqual({k: v if isinstance(v, str) else ",".join(v) for k, v in conf.items()}, lines)
        self.assertEqual(6, len(lines))

    def test_slurmrestd_reads_a_file_of_its_own_and_the_operators_key(self):
        restd, pod = EXTERNAL.slinky["restapi"]["slurmrestd"], EXTERNAL.slinky["restapi"]["podSpec"]
        environment = {e["name"]: e["value"] for e in restd["env"]}
        self.assertEqual({"SLURM_CONF", "SLURM_SACK_KEY"}, set(environment))
        folder, file = environment["SLURM_CONF"].rsplit("/", 1)
        name = volume(pod, mount(restd, folder)["name"])["configMap"]["name"]
        self.assertIn(f"kubectl -n slurm create configmap {name} --from-file={file} ", EXTERNAL.notes)
        self.assertIn("kubectl -n slurm get configmap hpc-slurm-config -o 'jsonpath={.data.slurm\\.conf}'", EXTERNAL.notes)
        self.assertEqual("/etc/slurm/slurm.key", environment["SLURM_SACK_KEY"])
        self.assertNotIn("env", RENDERED.slinky["restapi"]["slurmrestd"])

    def test_nothing_is_executed_in_pods_of_a_controller_that_has_none(self):
        self.assertNotIn("-c slurmctld", EXTERNAL.notes)
        self.assertNotIn("-controller", EXTERNAL.notes)
        self.assertIn("\n    scontrol show config | grep ClusterName\n", EXTERNAL.notes)

    def test_what_only_the_site_knows_must_be_set(self):
        good = {"cluster": {"name": "alpha"}, "slurm": {"external": True, "confServer": "ctl:6817"}, "serviceCertificates": ["slurmrestd"]}
        for change, told in (({"cluster": {"name": ""}}, "set cluster.name to the ClusterName of the external slurm.conf"),
                             ({"slurm": {"external": True}}, "set slurm.confServer to host:port of slurmctld"),
                             ({"serviceCertificates": ["slurmctld", "slurmrestd"]}, "take slurmctld out of serviceCertificates")):
            with self.assertRaises(Refused) as refused:
                Rendered({**good, **change})
            self.assertIn(told, str(refused.exception))


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
