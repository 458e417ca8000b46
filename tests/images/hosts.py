"""Containers as Slurm's hosts and as signetd's. Podman reads its configuration from the environment that tools/images sets."""
import json
import os
import pathlib
import subprocess
import time

PREFIX = "signet-images"
NETWORK = PREFIX
SUBNET = "10.89.77.0/24"
# The server keeps its address when its container is another one, as behind a Service; both, since the others remember them together.
# Its name is in /etc/hosts: podman's own name server of Debian 12 falls silent when containers come and go.
SERVER_ADDRESS = ["--ip", "10.89.77.10", "--mac-address", "0a:58:0a:59:4d:0a"]
# Everything but what a step asks for itself.
CONFINED = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges", "--network", NETWORK,
            "--add-host=signetd:10.89.77.10"]
SLURM = 401
SIGNET = 10001


class Refused(Exception):
    """A command or a script that did not do what it was asked for; the message is its output."""


def run(*command, exits=0, timeout=60):
    """stdout and stderr of a command that ends with this exit code."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=timeout, check=False)
    if result.returncode != exits:
        raise Refused(f"exit code {result.returncode} instead of {exits} of {' '.join(map(str, command))}:\n{result.stdout}")
    return result.stdout


def podman(*arguments, **options):
    return run("podman", *arguments, **options)


def volume(name, owner=0, mode=0o755):
    """Makes a named volume; gives its directory on the host."""
    podman("volume", "create", f"{PREFIX}-{name}")
    directory = pathlib.Path(podman("volume", "inspect", "--format", "{{.Mountpoint}}", f"{PREFIX}-{name}").strip())
    directory.chmod(mode)
    os.chown(directory, owner, owner)
    return directory


def put(path, content, owner=0, mode=0o644):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    os.chown(path, owner, owner)


def links():
    return {line.split(": ")[1] for line in run("ip", "-o", "link").splitlines()}


def running():
    """Processes of this process namespace but for this one, its parent and what awaits being reaped."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in (1, os.getpid()):
            continue
        try:
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if not rest.startswith(" Z"):
            found.add(name)
    return found


class Server:
    """signetd from its image, with the volumes, the user and the confinement of the chart's StatefulSet."""

    name = f"{PREFIX}-server"

    def __init__(self, config):
        self.config_directory = volume("server-config")
        # An fsGroup's.
        self.data_directory = volume("server-data", mode=0o2775)
        os.chown(self.data_directory, 0, SIGNET)
        # Where signetctl in the container leaves files for the other hosts.
        self.out = volume("server-out", owner=SIGNET, mode=0o700)
        put(self.config_directory / "signetd.yaml", config)

    def start(self):
        podman("run", "--detach", "--name", self.name, *SERVER_ADDRESS, *CONFINED,
               "--tmpfs", "/run:mode=1777,size=1m", "--volume", f"{PREFIX}-server-config:/etc/signet:ro",
               "--volume", f"{PREFIX}-server-data:/var/lib/signet",
               "--volume", f"{PREFIX}-server-out:/out", "localhost/signet/signetd")
        for _ in range(100):
            try:
                return self.ctl("status")
            except Refused as refused:
                answer = refused
                time.sleep(0.1)
        raise Refused(f"no answer in 10 s: {answer}\n{podman('logs', self.name)}")

    def ctl(self, *arguments, exits=0):
        return podman("exec", self.name, "signetctl", *arguments, exits=exits)

    def ask(self, *arguments):
        return json.loads(self.ctl("-o", "json", *arguments))

    def pid(self):
        return int(podman("inspect", "--format", "{{.State.Pid}}", self.name))


class Host:
    """A host of the cluster: nothing but the stand-in for a Slurm daemon, and the adapter that its image installed into a volume."""

    def __init__(self, name, root, daemon, user, config):
        self.name, self.root, self.daemon, self.user = name, root, daemon, user
        self.process = None
        self.opt = volume(f"{name}-opt", owner=user)
        self.etc = volume(f"{name}-etc")
        self.ca = volume(f"{name}-ca", owner=user)
        self.state = volume(f"{name}-state", owner=user, mode=0o700)
        put(self.etc / "signet-slurm.yaml", config)
        self.mounts = []
        for path, directory in {"/opt/signet": "opt:ro", "/etc/signet": "etc:ro", "/etc/slurm-tls/ca": "ca",
                                "/var/lib/signet-slurm": "state"}.items():
            source, _, option = directory.partition(":")
            self.mounts += ["--volume", f"{PREFIX}-{name}-{source}:{path}" + (f":{option}" if option else "")]

    def adapter(self, *arguments, **options):
        """The adapter's image, as an init container or a sidecar of this host runs it."""
        writable = [mount.removesuffix(":ro") if "/opt/" in mount else mount for mount in self.mounts]
        return podman("run", "--rm", *CONFINED, "--user", str(self.user), "--hostname", self.name, *writable,
                      "localhost/signet/signet-slurm", *arguments, **options)

    def start(self):
        self.process = subprocess.Popen(
            ["podman", "run", "--rm", "--interactive", "--name", f"{PREFIX}-{self.name}", *CONFINED, "--user", str(self.user),
             "--hostname", self.name, *self.mounts, f"localhost/{PREFIX}-{self.root}", f"/usr/sbin/{self.daemon}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(timeout=30)
            self.process = None

    def restart(self):
        self.stop()
        self.start()

    def call(self, script, *arguments):
        """What the daemon gets from a script: (did it count as valid, did it give output, the output)."""
        words = [f"/opt/signet/{script}", *arguments]
        message = f"{len(words)}\n" + "".join(f"{len(word.encode())}\n{word}" for word in words)
        self.process.stdin.write(message.encode())
        self.process.stdin.flush()
        answer = self.process.stdout
        valid, gave, size = (int(answer.readline()) for _ in range(3))
        return valid == 1, gave == 1, answer.read(size).decode()

    def output(self, script, *arguments):
        _, gave, text = self.call(script, *arguments)
        if not gave:
            raise Refused(f"{script} on {self.name}: {text}")
        return text


class Node(Host):
    """slurmd: the order of its scripts, and what it keeps of them."""

    certificate = key = ""

    def enrol(self, controller):
        token = self.output("get-node-token", self.name)
        csr = self.output("generate-csr", self.name)
        valid, _, text = controller.call("validate-node", self.name, token)
        if not valid:
            raise Refused(f"validate-node of {self.name}: {text}")
        self.take(controller, csr)

    def renew(self, controller):
        self.take(controller, self.output("generate-csr", self.name))

    def take(self, controller, csr):
        certificate = controller.output("sign-csr", csr)
        self.key = self.output("get-node-cert-key", self.name)
        self.certificate = certificate
