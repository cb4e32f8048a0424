# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Images made of container images on disk: what the kernel shows of them is what its overlayfs shows of the layers' archives, each
extracted by GNU tar into a directory of its own, with whiteouts as overlayfs has them."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import uuid

from ..command import run
from ..project import Failure
from . import layers

ARCHIVE = "application/vnd.oci.image.layer.v1.tar"


def check(results, erofs, folder, listing, difference):
    """In the same circumstances as `layers.check`, after it: `folder` has its trees."""
    trees = [folder / "layers" / name for name in layers.SCRIPTS]
    layout = folder / "layout"
    digests = write_layout(layout, [archive(tree, folder) for tree in trees])
    # The kernel's own view of directories.
    with layers.directories(trees, folder) as point:
        wanted = layers.state(point, listing)
    packed = folder / "layout.tar"
    run("tar", "-cf", packed, "-C", layout, ".")
    for source in (layout, packed):
        for form in ("merged", "metadata", "archives", "layers"):
            title = f"oci unpack --form {form} of a {'directory' if source == layout else 'tar archive'}"
            output = folder / "unpacked"
            # Hashes of an image of metadata would say nothing of the archives.
            hashes = ["--verity"] if form != "archives" else []
            made = subprocess.run([erofs, "oci", "unpack", "--form", form, *hashes, "--json", source, output],
                                  capture_output=True, text=True)
            if not results.check(title, made.returncode == 0 and not made.stderr, made.stderr.strip()):
                continue
            images = json.loads(made.stdout)
            paths = [image["path"] for image in images if image["layer"]]
            found = shown(form, output, images, folder, listing)
            if form == "layers":
                names = [identifier(path) for path in paths]
                results.check(f"{title}: UUIDs as containerd's differ makes them",
                              names == [uuid.uuid5(uuid.NAMESPACE_URL, f"erofs:blobs/{digest}") for digest in digests])
            layers.compare(results, title, wanted, found, difference)
            if not hashes:
                pass
            elif shutil.which("veritysetup"):
                for image in images:
                    state = json.loads(open(image["path"] + ".dmverity").read())
                    good = subprocess.run(["veritysetup", "verify", image["path"], image["path"], state["roothash"],
                                           f"--hash-offset={state['hashoffset']}"], capture_output=True, text=True)
                    results.check(f"{title}: veritysetup verify", good.returncode == 0, good.stderr)
            else:
                results.skip(f"{title}: veritysetup verify", "no such program")
            subprocess.run(["rm", "-rf", output, f"{output}.dmverity"], check=True)
    output = folder / "unpacked"
    made = subprocess.run([erofs, "oci", "unpack", "--form", "merged", "--mkfs", "-zlz4hc -C65536 -Efragments", packed, output],
                          capture_output=True, text=True)
    if results.check("oci unpack --form merged, compressed", made.returncode == 0, made.stderr.strip()):
        layers.compare(results, "oci unpack --form merged, compressed", wanted, layers.shown(output, [], folder, listing),
                       difference)
        output.unlink()
    forged(results, erofs, layout, folder)
    converted, output = folder / "converted", folder / "unpacked"
    made = subprocess.run([erofs, "oci", "convert", "--type", "draft", layout, converted], capture_output=True, text=True)
    if results.check("oci convert", made.returncode == 0, made.stderr.strip()):
        run(erofs, "oci", "unpack", "--form", "merged", converted, output)
        layers.compare(results, "oci convert, and unpack of that", wanted, layers.shown(output, [], folder, listing), difference)


def forged(results, erofs, layout, folder):
    """A layer that is not what its digest says is found before a byte of a block device is lost."""
    wrong, disk, old = folder / "forged", folder / "forged-disk", os.urandom(64 << 20)
    shutil.copytree(layout, wrong)
    blob = next(path for path in sorted((wrong / "blobs/sha256").iterdir()) if path.read_bytes()[257:262] == b"ustar")
    content = bytearray(blob.read_bytes())
    # The first member's time, and the sum of its header: the archive is sound all the same.
    content[146] ^= 1
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    blob.write_bytes(content)
    disk.write_bytes(old)
    device = run("losetup", "--find", "--show", disk).strip()
    try:
        made = subprocess.run([erofs, "oci", "unpack", "--form", "merged", wrong, device], capture_output=True, text=True)
    finally:
        run("losetup", "--detach", device)
    results.check("oci unpack of a forged layer to a block device: says so", made.returncode == 1 and "sha256" in made.stderr,
                  made.stderr)
    results.check("oci unpack of a forged layer to a block device: it is as it was", disk.read_bytes() == old)


def shown(form, output, images, folder, listing):
    """What the kernel shows of what was made."""
    paths = [image["path"] for image in images if image["layer"]]
    if form == "merged":
        return layers.shown(output, [], folder, listing)
    if form in ("metadata", "archives"):
        return layers.shown(images[-1]["path"], paths, folder, listing)
    return layers.overlay(paths, folder, listing)


# What is done to a root in each layer over it, as builds of images do it; run in what overlayfs shows.
BUILD_STEPS = [
    """
    rm -rf usr/share/doc usr/share/man var/cache; mkdir -p opt/app var/cache/new; cp -a etc/passwd opt/app/passwd
    find usr lib* bin -xdev -type f -size -40k 2>/dev/null | sort | awk 'NR % 97 == 0' | xargs -r rm -f
    for name in etc/hostname etc/motd; do echo new > "$name"; done; ln -f etc/passwd opt/app/hard
    chmod -R g+w etc/*.d 2>/dev/null; chown -R 1000:1000 opt/app; ln -sfn ../opt/app srv 2>/dev/null; true""",
    """
    rm -rf opt/app/passwd etc/hostname; rm -rf usr/lib/os-release; mv etc/motd etc/motd.old; rm -rf var/log; mkdir -p var/log
    : > var/log/new; mkdir -p usr/share/doc; echo back > usr/share/doc/README; rm -rf var/cache/new; : > var/cache/new
    find etc -xdev -type f | sort | awk 'NR % 5 == 0' | while read -r name; do echo "# changed" >> "$name"; done
    setfattr -n user.layer -v third etc
    find usr lib* -xdev -type d 2>/dev/null | sort | awk 'NR % 61 == 0' | xargs -r rm -rf; true""",
]


# What dpkg does in layers of their own, in a root by debootstrap, which keeps the packages: one is removed, and comes back.
PACKAGE_STEPS = [
    "chroot . dpkg --force-depends --force-remove-essential --purge tzdata >/dev/null && test ! -e usr/share/zoneinfo/Europe",
    """
    chroot . sh -c 'dpkg -i var/cache/apt/archives/tzdata_*.deb' >/dev/null && test -e usr/share/zoneinfo/Europe &&
    rm -r var/cache/apt/archives""",
]


def debootstrap_root(folder):
    """A small Debian as debootstrap makes it, from the mirror that apt uses for this machine's release. Raises a Failure that
    says why there is none."""
    if not shutil.which("debootstrap"):
        raise Failure("debootstrap is not installed")
    release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line).get("VERSION_CODENAME")
    sites = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages", "Origin: Debian",
                "Component: main").split("\n")
    mirror = next((site.split()[0] for site in sites if site.split()[1:] == [release]), None)
    if not mirror:
        raise Failure(f"apt has no source for {release}")
    base = folder / "debootstrap-root"
    run("debootstrap", "--variant=minbase", "--include=tzdata", release, base, mirror)
    return base


def root(results, erofs, base, folder, listing, difference, steps=()):
    """A root file system, and layers over it that are made by changing what overlayfs shows: by the steps, and then two more."""
    home = folder / f"root-{base.name}"
    home.mkdir()
    trees = [base]
    for number, script in enumerate([*steps, *BUILD_STEPS]):
        upper, work, point = home / f"layer-{number}", home / f"work-{number}", home / "point"
        for path in (upper, work, point):
            path.mkdir(exist_ok=True)
        below = ":".join(str(tree) for tree in reversed(trees))
        run("mount", "-t", "overlay", "-o", f"lowerdir={below},upperdir={upper},workdir={work},redirect_dir=off,metacopy=off",
            "overlay", point)
        try:
            subprocess.run(["sh", "-c", script], cwd=point, check=True, stderr=subprocess.DEVNULL)
        finally:
            run("umount", point)
        trees.append(upper)
    with layers.directories(trees, folder) as point:
        wanted = layers.state(point, listing)
    removed = layers.state(base, listing)[0].keys() - wanted[0].keys()
    layout = home / "layout"
    write_layout(layout, [archive(tree, folder) for tree in trees])
    title = f"{base.name} in {len(trees)} layers, {len(wanted[0])} files"
    results.check(f"{title}: something is removed", len(removed) > 5, str(sorted(removed)[:5]))
    for form in ("merged", "metadata", "archives", "layers"):
        output = home / "unpacked"
        made = subprocess.run([erofs, "oci", "unpack", "--form", form, "--json", layout, output], capture_output=True, text=True)
        if not results.check(f"{title}, {form}", made.returncode == 0 and not made.stderr, made.stderr.strip()):
            continue
        found = shown(form, output, json.loads(made.stdout), folder, listing)
        layers.compare(results, f"{title}, {form}", wanted, found, difference)
        subprocess.run(["rm", "-rf", output], check=True)
    subprocess.run(["rm", "-rf", home], check=True)


def busybox_root(folder):
    """A root as Alpine's: one program with many names. Nothing if there is no such program."""
    program = shutil.which("busybox")
    if not program:
        return None
    base = folder / "busybox-root"
    for name in ("bin", "sbin", "usr/bin", "usr/sbin", "etc/init.d", "etc/conf.d", "lib", "var/log", "var/cache", "usr/lib", "tmp",
                 "usr/share/man/man1", "usr/share/doc", "dev"):
        (base / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(program, base / "bin/busybox")
    run(program, "--install", base / "usr/bin")
    for number, name in enumerate(("ls", "cat", "sh", "mount", "ps", "vi", "awk")):
        (base / "bin" / name).symlink_to("busybox")
        (base / f"etc/init.d/{name}").write_text(f"#!/bin/sh\n# {name}\n" * (number + 1))
    for name, text in (("passwd", "root:x:0:0:root:/root:/bin/ash\n"), ("hostname", "localhost\n"), ("motd", "Welcome\n"),
                       ("os-release", "ID=alpine\n")):
        (base / "etc" / name).write_text(text)
    (base / "usr/lib/os-release").write_text("ID=alpine\n")
    for number in range(300):
        (base / f"usr/share/man/man1/{number}.1").write_text(f"page {number}\n" * 20)
        (base / f"usr/lib/{number}.so").write_bytes(bytes([number & 255]) * number * 7)
    os.chmod(base / "tmp", 0o1777)
    return base


def identifier(image):
    with open(image, "rb") as file:
        file.seek(1024 + 48)
        return uuid.UUID(bytes=file.read(16))


def archive(tree, folder):
    """A layer as OCI has it: whiteouts are names, and attributes of overlayfs are not in it."""
    path = folder / "layer.tar"
    whiteouts = []

    def keep(member):
        if member.ischr() and (member.devmajor, member.devminor) == (0, 0):
            head, name = os.path.split(member.name)
            whiteouts.append(f"{head}/.wh.{name}")
            return None
        real = tree / member.name
        for key in os.listxattr(real, follow_symlinks=False):
            if key == "trusted.overlay.opaque":
                whiteouts.append(f"{member.name}/.wh..wh..opq")
            elif not key.startswith("trusted.overlay."):
                member.pax_headers[f"SCHILY.xattr.{key}"] = os.getxattr(real, key, follow_symlinks=False).decode()
        member.pax_headers["mtime"] = "{}.{:09}".format(*divmod(os.lstat(real).st_mtime_ns, 10**9))
        return member

    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as output:
        output.add(tree, ".", filter=keep)
        for name in whiteouts:
            output.addfile(tarfile.TarInfo(name))
    return path.read_bytes()


def write_layout(layout, archives, packed=None):
    """An image layout; the second layer is compressed, or all are: `packed` has the bytes of each, and a suffix of its type.
    Returns the layers' digests."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)

    def add(content, kind, **more):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content), **more}

    if packed is None:
        packed = [(gzip.compress(content), "+gzip") if number == 1 else (content, "") for number, content in enumerate(archives)]
    parts = [add(content, ARCHIVE + suffix) for content, suffix in packed]
    plain = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in archives]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    platform = {"os": "linux", "architecture": machine}
    config = add(json.dumps({**platform, "rootfs": {"type": "layers", "diff_ids": plain}}).encode(),
                 "application/vnd.oci.image.config.v1+json")
    manifest = add(json.dumps({"schemaVersion": 2, "config": config, "layers": parts}).encode(),
                   "application/vnd.oci.image.manifest.v1+json", platform=platform)
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return [part["digest"] for part in parts]
