#!/usr/bin/env python3
"""A server, a controller and three nodes in containers of the images, on a network of podman's: they enrol, renew and rotate.

Run by tools/images --test. The steps build on each other, in the order of this file. The last line is "N passed, N failed"."""
import atexit
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import traceback

import hosts
from hosts import PREFIX, SIGNET, SLURM, Host, Node, Refused, Server, links, podman, put, run, running

SERVER_CONFIG = """\
cluster: demo
data_dir: /var/lib/signet/data
listen:
  admin: {socket: /run/signet/admin.sock, mode: "0600"}
  controller: {socket: /run/signet/controller.sock, group: signet, mode: "0600"}
  grpc: {address: "0.0.0.0:6843", names: [signetd]}
  metrics: {address: "0.0.0.0:6844"}
authority: {subject: "CN=First CA", lifetime: 10y}
"""
HOST_CONFIG = """\
cluster: demo
servers: ["signetd:6843"]
tls: {ca: /etc/signet/control_ca.pem%s}
ca_cert_file: /etc/slurm-tls/ca/ca_cert.pem
token_files: ["/etc/signet/{node}.token"]
"""
CONTROL_PAIR = ", cert: /etc/signet/control.pem, key: /etc/signet/control.key"

scratch = pathlib.Path(tempfile.mkdtemp(prefix="signet-images-"))
server = None
controller = None
nodes = []
authorities = []
signed_by_the_first = {}
links_before = set()
steps = []


def step(function):
    steps.append(function)
    return function


def expect(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def verify(certificate_pem, roots_pem, key_pem=None):
    """What openssl on this machine says of a chain, leaf first; and of its key."""
    chain, roots = scratch / "chain.pem", scratch / "roots.pem"
    chain.write_text(certificate_pem)
    roots.write_text(roots_pem)
    for purpose in ("sslserver", "sslclient"):
        run("openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(roots), "-untrusted", str(chain), str(chain))
    if key_pem is not None:
        (scratch / "key.pem").write_text(key_pem)
        public = run("openssl", "pkey", "-in", str(scratch / "key.pem"), "-pubout")
        expect(run("openssl", "x509", "-in", str(chain), "-noout", "-pubkey") == public, "the certificate is for another key")
    return run("openssl", "x509", "-in", str(chain), "-noout", "-subject", "-nameopt", "RFC2253").strip()


def certificates(pem):
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", pem, re.S)


def trusted(host):
    return (host.ca / "ca_cert.pem").read_text()


def hand_over(name, host, file, owner, mode=0o400):
    put(host.etc / file, (server.out / name / file).read_bytes(), owner=owner, mode=mode)


def refresh():
    """What the sidecars do, and the restart of slurmctld that reads the file."""
    for host in [controller, *nodes]:
        host.adapter("refresh")
    time.sleep(1.1)
    controller.restart()


def issue_service():
    """A certificate for slurmctld, beside its ca_cert_file, as a Secret would bring it."""
    (server.out / "slurmctld").mkdir(exist_ok=True)
    os.chown(server.out / "slurmctld", SIGNET, SIGNET)
    server.ctl("service", "issue", "slurmctld", "--dir", "/out/slurmctld")
    for file in ("ctld_cert.pem", "ctld_cert_key.pem"):
        put(controller.ca / file, (server.out / "slurmctld" / file).read_bytes(), owner=SLURM, mode=0o400)


@step
def the_server_starts_from_its_image():
    global server
    server = Server(SERVER_CONFIG)
    server.start()


@step
def the_server_is_not_root_and_has_no_capability():
    status = pathlib.Path(f"/proc/{server.pid()}/status").read_text()
    for line in (f"Uid:\t{SIGNET}\t{SIGNET}\t{SIGNET}\t{SIGNET}", f"Gid:\t{SIGNET}\t{SIGNET}\t{SIGNET}\t{SIGNET}", "CapPrm:\t" + "0" * 16,
                 "CapBnd:\t" + "0" * 16, "NoNewPrivs:\t1"):
        expect(line + "\n" in status, f"{line!r} is missing in:\n{status}")


@step
def the_servers_root_cannot_be_written_even_by_root():
    root = [line.split() for line in pathlib.Path(f"/proc/{server.pid()}/mountinfo").read_text().splitlines() if line.split()[4] == "/"]
    expect(root and "ro" in root[0][5].split(","), f"the root's mount: {root}")
    answer = podman("exec", "--user", "0", "--env", "HOME=/", server.name, "signetctl", "--server", "unix:/run/signet/admin.sock", "completion",
                    "bash")
    expect("complete" in answer, "signetctl does not run")
    for directory in ("/etc", "/usr/lib", "/var/lib"):
        refusal = podman("exec", "--user", "0", server.name, "signetctl", "token", "create", "n9", "--out-dir", f"{directory}/new", exits=1)
        expect("ead-only file system" in refusal, f"{directory}: {refusal}")


@step
def the_server_dumps_no_core_and_cannot_be_traced_by_its_own_user():
    limits = pathlib.Path(f"/proc/{server.pid()}/limits").read_text()
    expect(re.search(r"Max core file size +0 +0 ", limits), limits)
    # Of a process that may be dumped, these files belong to its user.
    expect(pathlib.Path(f"/proc/{server.pid()}/environ").stat().st_uid == 0, "the process is dumpable")


@step
def the_servers_image_has_no_shell_and_its_libraries_are_listed_for_scanners():
    names = podman("run", "--rm", "--network=none", "--entrypoint=/usr/sbin/signetd", "localhost/signet/signetd", "--version")
    expect(names.startswith("signetd "), names)
    mounted = pathlib.Path(podman("image", "mount", "localhost/signet/signetd").strip())
    try:
        programs = sorted(str(file.relative_to(mounted)) for folder in ("usr/bin", "usr/sbin") for file in (mounted / folder).iterdir())
        expect(programs == ["usr/bin/signetctl", "usr/sbin/signetd"], f"programs: {programs}")
        known = {file.name for file in (mounted / "var/lib/dpkg/status.d").iterdir()}
        expect({"libc6", "libssl3", "libgrpc++1.51"} <= known, f"packages: {known}")
        set_id = [str(file) for file in mounted.rglob("*") if not file.is_symlink() and file.stat().st_mode & 0o6000]
        expect(not set_id, f"set-user-id files: {set_id}")
        inside = run("podman", "image", "inspect", "--format", "{{.Config.User}} {{.Config.StopSignal}}", "localhost/signet/signetd").strip()
        expect(inside == "10001:10001 SIGTERM", inside)
    finally:
        podman("image", "unmount", "localhost/signet/signetd")


@step
def the_adapters_image_is_one_static_file():
    mounted = pathlib.Path(podman("image", "mount", "localhost/signet/signet-slurm").strip())
    try:
        expect([file.name for file in mounted.rglob("*")] == ["signet-slurm"], f"files: {list(mounted.rglob('*'))}")
        expect("not a dynamic executable" in run("ldd", str(mounted / "signet-slurm"), exits=1), "it is dynamic")
    finally:
        podman("image", "unmount", "localhost/signet/signet-slurm")


@step
def the_adapter_installs_itself_on_a_controller_and_three_nodes():
    global controller, nodes
    controller = Host("head", "ubuntu", "slurmctld", SLURM, HOST_CONFIG % CONTROL_PAIR)
    nodes = [Node(name, root, "slurmd", 0, HOST_CONFIG % "") for name, root in (("n1", "rocky"), ("n2", "ubuntu"), ("n3", "rocky"))]
    for host in [controller, *nodes]:
        host.adapter("install", "--dest", "/opt/signet")
        host.start()
        installed = {file.name for file in host.opt.iterdir()}
        expect({"signet-slurm", "sign-csr", "certgen"} <= installed and len(installed) == 8, f"{host.name}: {installed}")


@step
def the_nodes_roots_have_no_library():
    for root in ("rocky", "ubuntu"):
        mounted = pathlib.Path(podman("image", "mount", f"localhost/{PREFIX}-{root}").strip())
        try:
            files = {str(file.relative_to(mounted)) for file in mounted.rglob("*") if file.is_file()}
        finally:
            podman("image", "unmount", f"localhost/{PREFIX}-{root}")
        expect(files == {"etc/os-release", "etc/passwd", "etc/group", "etc/nsswitch.conf", "usr/sbin/slurmd", "usr/sbin/slurmctld"}, files)


@step
def the_controller_gets_its_certificates_and_the_nodes_their_tokens():
    server.ctl("client", "issue", "head", "--role", "controller", "--out-dir", "/out/head")
    for file in ("control.pem", "control.key", "control_ca.pem"):
        hand_over("head", controller, file, owner=SLURM)
    server.ctl("token", "create", "n[1-3]", "--out-dir", "/out/tokens")
    for node in nodes:
        hand_over("tokens", node, f"{node.name}.token", owner=0)
        put(node.etc / "control_ca.pem", (server.out / "head" / "control_ca.pem").read_bytes())
    pin = server.ask("status")["bundle_pin"]
    config = controller.etc / "signet-slurm.yaml"
    put(config, config.read_text() + f"bundle_pin: {pin}\n")
    issue_service()
    refresh()
    authorities.append(server.ask("authority", "list")["authorities"][0]["id"])
    for host in [controller, *nodes]:
        expect(len(certificates(trusted(host))) == 1, f"{host.name} trusts {len(certificates(trusted(host)))} roots")


@step
def a_node_enrols_by_its_scripts_in_a_rocky_like_root():
    nodes[0].enrol(controller)
    subject = verify(nodes[0].certificate, trusted(nodes[0]), nodes[0].key)
    expect(subject == "subject=CN=n1", subject)


@step
def a_node_enrols_by_its_scripts_in_an_ubuntu_like_root():
    nodes[1].enrol(controller)
    subject = verify(nodes[1].certificate, trusted(nodes[1]), nodes[1].key)
    expect(subject == "subject=CN=n2", subject)


@step
def the_third_node_enrols_too_and_the_server_counts_all():
    nodes[2].enrol(controller)
    verify(nodes[2].certificate, trusted(nodes[2]), nodes[2].key)
    expect(server.ctl("-o", "name", "node", "list").split() == ["n1", "n2", "n3"], "not all nodes are known")


@step
def a_node_with_another_ones_statement_is_refused():
    valid, _, text = controller.call("validate-node", "n2", nodes[0].output("get-node-token", "n1"))
    expect(not valid and "n1" in text, f"{valid}: {text}")


@step
def commands_get_a_key_and_a_certificate_in_both_roots():
    for node in nodes[:2]:
        certificate = node.output("certgen", node.output("keygen"))
        expect(len(certificates(certificate)) == 1, certificate)


@step
def the_nodes_renew_with_new_keys():
    for node in nodes:
        before = node.key
        node.renew(controller)
        verify(node.certificate, trusted(node), node.key)
        expect(node.key != before, f"{node.name} kept its key")


@step
def a_new_authority_is_prepared_and_cannot_be_activated_before_all_loaded_it():
    server.ctl("authority", "prepare", "--subject", "CN=Second CA")
    known = {row["id"] for row in server.ask("authority", "list")["authorities"] if row.get("purpose", "").endswith("SLURM")}
    authorities.append((known - set(authorities)).pop())
    refusal = server.ctl("authority", "activate", authorities[1], exits=4)
    expect("n[1-3]" in refusal and "slurmctld" in refusal, refusal)


@step
def everyone_loads_the_bundle_and_says_so():
    refresh()
    for node in nodes:
        expect(len(certificates(trusted(node))) == 2, f"{node.name} trusts {len(certificates(trusted(node)))} roots")
        # Loaded is what two renewals of one process found.
        node.renew(controller)
        node.renew(controller)
    status = server.ctl("rotation", "status")
    expect("3 of 3 nodes have loaded it" in status, status)


@step
def the_new_authority_signs_and_every_chain_holds_for_old_and_new_trust():
    server.ctl("authority", "activate", authorities[1])
    issue_service()
    time.sleep(1.1)
    controller.restart()
    first, second = certificates(trusted(nodes[0]))
    roots = {run("openssl", "x509", "-in", str(write(root)), "-noout", "-subject", "-nameopt", "RFC2253").strip(): root
             for root in (first, second)}
    for node in nodes:
        verify(node.certificate, roots["subject=CN=First CA"])
        signed_by_the_first[node.name] = node.certificate
        node.renew(controller)
        for root in (roots["subject=CN=First CA"], roots["subject=CN=Second CA"], trusted(node)):
            verify(node.certificate, root, node.key)


def write(pem):
    path = scratch / "one.pem"
    path.write_text(pem)
    return path


@step
def only_the_hold_is_left_once_the_replaced_certificates_are_acknowledged():
    waiting = server.ctl("rotation", "status", exits=4)
    expect("slurmctld" not in waiting.split("next:")[0], waiting)
    server.ctl("rotation", "ack", "n[1-3]", "--authority", authorities[0], "--reason", "each was renewed a moment ago")
    waiting = server.ctl("rotation", "status", exits=4)
    expect(re.search(r"\nhold +-", waiting) and "n[1-3]" not in waiting, waiting)


@step
def the_old_authority_leaves_and_its_certificates_with_it():
    signed_by_the_second = {node.name: node.certificate for node in nodes}
    server.ctl("--yes", "authority", "revoke", authorities[0], "--force", "--reason", "no job runs in a test")
    refresh()
    for node in nodes:
        expect(len(certificates(trusted(node))) == 1, f"{node.name} trusts {len(certificates(trusted(node)))} roots")
        verify(signed_by_the_second[node.name], trusted(node))
        try:
            verify(signed_by_the_first[node.name], trusted(node))
            raise AssertionError(f"what the first authority signed for {node.name} is still accepted")
        except Refused:
            pass
        node.renew(controller)
        expect(len(certificates(node.certificate)) == 1, f"{node.name} still gets a cross certificate")
        verify(node.certificate, trusted(node), node.key)
    expect("rotation:      idle" in server.ctl("rotation", "status"), "the rotation is not over")


@step
def the_log_holds_no_secret():
    log = podman("logs", server.name)
    expect("SignCertificate" in log, f"the log tells nothing: {log}")
    expect("PRIVATE KEY" not in log, log)
    for node in nodes:
        for line in (node.etc / f"{node.name}.token").read_text().splitlines():
            expect(len(line) < 40 or line not in log, f"a token's line is in the log: {line[:8]}")


@step
def the_ledger_outlives_the_container():
    podman("stop", "--time", "20", server.name)
    code = podman("inspect", "--format", "{{.State.ExitCode}}", server.name).strip()
    expect(code == "0", f"SIGTERM ended it with {code}: {podman('logs', server.name)[-2000:]}")
    podman("rm", server.name)
    server.start()
    expect(server.ctl("-o", "name", "node", "list").split() == ["n1", "n2", "n3"], "nodes are lost")
    server.ctl("audit", "verify")
    nodes[0].renew(controller)


@step
def nothing_is_left_behind():
    clean_up()
    expect(podman("ps", "--all", "--quiet") == "", "containers are left")
    expect(podman("volume", "ls", "--quiet") == "", "volumes are left")
    expect(PREFIX not in podman("network", "ls", "--quiet").split(), "the network is left")
    expect(links() == links_before, f"interfaces: {links() - links_before}")
    expect(not running(), f"processes: {running()}")


def clean_up():
    for host in [controller, *nodes]:
        if host is not None and host.process is not None:
            try:
                host.stop()
            except (OSError, subprocess.TimeoutExpired):
                host.process.kill()
    podman("rm", "--all", "--force", "--time", "20")
    podman("volume", "rm", "--all", "--force")
    for network in podman("network", "ls", "--quiet").split():
        if network == PREFIX:
            podman("network", "rm", "--force", PREFIX)


def main():
    clean_up()
    links_before.update(links())
    podman("network", "create", "--internal", "--disable-dns", "--subnet", hosts.SUBNET, PREFIX)
    atexit.register(lambda: subprocess.run(["rm", "-rf", str(scratch)], check=False))
    passed = failed = 0
    for function in steps:
        name, start = function.__name__.replace("_", " "), time.monotonic()
        try:
            function()
            passed += 1
            print(f"ok      {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    clean_up()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
