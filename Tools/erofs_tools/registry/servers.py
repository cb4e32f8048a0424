# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Servers on this machine, for what pulls from registries: Debian's docker-registry, a server for tokens, and a registry that does
what none should. Each has a port of its own, and ends with its context."""

import base64
import contextlib
import http.client
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

from ..command import run
from ..project import Failure

USER, PASSWORD = "me", "word"
# The password, by bcrypt.
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuQDoL5Sa/TtfS/XN4AY/jgq.HBbO1BTu\n"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Certificate:
    """A certificate for localhost, of an authority that nobody knows."""

    def __init__(self, folder):
        self.authority, self.chain, self.key = (folder / name for name in ("authority.pem", "chain.pem", "key.pem"))
        secret, request, names = folder / "authority.key", folder / "request.pem", folder / "names"
        names.write_text("subjectAltName=DNS:localhost\n")
        new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
        run(*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", secret, "-out", self.authority)
        run(*new, "-subj", "/CN=localhost", "-keyout", self.key, "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", secret, "-CAcreateserial", "-days", "2",
            "-extfile", names, "-out", self.chain)

    def client(self):
        return ssl.create_default_context(cafile=self.authority)

    def server(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context

    def sign(self, data):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=data, capture_output=True, check=True).stdout

    def encoded(self):
        return "".join(line for line in self.chain.read_text().split("-----END")[0].splitlines() if "-----" not in line)


def free_port():
    with contextlib.closing(socket.socket()) as end:
        end.bind(("127.0.0.1", 0))
        return end.getsockname()[1]


@contextlib.contextmanager
def docker_registry(folder, certificate, realm=None):
    """Its port; those log in who know the password, or bring a token of the server at `realm`."""
    program = shutil.which("docker-registry")
    port = free_port()
    store = folder / f"store-{port}"
    (folder / "htpasswd").write_text(HTPASSWD)
    if realm:
        login = {"token": {"realm": realm, "service": "tests", "issuer": "tests", "rootcertbundle": str(certificate.authority)}}
    else:
        login = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    settings = {"version": 0.1, "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(store)}}, "auth": login,
                "http": {"addr": f"127.0.0.1:{port}", "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)}}}
    # JSON is YAML.
    (folder / f"{port}.yml").write_text(json.dumps(settings))
    with open(folder / f"{port}.log", "w") as log:
        process = subprocess.Popen([program, "serve", folder / f"{port}.yml"], stdout=log, stderr=log)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.1)
        else:
            raise Failure(f"docker-registry does not begin: {(folder / f'{port}.log').read_text()[-500:]}")
        yield port
    finally:
        process.terminate()
        process.wait()


def push(port, certificate, layout, name, authorization):
    """Brings the only image of a layout into a registry."""
    connection = http.client.HTTPSConnection("localhost", port, context=certificate.client())
    headers = {"Authorization": authorization}

    def ask(method, path, body=None, wanted=201, **more):
        connection.request(method, path, body, {**headers, **more})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != wanted:
            raise Failure(f"docker-registry: {method} {path}: {answer.status} {text[:300]}")
        return answer

    reference = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest = (layout / "blobs/sha256" / reference.split(":")[1]).read_bytes()
    content = json.loads(manifest)
    for blob in [content["config"], *content["layers"]]:
        place = ask("POST", f"/v2/{name}/blobs/uploads/", wanted=202).headers["Location"]
        parts = urllib.parse.urlsplit(place)
        with open(layout / "blobs/sha256" / blob["digest"].split(":")[1], "rb") as file:
            ask("PUT", f"{parts.path}?{parts.query}&digest={blob['digest']}", file, **{
                "Content-Type": "application/octet-stream", "Content-Length": str(blob["size"])})
    ask("PUT", f"/v2/{name}/manifests/latest", manifest, **{"Content-Type": MANIFEST})
    connection.close()


@contextlib.contextmanager
def served(handler, certificate=None):
    """The port of a server whose `GET` is answered by the handler."""

    class Answering(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            handler(self)

        def answer(self, body, status=200, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass

    server = Server(("127.0.0.1", 0), Answering)
    if certificate:
        server.socket = certificate.server().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def token(certificate, actions, name="it"):
    """As docker-registry wants it: signed by a certificate that comes along."""
    def text(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    now = int(time.time())
    head = {"typ": "JWT", "alg": "RS256", "x5c": [certificate.encoded()]}
    body = {"iss": "tests", "sub": USER, "aud": "tests", "exp": now + 300, "nbf": now - 30, "iat": now, "jti": str(time.time_ns()),
            "access": [{"type": "repository", "name": name, "actions": actions}]}
    signed = text(json.dumps(head).encode()) + b"." + text(json.dumps(body).encode())
    return (signed + b"." + text(certificate.sign(signed))).decode()


def token_server(certificate):
    """Gives tokens to those who know the password."""
    def handler(request):
        if request.headers["Authorization"] != BASIC:
            return request.answer(b"{}", 401)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        if query != {"service": ["tests"], "scope": ["repository:it:pull"]}:
            return request.answer(b"{}", 400)
        return request.answer(json.dumps({"token": token(certificate, ["pull"])}).encode())
    return served(handler, certificate)


class Hostile:
    """A registry of one image, whose repositories' names say what is wrong with them. What it was asked is in `asked`."""

    def __init__(self, layout):
        self.blobs = layout / "blobs/sha256"
        self.reference = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        manifest = json.loads(self.content(self.reference))
        self.large = max(manifest["layers"], key=lambda layer: layer["size"])["digest"]
        self.asked, self.elsewhere, self.cuts = [], 0, 0

    def content(self, digest):
        return (self.blobs / digest.split(":")[1]).read_bytes()

    def handler(self, request):
        self.asked.append((request.path, request.headers["Authorization"], request.headers["Range"]))
        parts = urllib.parse.urlsplit(request.path).path.split("/")
        if len(parts) < 5:
            return request.answer(b"{}")
        name, kind, what = parts[2:5]
        if kind == "manifests":
            if name == "huge":
                return self.endless(request, b" " * 65536)
            body = self.content(self.reference)
            return request.answer(body, Content_Type=MANIFEST)
        body = self.content(what)
        if name == "login":
            return request.answer(b"", 401, WWW_Authenticate="Basic realm=x")
        if what != self.large:
            return request.answer(body)
        behaviour = getattr(self, f"do_{name}", None)
        return behaviour(request, body) if behaviour else request.answer(body)

    def endless(self, request, part):
        request.send_response(200)
        request.send_header("Content-Type", MANIFEST)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        with contextlib.suppress(OSError):
            while True:
                request.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))

    def do_endless(self, request, body):
        self.endless(request, body)

    def do_digest(self, request, body):
        request.answer(body[:-1] + bytes([body[-1] ^ 1]))

    def do_short(self, request, body):
        request.answer(body[:-1])

    def do_loop(self, request, body):
        request.answer(b"", 307, Location=request.path)

    def do_moved(self, request, body):
        request.answer(b"", 307, Location=f"http://127.0.0.1:{self.elsewhere}{request.path}")

    def do_cut(self, request, body):
        """A third of what is left, and then the end of the connection."""
        start = int((request.headers["Range"] or "bytes=0-").split("=")[1].split("-")[0])
        rest = body[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        self.cuts += 1
        request.wfile.write(rest if self.cuts > 3 else rest[:len(rest) // 3])
        request.close_connection = True

    def do_silent(self, request, body):
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[:1000])
        time.sleep(20)
