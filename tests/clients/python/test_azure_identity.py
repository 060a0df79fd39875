"""azure-identity for Python, unmodified, against the emulator; the sidecar judges what it got."""

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    OnBehalfOfCredential,
    WorkloadIdentityCredential,
)

import directory
from stage import Stage


class Credentials(Stage):
    @property
    def options(self):
        return {"authority": self.authority, "disable_instance_discovery": True, "retry_total": 0}

    def test_a_secret_gets_an_app_token(self):
        credential = ClientSecretCredential(directory.TENANT, directory.WEB, directory.WEB_SECRET, **self.options)
        self.assert_app_token(credential.get_token(directory.APP_SCOPE).token)

    def test_a_certificate_gets_an_app_token(self):
        data = (self.certificate.key_pem + self.certificate.pem).encode()
        credential = CertificateCredential(directory.TENANT, directory.WEB, certificate_data=data, **self.options)
        self.assert_app_token(credential.get_token(directory.APP_SCOPE).token)

    def pem(self, certificate):
        return (certificate.key_pem + certificate.pem).encode()

    def test_a_pfx_with_its_password_gets_an_app_token(self):
        password = self.keep("Pass:of+the/file")
        for name, data in [("modern", self.certificate.pfx(password)), ("legacy", self.certificate.legacy_pfx(password))]:
            with self.subTest(name):
                file = self.folder / f"{name}.pfx"
                file.write_bytes(data)
                options = {"password": password, **self.options}
                credential = CertificateCredential(directory.TENANT, directory.WEB, str(file), **options)
                self.assert_app_token(credential.get_token(directory.APP_SCOPE).token)

    def test_a_certificate_of_a_trusted_subject_gets_an_app_token_if_its_chain_is_sent_along(self):
        between = directory.Certificate("edge devices", self.edge_authority, authority=True)
        data = self.pem(directory.Certificate("edge", between)) + between.pem.encode()
        for sent in [True, False]:
            options = {"certificate_data": data, "send_certificate_chain": sent, **self.options}
            credential = CertificateCredential(directory.TENANT, directory.EDGE, **options)
            if sent:
                token = credential.get_token(directory.APP_SCOPE).token
                self.assertEqual(self.assert_app_token(token, client=directory.EDGE)["azpacr"], "2")
            else:
                with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS700027: "):
                    credential.get_token(directory.APP_SCOPE)

    def test_a_certificate_that_does_not_lead_to_the_trusted_authority_is_700030(self):
        between = directory.Certificate("edge devices", self.edge_authority, authority=True)
        for issuer in [directory.Certificate("edge authority"), between]:
            data = self.pem(directory.Certificate("edge", issuer))
            options = {"certificate_data": data, "send_certificate_chain": True, **self.options}
            credential = CertificateCredential(directory.TENANT, directory.EDGE, **options)
            with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS700030: "):
                credential.get_token(directory.APP_SCOPE)

    def test_a_certificate_that_is_not_registered_is_700027(self):
        data = self.pem(directory.Certificate("other"))
        credential = CertificateCredential(directory.TENANT, directory.WEB, certificate_data=data, **self.options)
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS700027: "):
            credential.get_token(directory.APP_SCOPE)

    def test_a_client_assertion_gets_an_app_token(self):
        make = lambda: self.keep(self.issuer.assertion())
        credential = ClientAssertionCredential(directory.TENANT, directory.WEB, make, **self.options)
        self.assert_app_token(credential.get_token(directory.APP_SCOPE).token)

    def test_workload_identity_sends_its_file_as_it_is_and_gets_an_app_token(self):
        file = self.folder / "projected-token"
        file.write_text(self.keep(self.issuer.assertion()) + "\n")
        credential = WorkloadIdentityCredential(
            tenant_id=directory.TENANT, client_id=directory.WEB, token_file_path=str(file), **self.options
        )
        self.assert_app_token(credential.get_token(directory.APP_SCOPE).token)

    def on_behalf(self, **proof):
        """Of Alice, unless another token is given."""
        proof.setdefault("user_assertion", self.user_token())
        return OnBehalfOfCredential(directory.TENANT, directory.WEB, **proof, **self.options)

    def test_a_user_token_is_exchanged_on_behalf_of_the_user(self):
        proofs = {
            "secret": {"client_secret": directory.WEB_SECRET},
            "certificate": {"client_certificate": self.pem(self.certificate)},
            "PFX": {"client_certificate": self.certificate.pfx(self.keep("Pass:of+the/file")), "password": "Pass:of+the/file"},
            "certificate that is sent along": {
                "client_certificate": self.pem(self.certificate),
                "send_certificate_chain": True,
            },
            "assertion": {"client_assertion_func": lambda: self.keep(self.issuer.assertion())},
        }
        for name, proof in proofs.items():
            with self.subTest(name):
                self.assert_user_token(self.on_behalf(**proof).get_token(directory.USER_SCOPE).token)

    def test_an_exchange_is_refused_for_its_own_reason(self):
        other, secret = directory.Certificate("other"), {"client_secret": directory.WEB_SECRET}
        cases = [
            (7000215, {"client_secret": self.keep("not~the.secret-of-this_application")}),
            (700027, {"client_certificate": self.pem(other)}),
            (500131, {"user_assertion": self.user_token(directory.USER_SCOPE), **secret}),
            (50027, {"user_assertion": "no token", **secret}),
        ]
        for code, proof in cases:
            with self.subTest(code), self.assertRaisesRegex(ClientAuthenticationError, f"AADSTS{code}: "):
                self.on_behalf(**proof).get_token(directory.USER_SCOPE)

    def test_a_scope_without_consent_is_65001(self):
        credential = self.on_behalf(client_secret=directory.WEB_SECRET)
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS65001: "):
            credential.get_token(f"api://{directory.API}/Orders.Write")

    def test_a_wrong_secret_is_7000215(self):
        secret = self.keep("not~the.secret-of-this_application")
        credential = ClientSecretCredential(directory.TENANT, directory.WEB, secret, **self.options)
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS7000215: "):
            credential.get_token(directory.APP_SCOPE)

    def test_a_projected_token_is_refused_for_its_own_reason(self):
        file = self.folder / "refused-token"
        cases = [
            (700211, {"iss": "https://issuer.example"}),
            (700212, {"aud": "api://another"}),
            (700213, {"sub": "system:serviceaccount:shop:billing"}),
            (700024, {"lifetime": -900}),
        ]
        for code, claims in cases:
            with self.subTest(code):
                file.write_text(self.keep(self.issuer.assertion(**claims)))
                credential = WorkloadIdentityCredential(
                    tenant_id=directory.TENANT, client_id=directory.WEB, token_file_path=str(file), **self.options
                )
                with self.assertRaisesRegex(ClientAuthenticationError, f"AADSTS{code}: "):
                    credential.get_token(directory.APP_SCOPE)

    def test_an_assertion_of_another_subject_is_700213(self):
        make = lambda: self.keep(self.issuer.assertion(sub="system:serviceaccount:shop:billing"))
        credential = ClientAssertionCredential(directory.TENANT, directory.WEB, make, **self.options)
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS700213: "):
            credential.get_token(directory.APP_SCOPE)
