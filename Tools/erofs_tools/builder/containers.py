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
        for form in ("merged", "metadata", "layers"):
            title = f"oci unpack --form {form} of a {'directory' if source == layout else 'tar archive'}"
            output = folder / "unpacked"
            made = subprocess.run([erofs, "oci", "unpack", "--form", form, "--verity", "--json", source, output],
                                  capture_output=True, text=True)
            if not results.check(title, made.returncode == 0 and not made.stderr, made.stderr.strip()):
                continue
            images = json.loads(made.stdout)
            paths = [image["path"] for image in images if image["layer"]]
            if form == "merged":
                found = layers.shown(output, [], folder, listing)
            elif form == "metadata":
                found = layers.shown(images[-1]["path"], paths, folder, listing)
            else:
                found = layers.overlay(paths, folder, listing)
                names = [identifier(path) for path in paths]
                results.check(f"{title}: UUIDs as containerd's differ makes them",
                              names == [uuid.uuid5(uuid.NAMESPACE_URL, f"erofs:blobs/{digest}") for digest in digests])
            layers.compare(results, title, wanted, found, difference)
            if shutil.which("veritysetup"):
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
    converted, output = folder / "converted", folder / "unpacked"
    made = subprocess.run([erofs, "oci", "convert", "--type", "draft", layout, converted], capture_output=True, text=True)
    if results.check("oci convert", made.returncode == 0, made.stderr.strip()):
        run(erofs, "oci", "unpack", "--form", "merged", converted, output)
        layers.compare(results, "oci convert, and unpack of that", wanted, layers.shown(output, [], folder, listing), difference)


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
            else:
                member.pax_headers[f"SCHILY.xattr.{key}"] = os.getxattr(real, key, follow_symlinks=False).decode()
        member.pax_headers["mtime"] = "{}.{:09}".format(*divmod(os.lstat(real).st_mtime_ns, 10**9))
        return member

    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as output:
        output.add(tree, ".", filter=keep)
        for name in whiteouts:
            output.addfile(tarfile.TarInfo(name))
    return path.read_bytes()


def write_layout(layout, archives):
    """An image layout; the second layer is compressed. Returns the layers' digests."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)

    def add(content, kind, **more):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content), **more}

    parts = [add(gzip.compress(content), f"{ARCHIVE}+gzip") if number == 1 else add(content, ARCHIVE)
             for number, content in enumerate(archives)]
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
