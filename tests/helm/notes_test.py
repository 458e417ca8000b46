"""What the notes tell an administrator to type: the right names, in the right order, and nothing that does not work."""
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

from chart import CHART, TOP, Rendered, as_text, judge

RENDERED = Rendered({"slurm": {"nodesets": ["gpu", "123"], "loginsets": ["front", "on"]}})
EXTERNAL = Rendered({"cluster": {"name": "alpha"}, "slurm": {"external": True, "confServer": "ctl1.example:6817,ctl2.example:6817", "release": "hpc"}, "serviceCertificates": ["slurmrestd"]})


class Notes(unittest.TestCase):
    def test_say_first_that_slinkys_images_lack_s2n(self):
        self.assertTrue(RENDERED.notes.startswith("FIRST: Slinky's published Slurm images have no TLS plugin."))

    def test_warn_of_what_helm_and_the_slurm_chart_drop_without_a_word(self):
        self.assertIn("Helm merges maps and replaces lists", RENDERED.notes)
        self.assertIn("Where controller.extraConf or accounting.extraConf is set, that chart reads no extraConfMap", RENDERED.notes)

    def restarts(self, rendered, failing="never"):
        """What the commands of step 5 ask of kubectl, which has two pods of each kind; a command with `failing` in it fails."""
        script = re.search(r"^    restart\(\) \{$.*?^\n", rendered.notes, re.M | re.S)[0]
        with tempfile.TemporaryDirectory() as directory:
            kubectl = pathlib.Path(directory) / "kubectl"
            kubectl.write_text(f'#!/bin/sh\necho "$*" >>{directory}/calls\ncase "$*" in *"{failing}"*) exit 1 ;; *" get pods "*) printf "pod/a\\npod/b\\n" ;; esac\n')
            kubectl.chmod(0o755)
            subprocess.run(["sh", "-c", script], env={"PATH": f"{directory}:/usr/bin:/bin"}, check=False)
            return (pathlib.Path(directory) / "calls").read_text().splitlines()

    def test_restart_pod_after_pod_what_a_rotated_secret_needs(self):
        def restart(name, workload, namespace="slurm", full="slurm"):
            k = f"-n {namespace}"
            return [f"{k} get pods -l app.kubernetes.io/name={name},app.kubernetes.io/instance={full} -o name",
                    f"{k} delete pod/a", f"{k} rollout status {workload} --timeout=10m", f"{k} delete pod/b", f"{k} rollout status {workload} --timeout=10m"]
        self.assertEqual(["-n slurm exec statefulset/slurm-controller -c slurmctld -- scontrol reconfigure", *restart("slurmdbd", "statefulset/slurm-accounting"),
                          *restart("slurmrestd", "deployment/slurm-restapi")], self.restarts(RENDERED))
        only = Rendered({"serviceCertificates": ["slurmdbd"], "slurm": {"release": "hpc", "namespace": "cluster"}})
        self.assertEqual(restart("slurmdbd", "statefulset/hpc-slurm-accounting", "cluster", "hpc-slurm"), self.restarts(only))
        self.assertEqual(restart("slurmrestd", "deployment/hpc-slurm-restapi", "slurm", "hpc-slurm"), self.restarts(EXTERNAL))

    def test_a_pod_that_does_not_come_back_keeps_the_next_one(self):
        only = Rendered({"serviceCertificates": ["slurmrestd"]})
        self.assertEqual(["delete pod/a"], [c[9:] for c in self.restarts(only, failing="rollout status") if "delete" in c])

    def test_no_command_asks_for_a_restart_that_the_operator_takes_back(self):
        for notes in (RENDERED.notes, EXTERNAL.notes, (TOP / "docs/kubernetes.md").read_text(), (CHART / "README.md").read_text()):
            self.assertEqual([], [l for l in notes.splitlines() if "rollout restart" in l and "`kubectl rollout restart` is of no use" not in l])
        self.assertIn("`kubectl rollout restart` is of no use", RENDERED.notes)

    def test_the_flag_day_drains_keeps_the_version_and_replaces_every_slurmd(self):
        exec_ = "kubectl -n slurm exec statefulset/slurm-controller -c slurmctld -- "
        steps = [exec_ + "sinfo --list-reasons", exec_ + "scontrol update nodename=ALL state=drain", exec_ + "squeue", "helm list -n slurm", "helm upgrade --install slurm oci://ghcr.io/slinkyproject/charts/slurm --version VERSION -n slurm ",
                 "kubectl -n slurm delete pods -l app.kubernetes.io/name=slurmd,slinky.slurm.net/cluster=slurm ", exec_ + "scontrol update nodename=ALL state=resume", "The way back: helm rollback slurm -n slurm"]
        places = [RENDERED.notes.find(step) for step in steps]
        self.assertNotIn(-1, places, [s for s, p in zip(steps, places) if p < 0])
        self.assertEqual(sorted(places), places)
        self.assertLess(places[-1], RENDERED.notes.index("\n# slinky-values.yaml\n"))
        self.assertIn("every nodeset and loginset that is enabled must stand here", RENDERED.notes)

    def test_compare_the_cluster_name_with_the_one_that_runs_before_anything_enrols(self):
        command = "kubectl -n slurm exec statefulset/slurm-controller -c slurmctld -- scontrol show config | grep ClusterName"
        self.assertLess(0, RENDERED.notes.index(command))
        self.assertLess(RENDERED.notes.index(command), RENDERED.notes.index("\n2. "))

    def test_ask_for_images_until_both_are_named(self):
        ours = {"image": {"repository": "r.example/signetd"}, "adapterImage": {"repository": "r.example/signet-slurm"}}
        for values in ({}, {"image": ours["image"]}, {"adapterImage": ours["adapterImage"]}):
            self.assertIn("--set image.repository=registry.example/signet/signetd --set adapterImage.repository=registry.example/signet/signet-slurm", Rendered(values).notes)
        self.assertNotIn("registry.invalid", Rendered(ours).notes)

    def test_every_upgrade_names_its_namespace_and_takes_new_defaults(self):
        upgrades = [l.strip() for l in Rendered({}, namespace="pki").notes.splitlines() if l.strip().startswith("helm upgrade signet ")]
        self.assertEqual(3, len(upgrades))
        self.assertEqual([], [u for u in upgrades if not u.startswith("helm upgrade signet helm/signet -n pki --reset-then-reuse-values --set")])

    def test_tell_where_the_key_encryption_key_is(self):
        self.assertIn("a lost key-encryption key\nis a lost CA", RENDERED.notes)
        self.assertIn('"claimName":"data-signet-0"', RENDERED.notes)
        elsewhere = Rendered({"kek": {"existingSecret": "signet-kek"}}).notes
        self.assertIn("The key-encryption key is Secret signet-kek", elsewhere)
        self.assertNotIn("kubectl -n signet run", elsewhere)

    def test_the_pod_that_copies_the_key_out_is_a_pod_and_restricted(self):
        for rendered in (RENDERED, self.kek_elsewhere(), self.kek_alone()):
            document = {**self.kek_pod(rendered), "kind": "Pod", "metadata": {"name": "kek", "namespace": "signet"}}
            self.assertEqual([], judge(as_text(document)))

    def kek_elsewhere(self):
        return Rendered({"tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}], "imagePullSecrets": [{"name": "regcred"}]})

    def kek_alone(self):
        return Rendered({"persistence": {"accessModes": ["ReadWriteOncePod"]}})

    def test_the_pod_that_copies_the_key_runs_where_signetd_runs(self):
        spec = self.kek_pod(self.kek_elsewhere())["spec"]
        self.assertEqual([{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}], spec["tolerations"])
        self.assertEqual([{"name": "regcred"}], spec["imagePullSecrets"])
        labels = RENDERED.one("StatefulSet", "signet")["spec"]["template"]["metadata"]["labels"]
        term, = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        self.assertLessEqual(term["labelSelector"]["matchLabels"].items(), labels.items())

    def test_a_volume_for_one_pod_is_free_while_the_key_is_copied(self):
        rendered = self.kek_alone()
        self.assertNotIn("affinity", self.kek_pod(rendered)["spec"])
        steps = ["scale statefulset/signet --replicas=0", "wait pod/signet-0 --for=delete", "run signet-kek", "exec signet-kek -- cat", "delete pod signet-kek", "scale statefulset/signet --replicas=1"]
        places = [rendered.notes.index(f"kubectl -n signet {step}") for step in steps]
        self.assertEqual(sorted(places), places)
        self.assertNotIn(" scale ", RENDERED.notes)

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
        self.assertIn(f' --image="{image}" '.replace('"', "'"), named.notes)

    def test_ask_for_the_pin_until_it_is_set(self):
        self.assertIn("--set bundlePin=", RENDERED.notes)
        pinned = Rendered({"bundlePin": "ab" * 32}).notes
        self.assertNotIn("--set bundlePin=", pinned)
        self.assertIn("ab" * 32, pinned)


class Documents(unittest.TestCase):
    def test_the_images_that_they_build_and_push_are_those_that_the_chart_pulls(self):
        version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
        text = (TOP / "docker/README.md").read_text()
        self.assertEqual({version}, set(re.findall(r"signet/(?:signetd|signet-slurm|\$image):([0-9][0-9.]*)", text)))
        for image, repository in re.findall(r"--set (image|adapterImage)\.repository=(\S+)", text + (CHART / "README.md").read_text() + RENDERED.notes):
            self.assertEqual(f"registry.example/signet/{'signetd' if image == 'image' else 'signet-slurm'}", repository)
            self.assertIn(f"-t {repository.removeprefix('registry.example/')}:{version} ", text)

    def test_each_section_that_they_send_readers_to_exists(self):
        sent = re.findall(r'([\w/]*README\.md), "([^"]+)"', RENDERED.notes + (CHART / "values.yaml").read_text())
        self.assertLess(2, len(set(sent)), sent)
        for name, section in sent:
            text = ((CHART if name == "README.md" else TOP) / name).read_text()
            self.assertIn(f"\n## {section}\n", text, name)
