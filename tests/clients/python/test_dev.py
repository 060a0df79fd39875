"""`sidekey dev --json` as a script uses it: its lines, and calls through the sidecar to the sample API."""

import json
import subprocess
import unittest

import requests

from stage import PATIENCE, Process


class Dev(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ports = ["--sidecar-port", "0", "--emulator-port", "0", "--emulator-https-port", "0", "--downstream-port", "0"]
        cls.process = Process("dev", "--json", *ports)
        cls.secrets = set()
        cls.addClassCleanup(cls.close)
        cls.document = cls.process.document()
        cls.secrets.update(user["password"] for user in cls.document["users"])
        cls.sidecar = cls.document["sidecar"].rstrip("/")

    @classmethod
    def close(cls):
        cls.process.stop()
        leaks = [line for secret in cls.secrets for line in cls.process.lines if secret in line]
        assert not leaks, "secrets were logged:\n" + "\n".join(leaks)

    @classmethod
    def keep(cls, token):
        cls.secrets.update([token, *token.split(".")[1:]])
        return token

    def alice(self):
        reply = requests.get(f"{self.document['emulator'].rstrip('/')}/sidekey/token", params={"user": "alice"})
        self.assertEqual(reply.status_code, 200, reply.text)
        return {"Authorization": f"Bearer {self.keep(reply.text.strip())}"}

    def call(self, api="orders", verb="POST", query=None, headers=None, **options):
        """A downstream call on behalf of Alice: the sidecar's reply."""
        headers = {**self.alice(), **(headers or {})}
        return requests.request(verb, f"{self.sidecar}/DownstreamApi/{api}", params=query, headers=headers, **options)

    def answer(self, reply, status=200):
        """What the sample API answered, out of the sidecar's wrapping."""
        self.assertEqual(reply.status_code, 200, reply.text)
        result = reply.json()
        self.assertEqual(result["statusCode"], status, result)
        self.assertEqual(result["headers"]["Content-Type"], ["application/json"])
        return json.loads(result["content"])

    def refused(self, reply, status):
        self.assertEqual(reply.status_code, status, reply.text)
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        self.assertEqual(reply.json()["status"], status)
        return reply.json()["detail"]

    def test_the_document_says_where_everything_is(self):
        for name in ["sidecar", "emulator", "emulatorHttps", "downstream"]:
            self.assertRegex(self.document[name], r"^https?://[^/]+:\d+/?$")
        usernames = [user["username"] for user in self.document["users"]]
        self.assertIn("alice@contoso.onmicrosoft.com", usernames)
        reply = requests.get(f"{self.document['emulatorHttps']}/common/discovery/keys", verify=self.document["caFile"])
        self.assertEqual(reply.status_code, 200)

    def test_every_printed_command_works_as_it_stands(self):
        self.assertGreaterEqual(len(self.document["commands"]), 5)
        for command in self.document["commands"]:
            with self.subTest(command["name"]):
                done = subprocess.run(["bash", "-c", command["run"]], capture_output=True, text=True, timeout=PATIENCE)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout.strip(), f"`{command['run']}` printed nothing")
                if done.stdout.startswith("{"):
                    result = json.loads(done.stdout)
                    self.assertLess(result.get("status", result.get("statusCode", 200)), 400, done.stdout)
                else:
                    self.assertEqual(done.stdout.strip().count("."), 2, f"neither JSON nor a token: {done.stdout}")

    def test_a_call_reaches_the_sample_api_as_the_user(self):
        answer = self.answer(self.call(query={"optionsOverride.RelativePath": "orders/1?expand=items"}))
        self.assertEqual((answer["path"], answer["query"]), ("/orders/1", "expand=items"))
        caller = answer["caller"]
        self.assertEqual((caller["kind"], caller["scopes"]), ("user", ["Orders.Read"]))
        self.assertEqual(caller["user"], "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb")

    def test_a_call_without_a_user_reaches_the_sample_api_as_the_app(self):
        reply = requests.post(f"{self.sidecar}/DownstreamApiUnauthenticated/orders-app")
        caller = self.answer(reply)["caller"]
        self.assertEqual((caller["kind"], caller["roles"]), ("app", ["Orders.Read.All"]))

    def test_bodies_go_through_byte_for_byte(self):
        body = '{"item": "thé", "amount": 2.50}'.encode()
        answer = self.answer(self.call(data=body, headers={"Content-Type": "application/json; charset=utf-8"}))
        self.assertEqual(answer["body"].encode(), body)
        self.assertEqual((answer["method"], answer["contentType"]), ("POST", "application/json; charset=utf-8"))

    def test_verbs_are_used_as_they_come(self):
        for verb in ["GET", "PUT", "PATCH", "DELETE"]:
            self.assertEqual(self.answer(self.call(verb=verb))["method"], verb)

    def test_a_post_without_a_body_is_a_get(self):
        self.assertEqual(self.answer(self.call())["method"], "GET")

    def test_a_named_verb_wins(self):
        self.assertEqual(self.answer(self.call(query={"optionsOverride.HttpMethod": "Delete"}))["method"], "DELETE")

    def test_extra_query_parameters_are_appended(self):
        query = {"optionsOverride.RelativePath": "orders?a=1", "optionsOverride.ExtraQueryParameters.b": "2 & 3"}
        self.assertEqual(self.answer(self.call(query=query))["query"].replace("+", "%20"), "a=1&b=2%20%26%203")

    def test_an_unknown_api_is_404_and_names_the_section(self):
        for reply in [
            self.call(api="nowhere"),
            requests.get(f"{self.sidecar}/AuthorizationHeader/nowhere", headers=self.alice()),
            requests.get(f"{self.sidecar}/AuthorizationHeaderUnauthenticated/nowhere"),
        ]:
            self.assertIn("DownstreamApis:nowhere", self.refused(reply, 404))

    def test_a_relative_path_never_leaves_the_api(self):
        escapes = ["../admin", "a/../../admin", "/../admin", "%2e%2e/admin", "..%2fadmin", "a/%2E./%2e%2e/admin", "..\\admin"]
        escapes += ["//evil.example/", "\\\\evil.example\\", "http://evil.example/", "https:evil.example", "/\\evil.example", "a\r\nb"]
        for path in escapes:
            with self.subTest(path):
                self.refused(self.call(query={"optionsOverride.RelativePath": path}), 400)

    def test_headers_that_are_ours_cannot_be_replaced(self):
        names = ["Authorization", "Host", "Cookie", "Content-Length", "X-Forwarded-For", "Transfer-Encoding"]
        query = {f"optionsOverride.ExtraHeaderParameters.{name}": "evil" for name in names}
        reply = self.call(query=query)
        self.assertEqual(self.answer(reply)["caller"]["kind"], "user")

    def test_agent_parameters_that_break_a_rule_are_400(self):
        rules = {
            "AgentUsername or AgentUserId require AgentIdentity": {"AgentUsername": "a@contoso.com"},
            "AgentUsername and AgentUserId are mutually exclusive": {
                "AgentIdentity": "33334444-dddd-5555-eeee-6666ffff7777",
                "AgentUsername": "a@contoso.com",
                "AgentUserId": "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
            },
            "AgentUserId must be a valid GUID": {
                "AgentIdentity": "33334444-dddd-5555-eeee-6666ffff7777",
                "AgentUserId": "not-a-guid",
            },
        }
        for detail, query in rules.items():
            with self.subTest(detail):
                self.assertEqual(self.refused(self.call(query=query), 400), detail)
                reply = requests.get(f"{self.sidecar}/AuthorizationHeader/orders", params=query, headers=self.alice())
                self.assertEqual(self.refused(reply, 400), detail)

    def test_agent_parameters_on_a_gated_route_name_the_gate(self):
        query = {"AgentIdentity": "33334444-dddd-5555-eeee-6666ffff7777"}
        reply = requests.get(f"{self.sidecar}/AuthorizationHeaderUnauthenticated/orders-app", params=query)
        self.assertIn("Sidecar:AllowOverrides:GetAuthorizationHeaderUnauthenticated", self.refused(reply, 400))

    def test_another_dev_beside_it_takes_free_ports(self):
        port = self.sidecar.rsplit(":", 1)[1]
        ports = ["--sidecar-port", port, "--emulator-port", "0", "--emulator-https-port", "0", "--downstream-port", "0"]
        second = Process("dev", "--json", *ports)
        try:
            sidecar = second.document()["sidecar"]
            self.assertNotEqual(sidecar.rstrip("/"), self.sidecar)
            self.assertEqual(requests.get(f"{sidecar}/healthz").text, "Healthy")
            self.assertIn(f"port {port} is taken", second.log)
        finally:
            second.stop()
