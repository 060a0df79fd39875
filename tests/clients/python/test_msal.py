"""msal for Python, unmodified, against the emulator; the sidecar judges what it got."""

import time

import jwt
import msal

import directory
from stage import Stage


class Msal(Stage):
    """What every case needs: an application as a user of msal writes it."""

    def app(self, credential, client=directory.WEB):
        authority = f"{self.authority}/{directory.TENANT}"
        return msal.ConfidentialClientApplication(client, credential, authority, instance_discovery=False)

    def token(self, reply):
        self.assertIn("access_token", reply, reply)
        return self.keep(reply["access_token"])

    def app_token(self, credential):
        return self.token(self.app(credential).acquire_token_for_client([directory.APP_SCOPE]))

    def refusal(self, reply):
        self.assertNotIn("access_token", reply)
        self.assertIn(f"AADSTS{reply['error_codes'][0]}: ", reply["error_description"])
        return reply["error"], reply["error_codes"]

    def refused(self, credential, client=directory.WEB):
        return self.refusal(self.app(credential, client).acquire_token_for_client([directory.APP_SCOPE]))

    @property
    def key(self):
        return {"private_key": self.certificate.key_pem, "thumbprint": self.certificate.thumbprint}

    def assertion(self, **options):
        return {"client_assertion": self.keep(self.issuer.assertion(**options))}


class Tokens(Msal):
    def test_a_secret_gets_an_app_token(self):
        claims = self.assert_app_token(self.app_token(directory.WEB_SECRET))
        self.assertEqual(claims["azpacr"], "1")

    def test_a_certificate_by_its_sha1_thumbprint_gets_an_app_token(self):
        claims = self.assert_app_token(self.app_token(self.key))
        self.assertEqual(claims["azpacr"], "2")

    def test_a_certificate_that_is_sent_along_gets_an_app_token(self):
        self.assert_app_token(self.app_token({**self.key, "public_certificate": self.certificate.pem}))

    def test_a_pfx_with_its_sha256_thumbprint_gets_an_app_token(self):
        file = self.folder / "web.pfx"
        file.write_bytes(self.certificate.pfx("pfx-password"))
        credential = {"private_key_pfx_path": str(file), "passphrase": "pfx-password", "public_certificate": True}
        self.assert_app_token(self.app_token(credential))

    def test_a_federated_assertion_gets_an_app_token(self):
        self.assert_app_token(self.app_token(self.assertion()))

    def test_a_secret_gets_a_token_on_behalf_of_a_user(self):
        app = self.app(directory.WEB_SECRET)
        reply = app.acquire_token_on_behalf_of(self.user_token(), [directory.USER_SCOPE])
        self.assert_user_token(self.token(reply))

    def test_a_certificate_gets_a_token_on_behalf_of_a_user(self):
        reply = self.app(self.key).acquire_token_on_behalf_of(self.user_token(), [directory.USER_SCOPE])
        self.assert_user_token(self.token(reply))

    def test_a_federated_assertion_gets_a_token_on_behalf_of_a_user(self):
        reply = self.app(self.assertion()).acquire_token_on_behalf_of(self.user_token(), [directory.USER_SCOPE])
        self.assert_user_token(self.token(reply))

    def test_a_second_call_is_answered_from_msals_own_cache(self):
        app = self.app(directory.WEB_SECRET)
        first = app.acquire_token_for_client([directory.APP_SCOPE])
        second = app.acquire_token_for_client([directory.APP_SCOPE])
        self.assertEqual(self.token(first), self.token(second))
        self.assertEqual(second["token_source"], "cache")


class Refusals(Msal):
    def test_a_wrong_secret_is_7000215(self):
        secret = "not~the.secret-of-this_application"
        self.assertEqual(self.refused(self.keep(secret)), ("invalid_client", [7000215]))

    def test_an_unknown_application_is_700016(self):
        refusal = self.refused(directory.WEB_SECRET, client=directory.UNKNOWN_APP)
        self.assertEqual(refusal, ("unauthorized_client", [700016]))

    def test_a_user_token_for_another_application_is_500131(self):
        app = self.app(directory.WEB_SECRET)
        token = self.user_token(directory.USER_SCOPE)
        reply = app.acquire_token_on_behalf_of(token, [directory.USER_SCOPE])
        self.assertEqual(self.refusal(reply), ("invalid_grant", [500131]))

    def test_an_expired_federated_assertion_is_700024(self):
        self.assertEqual(self.refused(self.assertion(lifetime=-900)), ("invalid_client", [700024]))

    def test_an_expired_certificate_assertion_is_700024(self):
        past = int(time.time()) - 3600
        audience = f"{self.authority}/{directory.TENANT}/oauth2/v2.0/token"
        claims = {"iss": directory.WEB, "sub": directory.WEB, "aud": audience, "jti": "1", "nbf": past, "iat": past, "exp": past + 600}
        headers = {"x5t#S256": self.certificate.sha256}
        assertion = jwt.encode(claims, self.certificate.key, algorithm="PS256", headers=headers)
        self.assertEqual(self.refused({"client_assertion": self.keep(assertion)}), ("invalid_client", [700024]))

    def test_a_federated_assertion_of_another_subject_is_700213(self):
        assertion = self.assertion(sub="system:serviceaccount:shop:billing")
        self.assertEqual(self.refused(assertion), ("invalid_client", [700213]))

    def test_a_federated_assertion_for_another_audience_is_700212(self):
        self.assertEqual(self.refused(self.assertion(aud="api://somewhere-else")), ("invalid_client", [700212]))

    def test_a_federated_assertion_of_an_unknown_issuer_is_700211(self):
        refusal = self.refused(self.assertion(iss="https://issuer.example"))
        self.assertEqual(refusal, ("invalid_client", [700211]))

    def test_a_certificate_that_is_not_registered_is_700027(self):
        other = directory.Certificate("other")
        credential = {"private_key": other.key_pem, "thumbprint": other.thumbprint}
        self.assertEqual(self.refused(credential), ("invalid_client", [700027]))

    def test_the_right_certificate_with_the_wrong_key_is_700027(self):
        other = directory.Certificate("other")
        credential = {"private_key": other.key_pem, "thumbprint": self.certificate.thumbprint}
        self.assertEqual(self.refused(credential), ("invalid_client", [700027]))

    def test_an_app_scope_without_default_is_1002012(self):
        reply = self.app(directory.WEB_SECRET).acquire_token_for_client([directory.USER_SCOPE])
        self.assertEqual(self.refusal(reply), ("invalid_scope", [1002012]))

    def test_an_unknown_resource_is_500011(self):
        reply = self.app(directory.WEB_SECRET).acquire_token_for_client(["api://nowhere/.default"])
        self.assertEqual(self.refusal(reply), ("invalid_resource", [500011]))

    def test_a_scope_without_consent_is_65001(self):
        app = self.app(directory.WEB_SECRET)
        reply = app.acquire_token_on_behalf_of(self.user_token(), [f"api://{directory.API}/Orders.Write"])
        self.assertEqual(self.refusal(reply), ("invalid_grant", [65001]))
