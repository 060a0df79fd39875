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

    def test_a_user_token_is_exchanged_on_behalf_of_the_user(self):
        credential = OnBehalfOfCredential(
            directory.TENANT,
            directory.WEB,
            client_secret=directory.WEB_SECRET,
            user_assertion=self.user_token(),
            **self.options,
        )
        self.assert_user_token(credential.get_token(directory.USER_SCOPE).token)

    def test_a_wrong_secret_is_7000215(self):
        secret = self.keep("not~the.secret-of-this_application")
        credential = ClientSecretCredential(directory.TENANT, directory.WEB, secret, **self.options)
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS7000215: "):
            credential.get_token(directory.APP_SCOPE)

    def test_an_assertion_of_another_subject_is_700213(self):
        make = lambda: self.keep(self.issuer.assertion(sub="system:serviceaccount:shop:billing"))
        credential = ClientAssertionCredential(directory.TENANT, directory.WEB, make, **self.options)
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS700213: "):
            credential.get_token(directory.APP_SCOPE)
