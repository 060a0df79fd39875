"""What every proxy must do that asks `Sidecar:ForwardAuth`; a suite for each proxy runs these cases."""

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import directory
import proxies
import stage


class ForwardAuth:
    """Mixed into a `Stage`. `proxy` is the proxy's class, `source` its way to say what it was asked, `down` its answer when
    the sidecar is gone, `too_large` the one when the sidecar finds the headers too large, which the proxy lets `large` be."""

    large = [("Authorization", "Bearer " + "x" * 14000)]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.application = proxies.Application()
        cls.addClassCleanup(cls.application.close)
        cls.judge = cls.asked()
        cls.front = cls.before(cls.judge)
        cls.signer = cls.signs()
        cls.user = cls.user_token(directory.USER_SCOPE)

    @classmethod
    def asked(cls):
        """A sidecar of the API with the section that the document prints."""
        more = {"AzureAd__Scopes": "Orders.Read", "Sidecar__ForwardAuth__OriginalRequest": cls.source}
        more |= {"Sidecar__Limits__MaxHeaderBytes": "8192", **stage.secret(directory.API_SECRET)}
        [appsettings] = proxies.printed("")
        settings = cls.sidecar_settings(directory.API, **more)
        process = cls.start("serve", settings=settings, files={"appsettings.json": appsettings})
        process.listening()
        return process

    @classmethod
    def before(cls, sidecar):
        """A proxy before the application that asks a sidecar."""
        port = sidecar.listening().rpartition(":")[2]
        proxy = cls.proxy(port, cls.application.port)
        cls.addClassCleanup(proxy.stop)
        proxy.start()
        return proxy

    @classmethod
    def signs(cls):
        """A sidecar of the web application that signs its requests to the shop."""
        key = ec.generate_private_key(ec.SECP256R1())
        forms = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path = cls.folder / "pop.pem"
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, *forms))
        shop = {
            "DownstreamApis__shop__BaseUrl": "https://shop.example/",
            "DownstreamApis__shop__Scopes__0": directory.APP_SCOPE,
            "DownstreamApis__shop__RequestAppToken": "true",
            "DownstreamApis__shop__AcquireTokenOptions__PopPrivateKeyPath": str(path),
            "Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated": "true",
        }
        return cls.sidecar(directory.WEB, **stage.secret(directory.WEB_SECRET), **shop)

    def header(self, sidecar, api, **overrides):
        query = {f"optionsOverride.{name}": value for name, value in overrides.items()}
        reply = requests.get(f"{sidecar}/AuthorizationHeaderUnauthenticated/{api}", params=query)
        self.assertEqual(reply.status_code, 200, reply.text)
        header = reply.json()["authorizationHeader"]
        self.keep(header.partition(" ")[2])
        return header

    def passes(self, method, path, headers, body=None, front=None):
        """The headers with which the application gets a request that must get there, as CGI and WSGI would name them."""
        before = len(self.application.seen)
        status, _, reply = (front or self.front).ask(method, path, headers, body)
        self.assertEqual((status, reply), (200, b"welcome"), self.judge.log[-2000:])
        [(seen_method, seen_path, seen_headers, seen_body)] = self.application.seen[before:]
        self.assertEqual((seen_method, seen_path, seen_body), (method, path, body or b""))
        found = {}
        for name, value in seen_headers:
            found.setdefault(name.lower(), []).append(value)
        return found

    def refused(self, method, path, headers=(), front=None):
        """Status and challenge of a request that must not get to the application."""
        before = len(self.application.seen)
        status, headers, _ = (front or self.front).ask(method, path, headers)
        self.assertEqual(self.application.seen[before:], [], f"{method} {path} got through with {status}")
        return status, headers.get("WWW-Authenticate")

    def test_the_application_is_told_who_calls(self):
        found = self.passes("GET", "/orders/1?expand=items", [("Authorization", f"Bearer {self.user}")])
        self.assertEqual((found["x-user-id"], found["x-user-name"]), ([directory.ALICE_ID], ["Alice"]))
        self.assertEqual("".join(found.get("x-claim-roles", [])), "")

    def test_what_a_client_says_about_itself_does_not_get_through(self):
        own = [("X-User-Id", "admin"), ("x-user-id", "root"), ("X-USER-NAME", "Admin"), ("X-Claim-Roles", "Admin")]
        found = self.passes("GET", "/orders", [*own, ("Authorization", f"Bearer {self.user}"), *own])
        self.assertEqual((found["x-user-id"], found["x-user-name"]), ([directory.ALICE_ID], ["Alice"]))
        self.assertEqual("".join(found.get("x-claim-roles", [])), "")

    def test_names_that_are_others_to_cgi_do_not_get_through(self):
        before = len(self.application.seen)
        headers = [("X_User_Id", "admin"), ("X-User_Name", "Admin"), ("Authorization", f"Bearer {self.user}")]
        self.assertIn(self.front.ask("GET", "/orders", headers)[0], [200, 400])
        seen = [value for request in self.application.seen[before:] for _, value in request[2]]
        self.assertFalse({"admin", "Admin"}.intersection(seen), seen)

    def test_bodies_go_to_the_application_alone(self):
        found = self.passes("POST", "/orders", [("Authorization", f"Bearer {self.user}")], b'{"item": "tea"}' * 1000)
        self.assertEqual(found["x-user-id"], [directory.ALICE_ID])

    def test_who_shows_no_good_token_gets_a_challenge(self):
        self.assertEqual(self.refused("GET", "/orders"), (401, "Bearer"))
        self.assertEqual(self.refused("PUT", "/orders", [("X-User-Id", directory.ALICE_ID)]), (401, "Bearer"))
        head, payload, signature = self.user.split(".")
        forged = ".".join([head, payload, signature[:-8] + "AAAAAAAA"])
        other_audience = self.user_token(f"api://{directory.WEB}/access_as_user")
        for token, reason in [(forged, "signature"), (other_audience, "audience")]:
            status, challenge = self.refused("GET", "/orders", [("Authorization", f"Bearer {token}")])
            self.assertEqual(status, 401)
            self.assertTrue(challenge.startswith('Bearer error="invalid_token"') and reason in challenge, challenge)

    def test_who_lacks_the_scope_is_forbidden(self):
        app = self.header(self.web, "orders-app")
        self.assertEqual(self.refused("GET", "/orders", [("Authorization", app)]), (403, None))

    def test_no_path_is_a_way_around_the_question(self):
        for path in ["/healthz", "/../healthz", "//healthz", "/..%2f..%2fhealthz", "/ForwardAuth", "/_sidekey", "/%5fsidekey"]:
            with self.subTest(path):
                status, _ = self.refused("GET", path)
                self.assertIn(status, [400, 401, 404])

    def test_headers_beyond_the_limit_are_refused(self):
        self.assertEqual(self.refused("GET", "/orders", self.large)[0], self.too_large)

    def test_a_sidecar_that_is_gone_lets_nobody_pass(self):
        sidecar = self.asked()
        front = self.before(sidecar)
        authorization = [("Authorization", f"Bearer {self.user}")]
        self.passes("GET", "/orders", authorization, front=front)
        sidecar.stop()
        self.assertEqual(self.refused("GET", "/orders", authorization, front)[0], self.down)

    def test_a_signed_request_is_good_once_and_for_what_it_was_signed(self):
        signed = self.header(self.signer, "shop", RelativePath="orders/1", HttpMethod="PUT")
        self.assertTrue(signed.startswith("PoP "))
        authorization = ("Authorization", signed)
        # What a thief would say of the request, to whom it may concern.
        lies = [("original-method", "PUT"), ("original-uri", "https://shop.example/orders/1")]
        lies += [("X-Forwarded-Method", "PUT"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.example")]
        lies += [("X-Forwarded-Uri", "/orders/1"), ("X-Original-URI", "/orders/1"), ("X-Envoy-Original-Path", "/orders/1")]
        for method, path in [("GET", "/orders/1"), ("PUT", "/orders/2")]:
            status, challenge = self.refused(method, path, [authorization, *lies])
            self.assertEqual((status, challenge.split(" ")[0]), (401, "PoP"))
        found = self.passes("PUT", "/orders/1", [authorization])
        self.assertEqual(found["x-claim-roles"], ["Orders.Read.All"])
        self.assertEqual(self.refused("PUT", "/orders/1", [authorization])[0], 401)
