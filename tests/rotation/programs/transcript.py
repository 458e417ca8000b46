#!/usr/bin/env python3
"""Makes the transcripts of docs/rotation.md by running the programs: signetd, signetctl and signet-slurm of a build, on
sockets in a temporary directory, with stand-ins for slurmd, slurmctld and scontrol.

    transcript.py BUILD PAGE            replaces what stands between the page's markers
    transcript.py BUILD PAGE --check    fails when the page would become another, but for ids and times

Run it as root: hosts have names and processes of their own."""
import ctypes
import difflib
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time

MARKERS = "<!-- transcript: {} -->"
CLONE_NEWUTS = 0x04000000
ALONE = "SIGNET_TRANSCRIPT_ALONE"
SCRIPTS = ["get-node-token", "generate-csr", "get-node-cert-key", "validate-node", "sign-csr"]
# slurmctld: a process of that name (comm is the name of the file that runs), whose child sign-csr is. Reads the names of two files a line.
SLURMCTLD = """while read -r csr answer; do
  text=$(cat "$csr"; echo .)
  "$SCRIPTS/sign-csr" "${text%.}" >"$answer.new" 2>&1 || echo FAILED >>"$answer.new"
  mv "$answer.new" "$answer"
done"""
# What a process must be older or younger than a file by, to have read it for certain; times are told coarsely.
SETTLES = 3.2


class Host:
    """A host name; what runs there sees it as its own. `alone`: and sees no process of another host."""

    def __init__(self, cluster, name, alone=False):
        self.cluster, self.name = cluster, name
        self.prefix = ["unshare", "--pid", "--fork", "--mount-proc"] if alone else []

    def enter(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWUTS) != 0:
            raise OSError(ctypes.get_errno(), "a host name of its own needs root")
        socket.sethostname(self.name)

    def run(self, command, environment=None):
        return subprocess.run(self.prefix + command, env=self.cluster.environment | (environment or {}), preexec_fn=self.enter,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Node(Host):
    """slurmd: calls the scripts as it does, for itself and for slurmctld. The parent of all of them is this process."""

    def __init__(self, cluster, name):
        super().__init__(cluster, name)
        home = cluster.path / name
        home.mkdir()
        cluster.write(f"{name}.yaml", f"""\
            cluster: alpha
            servers: ["unix:{cluster.path}/controller.sock"]
            ca_cert_file: {home}/ca_cert.pem
            token_files: ["{cluster.path}/tokens/{{node}}.token"]
            state_dir: {home}/state
            bundle_sources: ["{cluster.path}/etc/signet-bundle"]
            """)

    def script(self, verb):
        done = self.run([str(self.cluster.path / "scripts" / verb), self.name],
                        {"SIGNET_SLURM_CONFIG": f"{self.cluster.path}/{self.name}.yaml"})
        if done.returncode != 0:
            raise SystemExit(f"{verb} of {self.name}: {done.stdout}")
        return done.stdout

    def sign(self):
        self.cluster.sign(self.script("generate-csr"))
        self.script("get-node-cert-key")

    def enrol(self):
        self.script("get-node-token")
        self.sign()


class Cluster:
    def __init__(self, build):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="signet-", dir="/tmp"))
        self.slurmctld = self.signetd = None
        for folder in ["etc", "tokens", "data", "scripts", "bin"]:
            (self.path / folder).mkdir()
        (self.path / "tokens").chmod(0o700)
        (self.path / "data").chmod(0o700)
        for program in ["signetd", "signetctl", "signet-slurm"]:
            (self.path / "bin" / program).symlink_to(pathlib.Path(build).resolve() / "bin" / program)
        for script in SCRIPTS:
            (self.path / "scripts" / script).symlink_to(pathlib.Path(build).resolve() / "bin/signet-slurm")
        shutil.copy("/bin/dash", self.path / "bin/slurmctld")
        self.write("bin/scontrol", f"""\
            #!/bin/sh
            exec kill -HUP {os.getpid()}
            """).chmod(0o755)
        self.write("signetd.yaml", f"""\
            cluster: alpha
            data_dir: {self.path}/data
            listen:
              admin:      {{socket: {self.path}/admin.sock, mode: "0600"}}
              controller: {{socket: {self.path}/controller.sock, group: root, mode: "0660"}}
              metrics:    {{address: "off"}}
            keys: {{kind: sealed, kek_file: {self.path}/kek}}
            authority: {{subject: "CN=Slurm CA,O=Example"}}
            """)
        for host, server in [("head1", "controller"), ("login01", "admin")]:
            self.write(f"{host}.yaml", f"""\
                cluster: alpha
                servers: ["unix:{self.path}/{server}.sock"]
                ca_cert_file: {self.path}/etc/ca_cert.pem
                state_dir: {self.path}/{host}-state
                """)
        self.environment = {"PATH": f"{self.path}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SIGNET_SERVER": f"unix:{self.path}/admin.sock",
                            "LC_ALL": "C.UTF-8", "HOME": str(self.path)}
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                self.environment[name] = value
        self.head, self.login = Host(self, "head1"), Host(self, "login01", alone=True)

    def write(self, name, text):
        file = self.path / name
        file.write_text(textwrap.dedent(text))
        return file

    def start(self):
        log = open(self.path / "signetd.log", "w")
        self.signetd = subprocess.Popen([self.path / "bin/signetd", "--config", self.path / "signetd.yaml"], env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(600):
            if self.head.run(["signetctl", "status"]).returncode == 0:
                break
            time.sleep(0.1)
        else:
            raise SystemExit("signetd does not answer:\n" + (self.path / "signetd.log").read_text())
        signal.signal(signal.SIGHUP, lambda *_: self.start_slurmctld())

    def start_slurmctld(self):
        self.stop_slurmctld()
        self.slurmctld = subprocess.Popen(
            [self.path / "bin/slurmctld", "-c", SLURMCTLD], stdin=subprocess.PIPE, text=True, preexec_fn=self.head.enter,
            env=self.environment | {"SCRIPTS": f"{self.path}/scripts", "SIGNET_SLURM_CONFIG": f"{self.path}/head1.yaml"})

    def sign(self, csr):
        request, answer = self.write("csr", ""), self.path / "answer"
        request.write_text(csr)
        answer.unlink(missing_ok=True)
        self.slurmctld.stdin.write(f"{request} {answer}\n")
        self.slurmctld.stdin.flush()
        for _ in range(600):
            if answer.exists():
                break
            time.sleep(0.05)
        if not answer.exists() or not answer.read_text().startswith("-----BEGIN CERTIFICATE"):
            raise SystemExit("sign-csr: " + (answer.read_text() if answer.exists() else "no answer"))

    def stop_slurmctld(self):
        if self.slurmctld is not None:
            self.slurmctld.kill()
            self.slurmctld.communicate()
            self.slurmctld = None

    def stop(self):
        self.stop_slurmctld()
        if self.signetd is not None:
            self.signetd.terminate()
            self.signetd.wait()
        shutil.rmtree(self.path, ignore_errors=True)

    def quietly(self, line, host=None):
        done = (host or self.head).run(shlex.split(self.real(line)))
        if done.returncode != 0:
            raise SystemExit(f"{line}: {done.stdout}")
        return done.stdout

    def real(self, text):
        return text.replace("/etc/slurm", f"{self.path}/etc").replace("/root/tokens", f"{self.path}/tokens")

    def shown(self, text):
        return text.replace(f"{self.path}/etc", "/etc/slurm").replace(f"{self.path}/tokens", "/root/tokens")


class Transcript:
    """What a terminal on head1 shows."""

    def __init__(self, cluster):
        self.cluster, self.text = cluster, ""

    def type(self, line, host=None):
        """Runs `line` and gives what it printed; "(exit code N)" follows where N is not 0."""
        host = host or self.cluster.head
        environment = {"SIGNET_SLURM_CONFIG": str(self.cluster.path / f"{host.name}.yaml")}
        done = host.run(shlex.split(self.cluster.real(line)), environment)
        prompt = "# " if host is self.cluster.head else f"{host.name}# "
        self.text += "\n" * bool(self.text) + prompt + line + "\n" + self.cluster.shown(done.stdout)
        if done.returncode != 0:
            self.text += f"(exit code {done.returncode})\n"
        return done.stdout

    def say(self, words):
        self.text += f"\n… {words} …\n"


def id_of(output, state):
    """The id in the row of an authority list."""
    return re.search(rf"^([0-9a-f]{{32}}) +slurm +{state}", output, re.MULTILINE).group(1)


def rotation(cluster, transcript):
    """From prepare to destroy. Gives the id of the authority that signs at the end, and the nodes."""
    nodes = [Node(cluster, f"n00{i}") for i in (1, 2, 3)]
    cluster.quietly("signetctl token create n[001-003] --out-dir /root/tokens")
    cluster.quietly("signetctl bundle write --dir /etc/slurm")
    cluster.quietly("signetctl service issue slurmctld --dir /etc/slurm --owner root")
    time.sleep(SETTLES)
    cluster.start_slurmctld()
    for node in nodes:
        node.enrol()
    cluster.quietly("signetctl service renew --dir /etc/slurm")
    Transcript(cluster).type("signet-slurm report", cluster.login)
    first = id_of(cluster.quietly("signetctl authority list"), "active")[:12]

    status = "signetctl rotation status"
    second = id_of(transcript.type("signetctl authority prepare"), "prepared")[:12]
    transcript.type(status)
    transcript.type(f"signetctl authority activate {second}")
    transcript.say("nodes and the login host take the bundle from the head node's /etc/slurm")
    transcript.type("signetctl bundle write --dir /etc/slurm")
    transcript.type("signetctl service renew --dir /etc/slurm")
    transcript.type("signet-slurm report", cluster.login)
    transcript.type(status)
    transcript.say("n001 and n002 renew twice")
    for node in nodes[:2]:
        node.sign()
    time.sleep(SETTLES)
    for node in nodes[:2]:
        node.sign()
    transcript.type(status)
    transcript.say("n003 is off; the image that it boots from holds the new bundle")
    transcript.type(f"signetctl rotation ack n003 --authority {second} --reason 'its image holds the new bundle'")
    transcript.type(status)
    transcript.type(f"signetctl authority activate {second} --dry-run")
    transcript.type(f"signetctl authority activate {second}")
    transcript.type(f"signetctl authority activate {second}")
    transcript.type(status)
    transcript.type("signetctl service renew --dir /etc/slurm")
    transcript.say("the nodes renew, n003 too")
    for _ in range(2):
        for node in nodes:
            node.sign()
        time.sleep(SETTLES)
    transcript.type(status)
    transcript.type(f"signetctl authority revoke {first} --dry-run")
    transcript.say("nobody waits fourteen days for a transcript: forced here, where no job runs and no old slurmd is left")
    transcript.type(f"signetctl authority revoke {first} --force --reason 'no job and no slurmd is older than the rotation' --yes")
    transcript.type("signetctl bundle write --dir /etc/slurm")
    transcript.type(f"signetctl authority destroy {first} --yes")
    transcript.type(status)
    return second, nodes


def emergency(cluster, transcript, stolen, nodes):
    cluster.quietly("signetctl service renew --dir /etc/slurm")
    transcript.type(f"signetctl authority emergency {stolen} --reason 'a backup with the key-encryption key is missing' "
                    "--subject 'CN=Slurm CA 2,O=Example' --yes")
    transcript.say("the runbook, where it begins")
    transcript.type("signetctl bundle write --dir /etc/slurm")
    transcript.say("systemctl stop slurmctld")
    cluster.stop_slurmctld()
    transcript.type("signetctl service renew slurmctld --now --dir /etc/slurm")
    transcript.say("systemctl start slurmctld")
    time.sleep(SETTLES)
    cluster.start_slurmctld()
    transcript.type("signetctl rotation status")
    transcript.say("signet-slurm refresh and systemctl restart slurmd on every node, which enrols again; then two renewals")
    transcript.type("signetctl service renew --dir /etc/slurm")
    transcript.type("signet-slurm report", cluster.login)
    for node in nodes:
        node.enrol()
    for _ in range(2):
        time.sleep(SETTLES)
        for node in nodes:
            node.sign()
    transcript.type("signetctl rotation status")


def make(build):
    cluster = Cluster(build)
    try:
        cluster.start()
        one, two = Transcript(cluster), Transcript(cluster)
        stolen, nodes = rotation(cluster, one)
        emergency(cluster, two, stolen, nodes)
        return {"rotation": one.text, "emergency": two.text}
    finally:
        cluster.stop()


def without_chance(text):
    """Ids by the order in which they come, times and widths by nothing at all."""
    ids = {}
    text = re.sub(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{12}\b", lambda m: "id" + str(ids.setdefault(m.group()[:12], len(ids))), text)
    text = re.sub(r"\(request [0-9a-f]{16}\)", "(request)", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"\b\d+(?:ms|[smhdy])(?: \d+(?:ms|[smhdy]))*\b", "DURATION", text)
    return re.sub(r" +", " ", text)


def main(arguments):
    build, page = arguments[0], pathlib.Path(arguments[1])
    before = page.read_text()
    after = before
    for name, text in make(build).items():
        marker = MARKERS.format(name)
        begin, end = after.index(marker) + len(marker), after.index(MARKERS.format("end of " + name))
        after = f"{after[:begin]}\n```console\n{text}```\n{after[end:]}"
    if "--check" not in arguments:
        page.write_text(after)
        return 0
    changes = list(difflib.unified_diff(without_chance(before).splitlines(), without_chance(after).splitlines(),
                                        str(page), "what the programs print", lineterm=""))
    print("\n".join(changes), end="\n" if changes else "")
    if changes:
        print(f"make it anew: {sys.argv[0]} {build} {page}")
    return 1 if changes else 0


if __name__ == "__main__":
    if os.environ.get(ALONE) != "yes":
        # Where no other process is called slurmctld.
        os.environ[ALONE] = "yes"
        own_root = pathlib.Path(__file__).resolve().parents[3] / "tools/own_root.py"
        os.execv(sys.executable, [sys.executable, str(own_root), "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv])
    sys.exit(main(sys.argv[1:]))
