# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""`erofs oci pull` from registries on this machine: Debian's docker-registry over TLS, with passwords and with tokens, and one that
does what none should.

  Tools/run registry [PROGRAM]    PROGRAM is the built `erofs`; without it, one is built
"""

import argparse
import contextlib
import filecmp
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

from ..builder import containers
from ..command import run
from ..project import CACHE
from ..results import Results
from . import servers

# The client needs SwiftNIO and a TLS library, whose sources take minutes: all of it is built whole, but without optimization.
BUILD = ["swift", "build", "-c", "release", "--traits", "default,Registry", "-Xswiftc", "-Onone", "-Xswiftc", "-gnone",
         "-Xcc", "-O0"]
# Bytes of the layer with which memory is measured, and what the process may have at most.
LARGE, MOST_MEMORY = 128 << 20, 64 << 20


class Pull:
    def __init__(self, program, folder, **environment):
        self.program, self.folder = program, folder
        self.output = folder / "out" / "pulled"
        self.output.parent.mkdir(exist_ok=True)
        self.environment = {**os.environ, "DOCKER_CONFIG": str(folder / "nobody"), **environment}

    def __call__(self, reference, *options, password=None):
        """What is left of a former pull is removed before."""
        shutil.rmtree(self.output, ignore_errors=True)
        self.output.unlink(missing_ok=True)
        login = ["--username", servers.USER, "--password-stdin"] if password else []
        return subprocess.run([self.program, "oci", "pull", *login, *options, reference, self.output], capture_output=True,
                              text=True, env=self.environment, input=password, timeout=120)

    def left(self):
        return sorted(path.name for path in self.output.parent.iterdir())


def layer(*files):
    """An archive of names and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def same(results, title, layout, found):
    """Whether a pulled layout has the blobs of another."""
    left, right = layout / "blobs/sha256", found / "blobs/sha256"
    names = sorted(os.listdir(left))
    results.check(title, found.is_dir() and sorted(os.listdir(right)) == names
                  and filecmp.cmpfiles(left, right, names, shallow=False) == (names, [], []), f"{found} is another")


def with_docker_registry(results, program, folder, layout, certificate):
    if not shutil.which("docker-registry"):
        results.skip("images of docker-registry", "no such program")
        return
    trust = ["--ca-file", certificate.authority]
    with servers.docker_registry(folder, certificate) as port:
        servers.push(port, certificate, layout, "it", servers.BASIC)
        pull, name = Pull(program, folder), f"localhost:{port}/it"
        made = pull(name, *trust, password="word\n")
        if results.check("docker-registry with a password", made.returncode == 0, made.stderr):
            same(results, "docker-registry with a password: the same blobs", layout, pull.output)
            results.check("the digest is printed", made.stdout.strip() == reference(layout), made.stdout)
        made = pull(f"{name}@{reference(layout)}", *trust, "--form", "merged", "--json", password="word")
        results.check("docker-registry, by digest, to an image", made.returncode == 0, made.stderr)
        plain = folder / "plain.erofs"
        run(program, "oci", "unpack", "--form", "merged", layout, plain)
        results.check("the image is that of the layout on disk", made.returncode == 0 and filecmp.cmp(plain, pull.output, False))
        for title, options, password, wanted in (
                ("a wrong password", trust, "other", "name or password are wrong"),
                ("no password", trust, None, "wants a name and a password"),
                ("an authority that is not known", [], "word", "from no authority that is believed"),
                ("no TLS", ["--plain-http"], "word", "the answer is 400"),
                ("a file of no certificates", ["--ca-file", layout / "index.json"], "word", "no certificates"),
                ("another platform", [*trust, "--platform", "linux/s390x"], "word", "no image for linux/s390x")):
            made = pull(name, *options, password=password)
            results.check(f"{title}: {wanted}", made.returncode == 1 and wanted in made.stderr and not pull.left(),
                          f"{made.stderr} {pull.left()}")
        made = pull(f"127.0.0.1:{port}/it", *trust, password="word")
        results.check("the certificate of another host is refused", made.returncode == 1 and "certificate" in made.stderr,
                      made.stderr)
        made = pull(f"localhost:{port}/absent", *trust, password="word")
        results.check("what is not there", made.returncode == 1 and "the answer is 404" in made.stderr, made.stderr)
        (folder / "docker").mkdir()
        (folder / "docker/config.json").write_text(json.dumps({"auths": {f"localhost:{port}": {"auth": servers.BASIC[6:]}}}))
        made = Pull(program, folder, DOCKER_CONFIG=str(folder / "docker"))(name, *trust)
        results.check("credentials of docker login", made.returncode == 0, made.stderr)
        made = Pull(program, folder, REGISTRY_AUTH_FILE=str(folder / "docker/config.json"))(name, *trust)
        results.check("credentials of podman login", made.returncode == 0, made.stderr)
        # A program that keeps them; it tells them for this registry only.
        (folder / "helper").mkdir()
        (folder / "helper/config.json").write_text(json.dumps({"credsStore": "of-this-test"}))
        helper = folder / "helper/docker-credential-of-this-test"
        helper.write_text(f"""#!/bin/sh
[ "$1" = get ] && [ "$(cat)" = localhost:{port} ] || {{ echo credentials not found in this test; exit 1; }}
echo '{{"ServerURL": "localhost:{port}", "Username": "{servers.USER}", "Secret": "word"}}'
""")
        helper.chmod(0o755)
        for path, wanted in ((f"{helper.parent}:{os.environ['PATH']}", 0), (os.environ["PATH"], 1)):
            made = Pull(program, folder, DOCKER_CONFIG=str(helper.parent), PATH=path)(name, *trust)
            good = made.returncode == wanted and (wanted == 0 or "not in PATH" in made.stderr)
            results.check(f"credentials of a program that is {'not ' if wanted else ''}there", good, made.stderr)
    with servers.token_server(certificate) as tokens:
        realm = f"https://localhost:{tokens}/token"
        with servers.docker_registry(folder, certificate, realm) as port:
            servers.push(port, certificate, layout, "it", f"Bearer {servers.token(certificate, ['pull', 'push'])}")
            pull = Pull(program, folder)
            made = pull(f"localhost:{port}/it:latest", *trust, password="word")
            if results.check("docker-registry with a token", made.returncode == 0, made.stderr):
                same(results, "docker-registry with a token: the same blobs", layout, pull.output)
            made = pull(f"localhost:{port}/it:latest", *trust, password="other")
            results.check("no token without the password", made.returncode == 1 and "login failed" in made.stderr, made.stderr)


def reference(layout):
    return json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]


def hostile(results, program, folder, layout):
    registry = servers.Hostile(layout)
    seen = []

    def elsewhere(request):
        seen.append(request.headers["Authorization"])
        request.answer(registry.content(request.path.rsplit("/", 1)[1]))
    pull = Pull(program, folder)
    with servers.served(registry.handler) as port, servers.served(elsewhere) as registry.elsewhere:
        for name, wanted in (("endless", "its descriptor says"), ("digest", "another digest"), ("short", "its descriptor says"),
                             ("loop", "there are too many"), ("huge", "more than 4194304 bytes"), ("login", "wants a name")):
            made = pull(f"localhost:{port}/{name}")
            good = made.returncode == 1 and wanted in made.stderr and not pull.left()
            results.check(f"a hostile registry, {name}: {wanted}", good, f"{made.stderr} {pull.left()}")
        made = pull(f"localhost:{port}/login", password="word")
        results.check("a registry that asks for a login without end", made.returncode == 1 and "wrong" in made.stderr, made.stderr)
        made = pull(f"localhost:{port}/moved", password="word")
        results.check("no credentials after a redirection", made.returncode == 0 and seen == [None], f"{made.stderr} {seen}")
        registry.asked.clear()
        made = pull(f"localhost:{port}/cut")
        ranges = [asked for *_, asked in registry.asked if asked]
        if results.check("connections that are cut are made again", made.returncode == 0 and len(ranges) == 3,
                         f"{made.stderr} {ranges}"):
            same(results, "what came before a cut is kept", layout, pull.output)
        shutil.rmtree(pull.output, ignore_errors=True)
        process = subprocess.Popen([program, "oci", "pull", f"localhost:{port}/silent", pull.output], stderr=subprocess.DEVNULL,
                                   env=pull.environment)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        results.check("an interrupt ends it, and nothing is left", process.returncode == -signal.SIGINT and not pull.left(),
                      f"{process.returncode} {pull.left()}")
        process.kill()
    made = pull(f"localhost:{port}/it")
    results.check("nobody is there", made.returncode == 1 and "no connection" in made.stderr, made.stderr)


def memory(results, program, folder):
    """A large layer, to see that memory does not grow with it."""
    layout = folder / "large"
    containers.write_layout(layout, [layer(("noise", os.urandom(1 << 20) * (LARGE >> 20)))])
    registry = servers.Hostile(layout)
    pull = Pull(program, folder)
    shutil.rmtree(pull.output, ignore_errors=True)
    with servers.served(registry.handler) as port:
        start = time.monotonic()
        process = subprocess.Popen([program, "oci", "pull", f"localhost:{port}/it", pull.output], stdout=subprocess.DEVNULL,
                                   env=pull.environment)
        most = 0
        # What the system says at the end would count the memory of this process too.
        while process.poll() is None:
            with contextlib.suppress(OSError, StopIteration):
                lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
                most = max(most, int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10)
            time.sleep(0.01)
        seconds = time.monotonic() - start
    results.check(f"{LARGE >> 20} MiB take less than {MOST_MEMORY >> 20} MiB of memory",
                  process.returncode == 0 and 0 < most < MOST_MEMORY, f"status {process.returncode}, {most >> 20} MiB")
    print(f"  {LARGE >> 20} MiB in {seconds:.1f} s, with {most >> 20} MiB of memory")


def built():
    # What it depends on is the same for all clones, and kept.
    build = [*BUILD, "--scratch-path", CACHE / "registry"]
    run(*build, "--product", "erofs")
    return pathlib.Path(run(*build, "--show-bin-path").strip()) / "erofs"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", type=pathlib.Path)
    program = parser.parse_args().program or built()
    # One that was built for coverage would leave its counts here.
    os.environ["LLVM_PROFILE_FILE"] = os.devnull
    results = Results(live=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        said = subprocess.run([program, "oci", "pull", "localhost:1/it", folder / "absent"], capture_output=True, text=True).stderr
        if "was built without" in said:
            results.skip("images of registries", "this erofs was built without the trait Registry")
            return results.end()
        layout = folder / "layout"
        noise = os.urandom(300_000)
        containers.write_layout(layout, [layer(("a", b"one"), ("b", noise)), layer((".wh.a", b""), ("c", b"two" * 5000))])
        with_docker_registry(results, program, folder, layout, servers.Certificate(folder))
        hostile(results, program, folder, layout)
        memory(results, program, folder)
    return results.end()
