"""Every way to render the chart: valid, restricted, reproducible, and no value without an effect."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import yaml

from alternatives import ALTERNATIVES, WEAKER, beside
from chart import CHART, HELM, Refused, Rendered, at, copy_with_notes, judge, leaves, merged, run_helm, template, values

DEFAULTS = Rendered()


class EveryValue(unittest.TestCase):
    """The values of values.yaml, one at a time."""

    def test_has_an_alternative_here(self):
        self.assertEqual([], sorted({".".join(path) for path, _ in leaves(values())} ^ set(ALTERNATIVES)))

    def test_changes_something_and_stays_valid_and_restricted(self):
        for path, value in leaves(values()):
            name = ".".join(path)
            with self.subTest(name):
                base = beside(name)
                rendered = Rendered(merged(base, at(path, ALTERNATIVES[name])))
                self.assertTrue(Rendered(base).text != rendered.text, "a value without an effect")
                faults = judge(rendered.manifests())
                self.assertEqual(name in WEAKER, bool([f for f in faults if "pod security" in f]), faults)
                if name in WEAKER:
                    faults = judge(rendered.manifests(), "-security=false")
                self.assertEqual([], faults)

    def test_all_at_once(self):
        everything = {}
        for path, _ in leaves(values()):
            if ".".join(path) not in WEAKER | {"tests.enabled", "serviceAccount.create", "rbac.create", "serviceCertificates", "kubernetes.createServiceAccounts"}:
                everything = merged(everything, merged(beside(".".join(path)), at(path, ALTERNATIVES[".".join(path)])))
        self.assertEqual([], judge(Rendered(everything).manifests()))


class Lint(unittest.TestCase):
    def lint(self, chart, *arguments):
        done = subprocess.run([HELM, "lint", "--strict", str(chart), *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_is_silent_about_the_chart(self):
        slinky = {"nodesets": ["gpu", "cpu"], "loginsets": ["front"]}
        for more in ([], ["--set-json", f"slurm={json.dumps(slinky)}"], ["--set", "metrics.serviceMonitor.enabled=true,kek.existingSecret=mine"]):
            code, said = self.lint(CHART, *more)
            self.assertEqual(0, code, said)
            self.assertNotIn("WARNING", said)

    def test_speaks_up_where_there_is_something(self):
        with tempfile.TemporaryDirectory() as directory:
            chart = pathlib.Path(directory) / "signet"
            shutil.copytree(CHART, chart)
            (chart / "templates/broken.yaml").write_text("a: {{ .Values.image.repository }}: b\n")
            self.assertNotEqual(0, self.lint(chart)[0])


class Manifests(unittest.TestCase):
    def test_the_text_itself_is_accepted(self):
        self.assertEqual([], judge(template(chart=CHART)))

    def test_the_same_values_give_the_same_text(self):
        self.assertTrue(run_helm({}, CHART) == run_helm({}, CHART))

    def test_nothing_is_random_or_read_from_the_cluster(self):
        for file in CHART.glob("templates/**/*"):
            if file.is_file():
                for word in ("rand", "genCA", "genSelfSigned", "genSigned", "genPrivateKey", "uuidv4", "lookup", "now "):
                    self.assertNotIn(f" {word}", file.read_text(), file)

    def test_every_object_has_its_namespace_and_the_labels_that_tools_look_for(self):
        for rendered in (DEFAULTS, Rendered({"commonLabels": {"team": "hpc"}, "tests": {"slurmImages": ["a"]}})):
            for each in rendered.objects:
                name = f"{each['kind']} {each['metadata']['name']}"
                self.assertEqual(each["kind"] not in ("ClusterRole", "ClusterRoleBinding"), "namespace" in each["metadata"], name)
                labels = each["metadata"]["labels"]
                self.assertLessEqual({"helm.sh/chart", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/version",
                                      "app.kubernetes.io/component", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by"}, set(labels), name)
                if rendered is not DEFAULTS:
                    self.assertEqual("hpc", labels["team"], name)

    def test_no_two_objects_are_the_same_even_in_one_namespace(self):
        rendered = Rendered({"slurm": {"namespace": "signet"}, "tests": {"slurmImages": ["a", "b"]}, "metrics": {"serviceMonitor": {"enabled": True}}})
        names = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in rendered.objects]
        self.assertEqual(len(names), len(set(names)), names)
        self.assertEqual([], judge(rendered.manifests()))

    def test_objects_of_the_slurm_namespace_are_there(self):
        there = sorted(f"{o['kind']} {o['metadata']['name']}" for o in DEFAULTS.objects if o["metadata"].get("namespace") == "slurm")
        self.assertEqual([
            "ConfigMap signet-bundle", "ConfigMap signet-slurm", "Pod signet-test", "Role signet", "RoleBinding signet", "Secret signet-slurmctld-tls",
            "Secret signet-slurmdbd-tls", "Secret signet-slurmrestd-tls", "ServiceAccount signet-test", "ServiceAccount slurm-ctld", "ServiceAccount slurm-login",
            "ServiceAccount slurm-worker"], there)

    def test_what_signetd_writes_is_rendered_without_data_and_kept(self):
        written = DEFAULTS.all("Secret") + [DEFAULTS.one("ConfigMap", "signet-bundle")]
        self.assertEqual(4, len(written))
        for each in written:
            self.assertFalse({"data", "stringData", "binaryData", "immutable"} & set(each), each["metadata"]["name"])
            self.assertEqual("keep", each["metadata"]["annotations"]["helm.sh/resource-policy"])
            self.assertEqual("Opaque", each.get("type", "Opaque"))

    def test_what_slurms_pods_cannot_start_without_outlives_the_release(self):
        for each in [*DEFAULTS.all("ServiceAccount"), DEFAULTS.one("ConfigMap", "signet-slurm")]:
            of_slurm = each["metadata"]["namespace"] == "slurm" and "helm.sh/hook" not in each["metadata"].get("annotations", {})
            self.assertEqual("keep" if of_slurm else None, each["metadata"].get("annotations", {}).get("helm.sh/resource-policy"), each["metadata"]["name"])

    def test_no_default_image_can_be_anybodys(self):
        images = {c["image"] for o in DEFAULTS.all("StatefulSet") + DEFAULTS.all("Pod") for c in (o["spec"].get("template", o)["spec"])["containers"]}
        version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
        # RFC 6761, 6.4: no name below .invalid ever exists.
        self.assertEqual({f"registry.invalid/signet/signetd:{version}", f"registry.invalid/signet/signet-slurm:{version}"}, images)

    def test_rights_are_exactly_these(self):
        secrets = ["signet-slurmctld-tls", "signet-slurmdbd-tls", "signet-slurmrestd-tls"]
        self.assertEqual([
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["signet-bundle"], "verbs": ["get", "patch"]},
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get", "patch"]}], DEFAULTS.one("Role", "signet")["rules"])
        self.assertEqual(1, len(DEFAULTS.all("Role")))
        review = DEFAULTS.one("ClusterRole", "signet-signet-token-review")
        self.assertEqual([{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}], review["rules"])
        self.assertEqual(1, len(DEFAULTS.all("ClusterRole")))
        signetd = [{"kind": "ServiceAccount", "name": "signet", "namespace": "signet"}]
        bindings = DEFAULTS.all("RoleBinding") + DEFAULTS.all("ClusterRoleBinding")
        self.assertEqual([("Role", "signet", signetd), ("ClusterRole", "signet-signet-token-review", signetd)], [(b["roleRef"]["kind"], b["roleRef"]["name"], b["subjects"]) for b in bindings])

    def test_two_releases_do_not_share_a_cluster_wide_name(self):
        for kind in ("ClusterRole", "ClusterRoleBinding"):
            names = [Rendered(namespace=n).all(kind)[0]["metadata"]["name"] for n in ("one", "two")]
            self.assertNotEqual(*names)

    def test_the_testers_account_is_there_for_a_test_only_and_before_its_pod(self):
        account, pod = (DEFAULTS.one(kind, "signet-test") for kind in ("ServiceAccount", "Pod"))
        self.assertEqual(account["metadata"]["name"], pod["spec"]["serviceAccountName"])
        annotations = [each["metadata"]["annotations"] for each in (account, pod)]
        self.assertEqual(["test", "test"], [a["helm.sh/hook"] for a in annotations])
        self.assertEqual({"before-hook-creation", "hook-succeeded"}, set(annotations[0]["helm.sh/hook-delete-policy"].split(",")))
        self.assertLess(*(int(a.get("helm.sh/hook-weight", 0)) for a in annotations))
        hooks = [o["metadata"]["name"] for o in DEFAULTS.all("ServiceAccount") if "helm.sh/hook" in o["metadata"].get("annotations", {})]
        self.assertEqual(["signet-test"], hooks)

    def test_signetds_token_is_mounted_for_its_container_alone(self):
        pod = DEFAULTS.pod()
        self.assertIs(False, pod["automountServiceAccountToken"])
        for account in DEFAULTS.all("ServiceAccount"):
            self.assertIs(False, account["automountServiceAccountToken"])
        for each in DEFAULTS.all("Pod"):
            self.assertIs(False, each["spec"]["automountServiceAccountToken"])
        sources = next(v for v in pod["volumes"] if v["name"] == "api-access")["projected"]["sources"]
        self.assertEqual(["serviceAccountToken", "configMap"], [next(iter(s)) for s in sources])

    def test_one_replica_and_no_disruption_budget(self):
        self.assertEqual(1, DEFAULTS.one("StatefulSet", "signet")["spec"]["replicas"])
        self.assertEqual([], DEFAULTS.all("PodDisruptionBudget"))

    def test_only_the_volume_and_run_are_writable(self):
        container = DEFAULTS.container()
        self.assertIs(True, container["securityContext"]["readOnlyRootFilesystem"])
        self.assertEqual({"/var/lib/signet", "/run"}, {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")})
        # signetd refuses folders that others can write to, as an emptyDir and a volume with an fsGroup are: it makes its own below.
        config = yaml.safe_load(DEFAULTS.config("signet", "signetd.yaml"))
        self.assertEqual("/var/lib/signet/data", config["data_dir"])
        self.assertEqual({"/run/signet"}, {config["listen"][s]["socket"].rsplit("/", 1)[0] for s in ("admin", "controller")})

    def test_every_probe_asks_signetd_itself(self):
        container = DEFAULTS.container()
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertEqual("/usr/bin/signetctl", container[probe]["exec"]["command"][0])
            self.assertEqual("status", container[probe]["exec"]["command"][-1])

    def test_a_changed_configuration_starts_the_pod_again(self):
        def checksum(rendered):
            return rendered.one("StatefulSet", "signet")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        self.assertEqual(checksum(DEFAULTS), checksum(Rendered({"podLabels": {"a": "b"}})))
        self.assertNotEqual(checksum(DEFAULTS), checksum(Rendered({"log": {"level": "debug"}})))

    def test_the_pod_drains_before_it_is_killed(self):
        self.assertGreater(DEFAULTS.pod()["terminationGracePeriodSeconds"], 10)

    def test_a_key_encryption_key_from_a_secret_is_a_file_and_no_link(self):
        rendered = Rendered({"kek": {"existingSecret": "mine", "key": "the.kek"}})
        volume = next(v for v in rendered.pod()["volumes"] if v["name"] == "kek")["secret"]
        self.assertEqual({"secretName": "mine", "defaultMode": 0o440, "items": [{"key": "the.kek", "path": "kek"}]}, volume)
        mount = next(m for m in rendered.container()["volumeMounts"] if m["name"] == "kek")
        self.assertEqual(("/etc/signet-kek", "kek", True), (mount["mountPath"], mount["subPath"], mount["readOnly"]))
        self.assertEqual("/etc/signet-kek", yaml.safe_load(rendered.config("signet", "signetd.yaml"))["keys"]["kek_file"])

    def test_the_network_policy_lets_in_slurm_and_prometheus_and_out_dns_and_the_api(self):
        spec = DEFAULTS.one("NetworkPolicy", "signet")["spec"]
        self.assertEqual(["Ingress", "Egress"], spec["policyTypes"])
        self.assertEqual([("slurm", ["grpc"]), ("monitoring", ["metrics"])],
                         [(r["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], [p["port"] for p in r["ports"]]) for r in spec["ingress"]])
        self.assertEqual([[53, 53], [443, 6443]], [[p["port"] for p in r["ports"]] for r in spec["egress"]])

    def test_the_network_policy_lets_out_to_dns_on_other_ports(self):
        spec = Rendered({"networkPolicy": {"dnsPorts": [53, 5353]}}).one("NetworkPolicy", "signet")["spec"]
        self.assertEqual([(53, "UDP"), (53, "TCP"), (5353, "UDP"), (5353, "TCP")], [(p["port"], p["protocol"]) for p in spec["egress"][0]["ports"]])

    def test_hosts_outside_are_seen_by_their_own_addresses(self):
        outside = {"service": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "nodePort": 30843, "loadBalancerSourceRanges": ["10.0.0.0/24"], "loadBalancerClass": "example.com/inside"},
                   "networkPolicy": {"extraGrpcFrom": [{"ipBlock": {"cidr": "10.0.0.0/24"}}]}}
        rendered = Rendered(outside)
        spec = rendered.one("Service", "signet")["spec"]
        self.assertEqual(("LoadBalancer", "Local", ["10.0.0.0/24"], "example.com/inside", 30843),
                         (*(spec[k] for k in ("type", "externalTrafficPolicy", "loadBalancerSourceRanges", "loadBalancerClass")), spec["ports"][0]["nodePort"]))
        self.assertIn({"ipBlock": {"cidr": "10.0.0.0/24"}}, rendered.one("NetworkPolicy", "signet")["spec"]["ingress"][0]["from"])
        self.assertEqual([], judge(rendered.manifests()))
        # What another type has no use for is left out: Kubernetes refuses it.
        for kind, kept in (("ClusterIP", set()), ("NodePort", {"externalTrafficPolicy"})):
            other = Rendered(merged(outside, {"service": {"type": kind}}))
            self.assertEqual({"type", "selector", "ports"} | kept, set(other.one("Service", "signet")["spec"]))
            self.assertEqual([], judge(other.manifests()))

    def test_labels_of_the_pod_never_hide_it_from_its_selector(self):
        rendered = Rendered({"podLabels": {"app.kubernetes.io/name": "other", "team": "hpc"}, "commonLabels": {"app.kubernetes.io/instance": "other"}})
        self.assertEqual([], judge(template({"podLabels": {"app.kubernetes.io/name": "other"}}, chart=CHART)), "a key that stands twice")
        spec = rendered.one("StatefulSet", "signet")["spec"]
        self.assertLessEqual(spec["selector"]["matchLabels"].items(), spec["template"]["metadata"]["labels"].items())
        self.assertEqual("hpc", spec["template"]["metadata"]["labels"]["team"])

    def test_the_network_policy_lets_in_chosen_slurm_pods_and_the_test(self):
        chosen = {"matchLabels": {"app.kubernetes.io/name": "slurmctld"}}
        rendered = Rendered({"networkPolicy": {"slurmPodSelector": chosen}})
        peers = rendered.one("NetworkPolicy", "signet")["spec"]["ingress"][0]["from"]
        self.assertEqual(["slurm", "slurm"], [p["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for p in peers])
        self.assertEqual(chosen, peers[0]["podSelector"])
        self.assertLessEqual(peers[1]["podSelector"]["matchLabels"].items(), rendered.one("Pod", "signet-test")["metadata"]["labels"].items())
        self.assertEqual([], judge(rendered.manifests()))
        without = Rendered({"networkPolicy": {"slurmPodSelector": chosen}, "tests": {"enabled": False}})
        self.assertEqual(peers[:1], without.one("NetworkPolicy", "signet")["spec"]["ingress"][0]["from"])

    def test_selectors_find_the_pod_and_scrapes_come_by_one_service(self):
        rendered = Rendered({"metrics": {"serviceMonitor": {"enabled": True}}})
        labels = rendered.one("StatefulSet", "signet")["spec"]["template"]["metadata"]["labels"].items()
        for selector in [s["spec"]["selector"] for s in rendered.all("Service")] + [rendered.one("NetworkPolicy", "signet")["spec"]["podSelector"]["matchLabels"]]:
            self.assertLessEqual(selector.items(), labels)
        monitor = rendered.one("ServiceMonitor", "signet")["spec"]
        scraped = [s["metadata"]["name"] for s in rendered.all("Service") if monitor["selector"]["matchLabels"].items() <= s["metadata"]["labels"].items()
                   and monitor["endpoints"][0]["port"] in [p["name"] for p in s["spec"]["ports"]]]
        self.assertEqual(["signet-headless"], scraped)

    def test_spread_constraints_get_the_pods_labels_unless_they_have_their_own(self):
        own = {"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}
        other = {**own, "topologyKey": "b", "labelSelector": {"matchLabels": {"x": "y"}}}
        first, second = Rendered({"topologySpreadConstraints": [own, other]}).pod()["topologySpreadConstraints"]
        self.assertEqual("server", first["labelSelector"]["matchLabels"]["app.kubernetes.io/component"])
        self.assertEqual({"matchLabels": {"x": "y"}}, second["labelSelector"])

    def test_names_like_numbers_and_truth_values_stay_names(self):
        awkward = {"fullnameOverride": "y", "slurm": {"namespace": "1", "release": "2", "fullname": "3"}, "cluster": {"name": "12a"}, "serviceAccount": {"name": "3"},
                   "kubernetes": {"serviceAccounts": {"slurm-ctld": None, "no": "controller", "4": "slurmd"}}, "kek": {"existingSecret": "5"}, "priorityClassName": "6"}
        self.assertEqual([], judge(template(awkward, chart=CHART, release="7", namespace="8")))
        rendered = Rendered(awkward, release="7", namespace="8")
        self.assertEqual("controller", yaml.safe_load(rendered.config("y", "signetd.yaml"))["kubernetes"]["service_accounts"]["1/no"])

    def test_long_names_stay_names(self):
        rendered = Rendered({"fullnameOverride": "a" * 40, "tests": {"slurmImages": ["a"] * 1}}, release="r" * 53)
        self.assertEqual([], judge(rendered.manifests()))
        self.assertEqual([], judge(Rendered(release="r" * 53).manifests()))

    def test_missing_monitoring_files_are_named(self):
        with tempfile.TemporaryDirectory() as directory:
            chart = pathlib.Path(directory) / "signet"
            shutil.copytree(copy_with_notes()[1], chart)
            shutil.rmtree(chart / "files", ignore_errors=True)
            for kind, file in (("prometheusRule", "alerts.yaml"), ("dashboard", "dashboard.json")):
                with self.assertRaises(Refused) as refused:
                    template({"metrics": {kind: {"enabled": True}}}, chart=chart)
                self.assertIn(f"files/{file} is not in this copy of the chart", str(refused.exception))


class Alerts(unittest.TestCase):
    """SignetAbsent beside another cluster's signetd in one Prometheus."""

    def absent_fires(self, rendered, series):
        with tempfile.TemporaryDirectory() as directory:
            folder = pathlib.Path(directory)
            (folder / "rules.yaml").write_text(json.dumps(rendered.one("PrometheusRule", "signet")["spec"]))
            test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [{
                "interval": "1m", "input_series": [{"series": s, "values": "1x20"} for s in series],
                "promql_expr_test": [{"expr": 'count(ALERTS{alertname="SignetAbsent",alertstate="firing"}) or vector(0)', "eval_time": "15m", "exp_samples": [{"labels": "{}", "value": 0}]}]}]}
            (folder / "test.yaml").write_text(json.dumps(test))
            done = subprocess.run(["promtool", "test", "rules", str(folder / "test.yaml")], capture_output=True, text=True, check=False)
            said = done.stdout + done.stderr
            self.assertTrue(done.returncode == 0 or "got:" in said, said)
            return done.returncode != 0

    def test_another_clusters_signetd_hides_nothing(self):
        scraped = Rendered({"metrics": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}})
        ours = 'signet_build_info{namespace="signet",job="signet-headless",instance="10.0.0.1:6844"}'
        other = 'signet_build_info{namespace="other",job="signet-headless",instance="10.0.0.2:6844"}'
        self.assertFalse(self.absent_fires(scraped, [ours, other]))
        self.assertTrue(self.absent_fires(scraped, [other]))
        self.assertTrue(self.absent_fires(scraped, []))

    def test_without_a_service_monitor_nobody_knows_the_labels(self):
        alone = Rendered({"metrics": {"prometheusRule": {"enabled": True}}})
        self.assertFalse(self.absent_fires(alone, ['signet_build_info{job="mine"}']))
        self.assertEqual(yaml.safe_load((CHART / "files/alerts.yaml").read_text()), alone.one("PrometheusRule", "signet")["spec"])
