"""The tests' own SPIFFE agent, held against PyPI's `spiffe` client, unmodified; and its tokens as an application's credential."""

import contextlib
import unittest

import grpc
import jwt
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientAssertionCredential
from spiffe import JwtSource, JwtSvid, SpiffeId, TrustDomain, WorkloadApiClient
from spiffe.bundle.jwt_bundle.errors import AuthorityNotFoundError
from spiffe.errors import ArgumentError
from spiffe.svid.errors import TokenExpiredError
from spiffe.workloadapi.errors import FetchJwtBundleError, FetchJwtSvidError, ValidateJwtSvidError

import directory
from agent import BILLING, ORDERS, Agent
from stage import PATIENCE, Stage

AUDIENCE = {directory.AUDIENCE}
DOMAIN = TrustDomain("example.org")


class Client(unittest.TestCase):
    def agent(self, *identities, more=()):
        """An agent and a client of it. Until the next one, its socket is in the working directory."""
        agent = Agent(*identities, more=more)
        self.addCleanup(agent.close)
        contexts = contextlib.ExitStack()
        self.addCleanup(contexts.close)
        socket = contexts.enter_context(agent.at_hand())
        client = WorkloadApiClient(socket, default_timeout=PATIENCE)
        self.addCleanup(client.close)
        return agent, client

    def test_an_svid_is_good_by_the_bundle_of_its_trust_domain(self):
        for more in [[], ["--p256"]]:
            _, client = self.agent(ORDERS, BILLING, more=more)
            bundle = client.fetch_jwt_bundles().get_bundle_for_trust_domain(DOMAIN)
            for wanted, identity in [(None, ORDERS), (SpiffeId(BILLING), BILLING)]:
                svid = client.fetch_jwt_svid(AUDIENCE, wanted)
                found = JwtSvid.parse_and_validate(svid.token, bundle, AUDIENCE)
                self.assertEqual((str(found.spiffe_id), found.audience), (identity, AUDIENCE))

    def test_all_svids_come_the_default_one_first(self):
        _, client = self.agent(ORDERS, BILLING)
        svids = client.fetch_jwt_svids({"one", "two"})
        self.assertEqual([str(svid.spiffe_id) for svid in svids], [ORDERS, BILLING])
        self.assertEqual(svids[0].audience, {"one", "two"})

    def test_an_svid_of_another_key_is_no_good(self):
        _, other = self.agent(ORDERS)
        bundle = other.fetch_jwt_bundles().get_bundle_for_trust_domain(DOMAIN)
        _, client = self.agent(ORDERS)
        with self.assertRaises(AuthorityNotFoundError):
            JwtSvid.parse_and_validate(client.fetch_jwt_svid(AUDIENCE).token, bundle, AUDIENCE)

    def test_the_agent_judges_an_svid(self):
        _, client = self.agent(ORDERS)
        token = client.fetch_jwt_svid(AUDIENCE).token
        self.assertEqual(str(client.validate_jwt_svid(token, directory.AUDIENCE).spiffe_id), ORDERS)
        for svid, audience in [(token, "api://another"), (token[:-8] + "AAAAAAAA", directory.AUDIENCE)]:
            with self.assertRaisesRegex(ValidateJwtSvidError, "INVALID_ARGUMENT"):
                client.validate_jwt_svid(svid, audience)

    def test_a_source_follows_the_agent(self):
        _, client = self.agent(ORDERS)
        with JwtSource(client, timeout_in_seconds=PATIENCE) as source:
            token = source.fetch_svid(AUDIENCE).token
            bundle = source.get_bundle_for_trust_domain(DOMAIN)
            self.assertEqual(str(JwtSvid.parse_and_validate(token, bundle, AUDIENCE).spiffe_id), ORDERS)

    def test_a_workload_without_an_identity_gets_nothing(self):
        _, client = self.agent()
        with self.assertRaisesRegex(FetchJwtSvidError, r"no identity issued \(StatusCode.PERMISSION_DENIED\)"):
            client.fetch_jwt_svid(AUDIENCE)
        with self.assertRaisesRegex(FetchJwtBundleError, r"no identity issued \(StatusCode.PERMISSION_DENIED\)"):
            client.fetch_jwt_bundles()

    def test_an_identity_of_another_workload_is_not_given(self):
        _, client = self.agent(ORDERS)
        with self.assertRaisesRegex(FetchJwtSvidError, "PERMISSION_DENIED"):
            client.fetch_jwt_svid(AUDIENCE, SpiffeId(BILLING))

    def test_an_svid_that_has_ended_is_seen_as_such(self):
        _, client = self.agent(ORDERS, more=["--lifetime", "-60"])
        with self.assertRaises(FetchJwtSvidError) as refused:
            client.fetch_jwt_svid(AUDIENCE)
        self.assertIsInstance(refused.exception.__cause__, TokenExpiredError)

    def test_a_socket_that_is_not_there(self):
        agent, _ = self.agent(ORDERS)
        with self.assertRaisesRegex(ArgumentError, "does not exist"):
            WorkloadApiClient(agent.socket + ".not")

    def test_an_agent_that_hangs(self):
        _, client = self.agent(ORDERS, more=["--hang"])
        with self.assertRaisesRegex(FetchJwtSvidError, "DEADLINE_EXCEEDED"):
            client.fetch_jwt_svid(AUDIENCE, timeout=0.2)

    def test_a_call_without_the_protocols_header_is_refused(self):
        agent, _ = self.agent(ORDERS)
        with grpc.insecure_channel(f"unix:{agent.name}") as channel:
            for header, method, code in [
                ([], "FetchJWTSVID", grpc.StatusCode.INVALID_ARGUMENT),
                ([("workload.spiffe.io", "true")], "FetchX509Bundles", grpc.StatusCode.UNIMPLEMENTED),
            ]:
                call = channel.unary_unary(f"/SpiffeWorkloadAPI/{method}")
                with self.assertRaises(grpc.RpcError) as refused:
                    call(b"", metadata=header, timeout=PATIENCE)
                self.assertEqual(refused.exception.code(), code)

    def test_the_issuer_publishes_the_keys_of_the_bundle(self):
        agent, client = self.agent(ORDERS)
        metadata = requests.get(f"{agent.issuer}/.well-known/openid-configuration").json()
        self.assertEqual(metadata["issuer"], agent.issuer)
        token = client.fetch_jwt_svid(AUDIENCE).token
        key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key.key, algorithms=["RS256"], audience=directory.AUDIENCE, issuer=agent.issuer)
        self.assertEqual(claims["sub"], ORDERS)


class Vouching(Stage):
    """An agent whose default identity the web API trusts."""

    @classmethod
    def setUpClass(cls):
        cls.agent = Agent(ORDERS, BILLING)
        cls.addClassCleanup(cls.agent.close)
        cls.trusted = [{"name": "agent", "issuer": cls.agent.issuer, "subject": ORDERS, "audience": directory.AUDIENCE}]
        super().setUpClass()

    def credential(self, identity):
        """azure-identity with the client's JWT-SVID as assertion."""
        with self.agent.at_hand() as socket, WorkloadApiClient(socket, default_timeout=PATIENCE) as client:
            svid = self.keep(client.fetch_jwt_svid(AUDIENCE, SpiffeId(identity)).token)
        options = {"authority": self.authority, "disable_instance_discovery": True, "retry_total": 0}
        return ClientAssertionCredential(directory.TENANT, directory.WEB, lambda: svid, **options)

    def header(self, **fields):
        prefix = "AzureAd__ClientCredentials__0__"
        fields = {"SourceType": "SpiffeWorkloadApi", "SpiffeEndpointSocket": self.agent.socket, **fields}
        sidecar = self.sidecar(directory.WEB, **{f"{prefix}{name}": value for name, value in fields.items()})
        return requests.get(f"{sidecar}/AuthorizationHeaderUnauthenticated/orders-app")

    def test_an_svid_of_the_client_gets_an_app_token(self):
        token = self.credential(ORDERS).get_token(directory.APP_SCOPE).token
        self.assertEqual(self.assert_app_token(token)["azpacr"], "2")

    def test_an_svid_of_another_identity_is_700213(self):
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS700213: "):
            self.credential(BILLING).get_token(directory.APP_SCOPE)

    def test_the_sidecar_gets_an_app_token(self):
        reply = self.header()
        self.assertEqual(reply.status_code, 200, reply.text)
        claims = self.assert_app_token(reply.json()["authorizationHeader"].removeprefix("Bearer "))
        self.assertEqual(claims["azpacr"], "2")

    def test_the_sidecar_with_another_identity_is_told_as_entra_told_it(self):
        reply = self.header(SpiffeId=BILLING)
        self.assertEqual((reply.status_code, reply.json()["errorCodes"]), (401, [700213]), reply.text)
