"""signetd in a root like its pod's, as a kubelet makes it from the manifests: what the folders' owners and modes really are decides whether it starts."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from chart import BUILD, TOP, Rendered

USER = 10001
# A read-only root with a volume and /run, as the manifest mounts them.
SCRIPT = r"""
set -eu
root=$1
shift
mount --bind "$root" "$root"
mount --bind -o ro /usr "$root/usr"
mount --bind -o ro "$BIN" "$root/programs"
mount --bind "$VOLUME" "$root/var/lib/signet"
mount -t tmpfs -o mode=2777,gid=10001,size=1m tmpfs "$root/run"
mount -o remount,bind,ro "$root"
# In a subshell, which it becomes.
inside() { exec chroot "$root" /usr/bin/setpriv --reuid 10001 --regid 10001 --groups 10001 --no-new-privs --bounding-set=-all --inh-caps=-all "$@"; }
(inside /programs/signetd --config /etc/signet/signetd.yaml) >"$LOG" 2>&1 &
signetd=$!
left=60
until (inside /programs/signetctl "$@") >"$LOG.probe" 2>&1; do
  left=$((left - 1))
  if [ $left = 0 ] || ! kill -0 $signetd; then cat "$LOG" "$LOG.probe"; exit 1; fi
  sleep 0.5
done
cat "$LOG.probe"
kill -TERM $signetd
wait $signetd
"""


class Pod(unittest.TestCase):
    def setUp(self):
        self.assertEqual(0, os.geteuid(), "run it as root, as a kubelet does")
        self.directory = tempfile.TemporaryDirectory(prefix="signet-pod-")
        self.addCleanup(self.directory.cleanup)
        self.top = pathlib.Path(self.directory.name)
        self.top.chmod(0o755)
        self.root, self.volume = self.top / "root", self.top / "volume"
        for path in ("usr", "programs", "var/lib/signet", "run", "etc/signet", "tmp", "proc"):
            (self.root / path).mkdir(parents=True)
        for link in ("bin", "sbin", "lib", "lib64"):
            (self.root / link).symlink_to(f"usr/{link}")
        (self.root / "etc/passwd").write_text("root:x:0:0::/:/\nsignet:x:10001:10001::/:/\n")
        (self.root / "etc/group").write_text("root:x:0:\nsignet:x:10001:\n")
        # What a kubelet makes of a new volume with fsGroup 10001.
        self.volume.mkdir()
        os.chown(self.volume, 0, USER)
        self.volume.chmod(0o2775)

    def start(self, rendered):
        """Starts signetd, asks it as the probe does, and ends it; gives the exit code of all that and what the probe printed."""
        (self.root / "etc/signet/signetd.yaml").write_text(rendered.config("signet", "signetd.yaml"))
        probe = rendered.container()["readinessProbe"]["exec"]["command"][1:]
        environment = {"PATH": os.environ["PATH"], "BIN": str(BUILD / "bin"), "VOLUME": str(self.volume), "LOG": str(self.top / "log")}
        done = subprocess.run([sys.executable, str(TOP / "tools/own_root.py"), "unshare", "--net", "sh", "-c", SCRIPT, "sh", str(self.root), *probe],
                              capture_output=True, text=True, check=False, env=environment, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def assert_starts(self, rendered):
        code, said = self.start(rendered)
        self.assertEqual(0, code, said)
        self.assertEqual("alpha", said.strip())

    def test_starts_on_a_new_volume_answers_its_probe_and_drains(self):
        rendered = Rendered({"cluster": {"name": "alpha"}})
        self.assert_starts(rendered)
        data = self.volume / "data"
        self.assertEqual((USER, 0o700), (data.stat().st_uid, data.stat().st_mode & 0o777))
        self.assertEqual(0o400, (data / "kek").stat().st_mode & 0o7777)
        self.assertTrue((data / "signet.db").exists())
        self.assertNotIn("owner_only", (self.top / "log").read_text())

    def test_starts_again_on_the_volume_that_it_made(self):
        rendered = Rendered({"cluster": {"name": "alpha"}})
        self.assert_starts(rendered)
        before = (self.volume / "data/kek").read_bytes()
        self.assert_starts(rendered)
        self.assertEqual(before, (self.volume / "data/kek").read_bytes())

    def test_reads_a_key_encryption_key_that_a_secret_brings(self):
        # As by subPath from a Secret's volume with defaultMode 0440 and the pod's fsGroup.
        kek = self.root / "etc/signet-kek"
        kek.write_text("signet-kek1." + "5a" * 32 + "\n")
        os.chown(kek, 0, USER)
        kek.chmod(0o440)
        self.assert_starts(Rendered({"cluster": {"name": "alpha"}, "kek": {"existingSecret": "mine"}}))
        self.assertFalse((self.volume / "data/kek").exists())

    def test_issues_what_an_external_slurmctld_needs_where_a_pod_can_read_it(self):
        outside = Rendered({"cluster": {"name": "alpha"}, "slurm": {"external": True, "confServer": "ctl:6817"}, "serviceCertificates": ["slurmrestd"]})
        commands = re.findall(r"exec statefulset/signet -- signetctl ((?:client|service) issue .*)", outside.notes)
        self.assertEqual(3, len(commands))
        for command in commands:
            outside.container()["readinessProbe"]["exec"]["command"][1:] = command.split()
            code, said = self.start(outside)
            self.assertEqual(0, code, said)
        for file in re.search(r"for file in ([^;]*);", outside.notes)[1].split():
            found = self.volume / "external" / file
            self.assertEqual((USER, True), (found.stat().st_uid, found.stat().st_size > 0), file)

    def test_the_volumes_root_itself_would_be_refused(self):
        rendered = Rendered({"cluster": {"name": "alpha"}})
        config = rendered.one("ConfigMap", "signet")["data"]
        config["signetd.yaml"] = config["signetd.yaml"].replace("/var/lib/signet/data", "/var/lib/signet")
        code, said = self.start(rendered)
        self.assertNotEqual(0, code)
        self.assertIn("others can write to data_dir", said)
