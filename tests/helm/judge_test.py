import unittest

from chart import Rendered, as_text, judge

GOOD = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "type": "Opaque"}


class Judge(unittest.TestCase):
    def faults(self, document):
        return "\n".join(judge(as_text(document)))

    def test_accepts_what_is_right(self):
        self.assertEqual("", self.faults(GOOD))

    def test_finds_a_field_that_does_not_exist(self):
        self.assertIn('unknown field "dta"', self.faults({**GOOD, "dta": {}}))

    def test_finds_a_wrong_type(self):
        self.assertIn("cannot unmarshal", self.faults({**GOOD, "immutable": "yes"}))

    def test_finds_a_key_that_stands_twice(self):
        self.assertIn("duplicate field", "\n".join(judge(as_text(GOOD)[:-1] + ', "type": "Opaque"}')))

    def test_finds_what_no_schema_knows(self):
        self.assertIn("tls.crt", self.faults({**GOOD, "type": "kubernetes.io/tls"}))

    def test_finds_an_unknown_field_of_a_custom_kind(self):
        monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "m"},
                   "spec": {"selector": {}, "endpoints": [{"prt": "metrics"}]}}
        self.assertIn('unknown field "spec.endpoints[0].prt"', self.faults(monitor).replace('"prt"', '"spec.endpoints[0].prt"'))

    def test_finds_each_way_out_of_restricted(self):
        def change_nothing(pod, container):
            pass

        def run_as_root(pod, container):
            pod["securityContext"]["runAsNonRoot"] = False
            pod["securityContext"]["runAsUser"] = 0

        def no_seccomp(pod, container):
            del pod["securityContext"]["seccompProfile"]

        def escalate(pod, container):
            container["securityContext"]["allowPrivilegeEscalation"] = True

        def keep_capabilities(pod, container):
            container["securityContext"]["capabilities"] = {}

        def host_path(pod, container):
            pod["volumes"].append({"name": "host", "hostPath": {"path": "/"}})

        def host_network(pod, container):
            pod["hostNetwork"] = True

        for change in (change_nothing, run_as_root, no_seccomp, escalate, keep_capabilities, host_path, host_network):
            with self.subTest(change.__name__):
                rendered = Rendered()
                change(rendered.pod(), rendered.container())
                found = [f for f in judge(rendered.manifests()) if "pod security" in f]
                self.assertEqual(change is not change_nothing, bool(found), found)
                self.assertFalse([f for f in judge(rendered.manifests(), "-security=false") if "pod security" in f])

    def test_finds_a_mount_without_a_volume(self):
        rendered = Rendered()
        rendered.container()["volumeMounts"].append({"name": "nowhere", "mountPath": "/nowhere"})
        self.assertIn('Not found: "nowhere"', "\n".join(judge(rendered.manifests())))
