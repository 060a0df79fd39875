"""`sidekey serve` with every kind of credential, against the emulator; another sidecar judges what it got."""

import base64

import requests

import directory
from stage import Stage, secret

PASSWORD = "Pass:of+the/file"


def credential(source, **fields):
    prefix = "AzureAd__ClientCredentials__0__"
    return {f"{prefix}SourceType": source, **{f"{prefix}{name}": value for name, value in fields.items()}}


class Sources(Stage):
    def header(self, sidecar, api="orders-app", **query):
        return requests.get(f"{sidecar}/AuthorizationHeaderUnauthenticated/{api}", params=query)

    def gets_an_app_token(self, sidecar):
        reply = self.header(sidecar)
        self.assertEqual(reply.status_code, 200, reply.text)
        scheme, token = reply.json()["authorizationHeader"].split(" ")
        self.assertEqual(scheme, "Bearer")
        return self.assert_app_token(token)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def test_a_secret(self):
        self.assertEqual(self.gets_an_app_token(self.web)["azpacr"], "1")

    def test_a_secret_from_a_file(self):
        path = self.file("secret", f"{directory.WEB_SECRET}\n")
        self.gets_an_app_token(self.sidecar(directory.WEB, **credential("ClientSecret", ClientSecretPath=path)))

    def test_a_pfx_with_modern_ciphers(self):
        path = self.file("modern.pfx", self.certificate.pfx(self.keep(PASSWORD)))
        settings = credential("Path", CertificateDiskPath=path, CertificatePassword=PASSWORD)
        self.assertEqual(self.gets_an_app_token(self.sidecar(directory.WEB, **settings))["azpacr"], "2")

    def test_a_pfx_with_legacy_ciphers(self):
        path = self.file("legacy.pfx", self.certificate.legacy_pfx(self.keep(PASSWORD)))
        settings = credential("Path", CertificateDiskPath=path, CertificatePassword=PASSWORD)
        self.gets_an_app_token(self.sidecar(directory.WEB, **settings))

    def test_a_pfx_with_its_password_in_a_file(self):
        path = self.file("with-file.pfx", self.certificate.pfx(self.keep(PASSWORD)))
        password = self.file("password", PASSWORD)
        settings = credential("Path", CertificateDiskPath=path, CertificatePasswordPath=password)
        self.gets_an_app_token(self.sidecar(directory.WEB, **settings))

    def test_a_pem_with_key_and_certificate(self):
        path = self.file("both.pem", self.certificate.key_pem + self.certificate.pem)
        self.gets_an_app_token(self.sidecar(directory.WEB, **credential("Path", CertificateDiskPath=path)))

    def test_separate_pems(self):
        path, key = self.file("certificate.pem", self.certificate.pem), self.file("key.pem", self.certificate.key_pem)
        settings = credential("Path", CertificateDiskPath=path, CertificateKeyPath=key)
        self.gets_an_app_token(self.sidecar(directory.WEB, **settings))

    def test_a_certificate_that_is_sent_along(self):
        path = self.file("sent.pem", self.certificate.key_pem + self.certificate.pem)
        settings = credential("Path", CertificateDiskPath=path)
        self.gets_an_app_token(self.sidecar(directory.WEB, AzureAd__SendX5C="true", **settings))

    def test_a_base64_certificate(self):
        value = self.keep(base64.b64encode(self.certificate.pfx(self.keep(PASSWORD))).decode())
        settings = credential("Base64Encoded", Base64EncodedValue=value, CertificatePassword=PASSWORD)
        self.gets_an_app_token(self.sidecar(directory.WEB, **settings))

    def test_an_assertion_file_that_ends_in_a_newline(self):
        path = self.file("assertion", self.keep(self.issuer.assertion()) + "\n")
        settings = credential("SignedAssertionFilePath", SignedAssertionFileDiskPath=path)
        self.assertEqual(self.gets_an_app_token(self.sidecar(directory.WEB, **settings))["azpacr"], "2")

    def test_workload_identity_by_its_variables_alone(self):
        path = self.file("projected", self.keep(self.issuer.assertion()))
        settings = self.sidecar_settings(directory.WEB)
        settings |= {"AZURE_CLIENT_ID": directory.WEB, "AZURE_TENANT_ID": directory.TENANT}
        settings |= {"AZURE_AUTHORITY_HOST": f"{self.authority}/", "AZURE_FEDERATED_TOKEN_FILE": path}
        settings = {name: value for name, value in settings.items() if not name.startswith("AzureAd__")}
        self.gets_an_app_token(self.start("serve", settings=settings).listening())

    def test_an_assertion_file_is_read_again_at_each_exchange(self):
        path = self.file("rotated", self.keep(self.issuer.assertion(lifetime=-900)))
        gate = {"Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated": "true"}
        settings = credential("SignedAssertionFilePath", SignedAssertionFileDiskPath=path)
        sidecar = self.sidecar(directory.WEB, **settings, **gate)
        self.refused(self.header(sidecar), 700024)
        self.file("rotated", self.keep(self.issuer.assertion()))
        self.gets_an_app_token(sidecar)

    def test_the_first_credential_that_loads_is_used(self):
        settings = credential("SignedAssertionFilePath", SignedAssertionFileDiskPath=str(self.folder / "missing"))
        second = {name.replace("__0__", "__1__"): value for name, value in secret(directory.WEB_SECRET).items()}
        self.gets_an_app_token(self.sidecar(directory.WEB, **settings, **second))

    def test_on_behalf_of_a_user(self):
        reply = requests.get(f"{self.web}/AuthorizationHeader/orders", headers=self.as_alice())
        self.assertEqual(reply.status_code, 200, reply.text)
        self.assert_user_token(reply.json()["authorizationHeader"].removeprefix("Bearer "))

    def test_on_behalf_of_a_user_with_a_certificate(self):
        path = self.file("obo.pem", self.certificate.key_pem + self.certificate.pem)
        sidecar = self.sidecar(directory.WEB, **credential("Path", CertificateDiskPath=path))
        reply = requests.get(f"{sidecar}/AuthorizationHeader/orders", headers=self.as_alice())
        self.assertEqual(reply.status_code, 200, reply.text)
        self.assert_user_token(reply.json()["authorizationHeader"].removeprefix("Bearer "))

    def as_alice(self):
        return {"Authorization": f"Bearer {self.user_token()}"}

    def refused(self, reply, code):
        self.assertEqual(reply.status_code, 401, reply.text)
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        problem = reply.json()
        self.assertIn(f"AADSTS{code}: ", problem["detail"])
        self.assertEqual(problem["errorCodes"], [code])
        return problem

    def test_a_wrong_secret_is_told_as_entra_told_it(self):
        wrong = self.keep("not~the.secret-of-this_application")
        problem = self.refused(self.header(self.sidecar(directory.WEB, **secret(wrong))), 7000215)
        self.assertEqual(problem["error"], "invalid_client")

    def test_a_certificate_that_is_not_registered_is_told_as_entra_told_it(self):
        other = directory.Certificate("other")
        path = self.file("other.pem", other.key_pem + other.pem)
        self.refused(self.header(self.sidecar(directory.WEB, **credential("Path", CertificateDiskPath=path))), 700027)

    def test_an_unknown_application_is_told_as_entra_told_it(self):
        sidecar = self.sidecar(directory.UNKNOWN_APP, **secret(directory.WEB_SECRET))
        self.refused(self.header(sidecar), 700016)

    def test_a_scope_without_consent_is_told_as_entra_told_it(self):
        query = {"optionsOverride.Scopes": f"api://{directory.API}/Orders.Write"}
        reply = requests.get(f"{self.web}/AuthorizationHeader/orders", params=query, headers=self.as_alice())
        self.refused(reply, 65001)

    def test_a_token_for_another_api_is_refused_at_the_door(self):
        headers = {"Authorization": f"Bearer {self.user_token(directory.USER_SCOPE)}"}
        for path in ["Validate", "AuthorizationHeader/orders"]:
            reply = requests.get(f"{self.web}/{path}", headers=headers)
            self.assertEqual((reply.status_code, reply.content), (401, b""))
            description = f"error_description=\"The audience '{directory.API}' is invalid\""
            self.assertEqual(reply.headers["WWW-Authenticate"], f'Bearer error="invalid_token", {description}')

    def test_a_token_with_a_broken_signature_is_refused_at_the_door(self):
        head, payload, signature = self.user_token().split(".")
        broken = f"{head}.{payload}.{'AAAA' if signature[:4] != 'AAAA' else 'BBBB'}{signature[4:]}"
        reply = requests.get(f"{self.web}/Validate", headers={"Authorization": f"Bearer {broken}"})
        self.assertEqual((reply.status_code, reply.content), (401, b""))
        self.assertIn("The signature is invalid", reply.headers["WWW-Authenticate"])

    def test_no_token_is_challenged(self):
        reply = requests.get(f"{self.web}/Validate")
        self.assertEqual((reply.status_code, reply.content, reply.headers["WWW-Authenticate"]), (401, b"", "Bearer"))
