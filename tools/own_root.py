#!/usr/bin/env python3
"""Runs a command in a mount namespace of its own, whose root is this process's: own_root.py COMMAND ARGUMENT…

`unshare --mount` is enough where the root directory is a mount. In a chroot it is not: there a container cannot leave it behind (pivot_root(2)), and
whoever joins the container's namespace (podman exec) comes out above the chroot. So the namespace gets the chroot's directory as its root, and nothing
else stays reachable. What is mounted in it is not seen outside."""
import ctypes
import os
import sys

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        sys.exit(f"own_root.py: {what}: {os.strerror(ctypes.get_errno())}")


def main():
    root = os.open("/", os.O_PATH | os.O_DIRECTORY)
    here = os.getcwd()
    check(libc.unshare(CLONE_NEWNS), "unshare")
    # Joining a mount namespace leads to its root, wherever the process was.
    check(libc.setns(os.open("/proc/self/ns/mnt", os.O_RDONLY), CLONE_NEWNS), "setns")
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")
    os.fchdir(root)
    path = os.getcwd()
    # By its path, which leads to this namespace's copy of the mount.
    os.chdir(path)
    if path != "/":
        check(libc.mount(b".", b".", None, MS_BIND | MS_REC, None), f"mount --rbind {path}")
        os.chdir(path)
        check(libc.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), f"pivot_root {path}")
        check(libc.umount2(b".", MNT_DETACH), "umount of the former root")
    os.chdir(here)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
