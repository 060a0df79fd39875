"""Azure's Key Vault clients for Python, unmodified, against the emulator's vault by its own host name over TLS."""

import base64
import hashlib
import json
import socket
import time
import unittest.mock
import uuid

import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import CertificateCredential, ClientAssertionCredential, ClientSecretCredential
from azure.keyvault.certificates import CertificateClient, CertificateContentType, CertificatePolicy, KeyType
from azure.keyvault.keys import KeyClient, KeyCurveName
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from azure.keyvault.secrets import SecretClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import pkcs12

import directory
from stage import Stage

DOMAIN = ".vault.localhost"
RESOLVE = socket.getaddrinfo


def resolve(host, *arguments, **options):
    """Names below `.localhost` are loopback (RFC 6761), which not every machine's resolver knows."""
    name = "127.0.0.1" if isinstance(host, str) and host.endswith(DOMAIN) else host
    return RESOLVE(name, *arguments, **options)


class Vault(Stage):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.secrets.add(directory.VAULT_SECRET)
        patch = unittest.mock.patch("socket.getaddrinfo", resolve)
        patch.start()
        cls.addClassCleanup(patch.stop)
        cls.vault = f"https://{directory.VAULT}{DOMAIN}:{cls.authority.rsplit(':', 1)[1]}"
        cls.credential = cls.by_secret(directory.WEB, directory.WEB_SECRET)

    @classmethod
    def by_secret(cls, client, secret):
        options = {"authority": cls.authority, "disable_instance_discovery": True}
        return ClientSecretCredential(directory.TENANT, client, secret, **options)

    def clients(self):
        """A fresh client of each kind: a case shares no token with another."""
        return [kind(self.vault, self.credential) for kind in (SecretClient, CertificateClient, KeyClient)]

    def fault(self, **fault):
        reply = requests.post(f"{self.authority}/sidekey/faults", json=fault)
        self.assertEqual(reply.status_code, 201, reply.text)


class Secrets(Vault):
    def test_the_latest_and_each_older_version_are_read(self):
        secrets, _, _ = self.clients()
        old = secrets.set_secret("api-key", self.keep("the-old-value-of-the-key"), content_type="text/plain", tags={"a": "b"})
        new = secrets.set_secret("api-key", self.keep("the-new-value-of-the-key"))
        self.assertEqual(secrets.get_secret("api-key").value, "the-new-value-of-the-key")
        found = secrets.get_secret("api-key", old.properties.version)
        self.assertEqual((found.value, found.properties.content_type, found.properties.tags), ("the-old-value-of-the-key", "text/plain", {"a": "b"}))
        versions = {properties.version for properties in secrets.list_properties_of_secret_versions("api-key")}
        self.assertEqual(versions, {old.properties.version, new.properties.version})
        self.assertEqual(found.properties.vault_url, self.vault)

    def test_lists_are_followed_from_page_to_page(self):
        secrets, _, _ = self.clients()
        names = {f"page-{number:02}" for number in range(30)}
        for name in names:
            secrets.set_secret(name, "x")
        listed = [properties.name for properties in secrets.list_properties_of_secrets(max_page_size=7)]
        self.assertLessEqual(names, set(listed))
        self.assertEqual(len(listed), len(set(listed)))
        self.assertIn("web", listed)

    def test_a_disabled_secret_is_not_told(self):
        secrets, _, _ = self.clients()
        secret = secrets.set_secret("retired", "x")
        secrets.update_secret_properties("retired", secret.properties.version, enabled=False)
        with self.assertRaises(HttpResponseError) as refused:
            secrets.get_secret("retired")
        self.assertEqual((refused.exception.status_code, refused.exception.error.code), (403, "Forbidden"))
        self.assertEqual(refused.exception.error.innererror["code"], "SecretDisabled")

    def test_a_deleted_secret_is_recovered_and_purged(self):
        secrets, _, _ = self.clients()
        secrets.set_secret("passing", "x")
        deleted = secrets.begin_delete_secret("passing")
        deleted.wait()
        self.assertIsNotNone(deleted.result().scheduled_purge_date)
        with self.assertRaises(ResourceNotFoundError):
            secrets.get_secret("passing")
        secrets.begin_recover_deleted_secret("passing").wait()
        self.assertEqual(secrets.get_secret("passing").value, "x")
        secrets.begin_delete_secret("passing").wait()
        self.assertEqual([secret.name for secret in secrets.list_deleted_secrets()], ["passing"])
        secrets.purge_deleted_secret("passing")
        self.assertEqual(list(secrets.list_deleted_secrets()), [])

    def test_a_role_that_does_not_read_values_is_refused_by_rbac(self):
        credential = self.by_secret(directory.API, directory.API_SECRET)
        secrets = SecretClient(self.vault, credential)
        self.assertIn("database", [properties.name for properties in secrets.list_properties_of_secrets()])
        with self.assertRaises(HttpResponseError) as refused:
            secrets.get_secret("database")
        self.assertEqual((refused.exception.status_code, refused.exception.error.code), (403, "Forbidden"))
        self.assertEqual(refused.exception.error.innererror["code"], "ForbiddenByRbac")

    def test_a_throttled_request_is_tried_again_when_the_vault_says_so(self):
        secrets, _, _ = self.clients()
        secrets.get_secret("database")
        self.fault(path="/secrets/database", status=429, retryAfter=1)
        start = time.monotonic()
        self.assertEqual(secrets.get_secret("database").value, directory.VAULT_SECRET)
        self.assertGreaterEqual(time.monotonic() - start, 1)

    def test_a_claims_challenge_is_answered_with_another_token(self):
        secrets, _, _ = self.clients()
        secrets.get_secret("database")
        claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1600000000"}}})
        self.fault(path="/secrets/database", code=50076, claims=claims)
        self.assertEqual(secrets.get_secret("database").value, directory.VAULT_SECRET)
        log = requests.get(f"{self.authority}/sidekey/requests").json()
        asked = [entry for entry in log if '"nbf"' in entry["parameters"].get("claims", "")]
        self.assertEqual([entry["status"] for entry in asked], [200])


class Certificates(Vault):
    def test_an_exportable_certificate_comes_as_pfx_and_signs_in(self):
        secrets, certificates, _ = self.clients()
        certificate = certificates.get_certificate("web")
        self.assertEqual(certificate.policy.content_type, CertificateContentType.pkcs12)
        pfx = base64.b64decode(self.keep(secrets.get_secret("web").value))
        key, leaf, others = pkcs12.load_key_and_certificates(pfx, None)
        self.assertEqual((leaf.public_bytes(serialization.Encoding.DER), others), (bytes(certificate.cer), []))
        self.assertEqual(key.public_key(), leaf.public_key())
        self.assertEqual(leaf.fingerprint(hashes.SHA1()), certificate.properties.x509_thumbprint)
        options = {"authority": self.authority, "disable_instance_discovery": True}
        credential = CertificateCredential(directory.TENANT, directory.WEB, certificate_data=pfx, **options)
        self.assert_app_token(credential.get_token(directory.APP_SCOPE).token)

    def test_a_certificate_is_created_and_its_next_version_is_another(self):
        secrets, certificates, _ = self.clients()
        policy = CertificatePolicy(
            issuer_name="Self",
            subject="CN=edge",
            san_dns_names=["edge.example"],
            key_type=KeyType.ec,
            key_curve_name="P-256",
            exportable=True,
            content_type=CertificateContentType.pem,
            validity_in_months=2,
        )
        made = [certificates.begin_create_certificate("edge", policy).result() for _ in range(2)]
        self.assertNotEqual(made[0].properties.x509_thumbprint, made[1].properties.x509_thumbprint)
        self.assertEqual(made[1].policy.san_dns_names, ["edge.example"])
        text = secrets.get_secret("edge", made[0].properties.version).value
        key = serialization.load_pem_private_key(text.encode(), None)
        self.assertEqual(x509.load_pem_x509_certificate(text.encode()).public_key(), key.public_key())
        versions = {version.version for version in certificates.list_properties_of_certificate_versions("edge")}
        self.assertEqual(versions, {certificate.properties.version for certificate in made})
        self.assertEqual(certificates.get_certificate_version("edge", made[0].properties.version).cer, made[0].cer)
        self.assertEqual(certificates.get_certificate_policy("edge").validity_in_months, 2)

    def test_a_certificate_is_imported_with_its_password(self):
        _, certificates, _ = self.clients()
        own = directory.Certificate("brought along")
        password = self.keep("the-password-of-the-file")
        for name, data in [("modern", own.pfx(password)), ("legacy", own.legacy_pfx(password))]:
            imported = certificates.import_certificate(name, data, password=password)
            self.assertEqual(bytes(imported.cer), own.certificate.public_bytes(serialization.Encoding.DER))
        with self.assertRaises(HttpResponseError) as refused:
            certificates.import_certificate("wrong", own.pfx(password), password="another")
        self.assertEqual(refused.exception.error.code, "BadParameter")

    def test_a_rotated_certificate_is_the_latest(self):
        _, certificates, _ = self.clients()
        before = certificates.get_certificate("web")
        reply = requests.post(f"{self.authority}/sidekey/vaults/{directory.VAULT}/certificates/web/rotate")
        self.assertEqual(reply.status_code, 200, reply.text)
        after = certificates.get_certificate("web")
        self.assertEqual(after.properties.version, reply.json()["version"])
        self.assertNotEqual(after.cer, before.cer)


class Keys(Vault):
    def test_signatures_of_a_key_in_the_vault_hold(self):
        _, _, keys = self.clients()
        keys.create_rsa_key("rsa", size=2048)
        keys.create_ec_key("p384", curve=KeyCurveName.p_384)
        cases = [
            ("rsa", SignatureAlgorithm.rs256, hashlib.sha256),
            ("rsa", SignatureAlgorithm.ps256, hashlib.sha256),
            ("rsa", SignatureAlgorithm.ps512, hashlib.sha512),
            ("signing", SignatureAlgorithm.es256, hashlib.sha256),
            ("p384", SignatureAlgorithm.es384, hashlib.sha384),
        ]
        for name, algorithm, digest in cases:
            with self.subTest(key=name, algorithm=algorithm):
                client = keys.get_cryptography_client(name)
                signed = client.sign(algorithm, digest(b"message").digest())
                # The client checks by itself, with the public key that it read.
                self.assertTrue(client.verify(algorithm, digest(b"message").digest(), signed.signature).is_valid)
                self.assertFalse(client.verify(algorithm, digest(b"another").digest(), signed.signature).is_valid)

    def test_a_key_that_cannot_leave_signs_its_application_in(self):
        secrets, certificates, _ = self.clients()
        certificate = certificates.get_certificate("web-remote")
        key, leaf, others = pkcs12.load_key_and_certificates(base64.b64decode(secrets.get_secret("web-remote").value), None)
        self.assertIsNone(key)
        self.assertEqual(len([leaf] if leaf else others), 1)
        signer = CryptographyClient(certificate.key_id, self.credential)

        def assertion():
            header = {"alg": "PS256", "typ": "JWT", "x5t": encode(bytes(certificate.properties.x509_thumbprint))}
            audience = f"{self.authority}/{directory.TENANT}/oauth2/v2.0/token"
            claims = {"aud": audience, "iss": directory.WEB, "sub": directory.WEB, "jti": str(uuid.uuid4())}
            claims |= {"nbf": int(time.time()), "exp": int(time.time()) + 300}
            text = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
            signed = signer.sign(SignatureAlgorithm.ps256, hashlib.sha256(text.encode()).digest())
            public = x509.load_der_x509_certificate(bytes(certificate.cer)).public_key()
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            public.verify(signed.signature, text.encode(), pss, hashes.SHA256())
            return self.keep(f"{text}.{encode(signed.signature)}")

        options = {"authority": self.authority, "disable_instance_discovery": True}
        credential = ClientAssertionCredential(directory.TENANT, directory.WEB, assertion, **options)
        self.assert_app_token(credential.get_token(directory.APP_SCOPE).token)


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
