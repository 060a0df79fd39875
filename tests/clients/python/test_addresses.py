"""curl and the sidecar client of Microsoft's agents SDK, both unmodified, on every local address that sidekey answers at."""

import asyncio
import json
import socket
import subprocess

import httpx
from microsoft_agents.authentication.entra_auth_sidecar import SidecarAuth, SidecarHttpClient
from microsoft_agents.hosting.core import AgentAuthConfiguration

import directory
import stage

HEADER = "/AuthorizationHeaderUnauthenticated/orders-app"


class Addresses(stage.Stage):
    """A sidecar that listens where it does by default, on `localhost`, and one on a Unix socket."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        own = stage.secret(directory.WEB_SECRET)
        # The default but for the port, which may be in use.
        cls.port = stage.free_port()
        default = cls.sidecar_settings(directory.WEB, **own, ASPNETCORE_URLS=f"http://localhost:{cls.port}")
        cls.default = cls.start("serve", settings=default)
        cls.default.listening()
        cls.socket = str(cls.folder / "sidekey.sock")
        by_socket = cls.sidecar_settings(directory.WEB, **own, Kestrel__Endpoints__Local__Url=f"http://unix:{cls.socket}")
        del by_socket["ASPNETCORE_URLS"]
        cls.start("serve", settings=by_socket).listening()

    def hosts(self):
        hosts = ["localhost", "127.0.0.1", "[::1]"]
        return [f"http://{host}:{self.port}" for host in hosts if host != "[::1]" or has_ipv6()]

    def curl(self, *arguments):
        """Status and body of what curl gets."""
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=stage.PATIENCE)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}")
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def curl_works(self, base, *arguments):
        self.assertEqual(self.curl(*arguments, f"{base}/healthz"), (200, "Healthy"))
        self.assertEqual(self.curl(*arguments, f"{base}/Validate")[0], 401)
        status, body = self.curl(*arguments, f"{base}{HEADER}")
        self.assertEqual(status, 200, body)
        token = json.loads(body)["authorizationHeader"].removeprefix("Bearer ")
        self.assert_app_token(token)
        status, body = self.curl(*arguments, "-H", f"Authorization: Bearer {self.api_token()}", f"{base}/Validate")
        self.assertEqual(status, 401, body)
        status, body = self.curl(*arguments, "-H", f"Authorization: Bearer {self.user_token()}", f"{base}/Validate")
        self.assertEqual((status, json.loads(body)["claims"]["oid"]), (200, directory.ALICE_ID))

    def api_token(self):
        return self.user_token(directory.USER_SCOPE)

    def agents_client_works(self, base, **client):
        async def talk():
            settings = {"SIDECAR_BASE_URL": base, "SERVICE_NAME": "orders-app", "RETRY_COUNT": 0}
            configuration = AgentAuthConfiguration(provider_settings=settings, **settings)
            auth = SidecarAuth(configuration, **client)
            try:
                return await auth.is_healthy(), await auth.get_access_token(f"api://{directory.API}", [directory.APP_SCOPE])
            finally:
                await auth.close()

        is_healthy, token = asyncio.run(talk())
        self.assertTrue(is_healthy)
        self.assert_app_token(token)

    def test_curl_works_on_every_loopback_name(self):
        for base in self.hosts():
            with self.subTest(base):
                self.curl_works(base)
                self.curl_works(base, "--http2-prior-knowledge")

    def test_curl_works_on_a_unix_socket(self):
        self.curl_works("http://localhost", "--unix-socket", self.socket)

    def test_the_agents_client_works_on_every_loopback_name(self):
        for base in self.hosts():
            with self.subTest(base):
                self.agents_client_works(base)

    def test_the_agents_client_works_on_a_unix_socket(self):
        # It takes an HTTP client of its user's; the transport is httpx's own.
        transport = httpx.AsyncHTTPTransport(uds=self.socket)
        client = SidecarHttpClient("http://localhost", http_client=httpx.AsyncClient(transport=transport), retry_count=0)
        self.agents_client_works("http://localhost", sidecar_client=client)

    def test_a_name_that_was_pointed_at_loopback_is_refused(self):
        name = f"rebound.example:{self.port}"
        reply = self.curl("--resolve", f"{name}:127.0.0.1", f"http://{name}{HEADER}")
        self.assertEqual(reply[0], 400, reply)
        self.assertEqual(self.curl("--unix-socket", self.socket, f"http://rebound.example{HEADER}")[0], 400)


def has_ipv6():
    """Whether this machine has a loopback address of the newer kind."""
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError:
            return False
    return True
