"""The directory that the emulator is started with, and the keys and names that are in it."""

import base64
import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
WEB = "00001111-aaaa-2222-bbbb-3333cccc4444"
API = "11112222-bbbb-3333-cccc-4444dddd5555"
SHELL = "22223333-cccc-4444-dddd-5555eeee6666"
UNKNOWN_APP = "99998888-7777-6666-5555-444433332222"

WEB_SECRET = "web~Secret.of-the_tests~0123456789abcdef"
API_SECRET = "api~Secret.of-the_tests~fedcba9876543210"
ALICE = "alice@contoso.onmicrosoft.com"
ALICE_ID = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"
ALICE_PASSWORD = "Correct.Horse.Battery.Staple"

SUBJECT = "system:serviceaccount:shop:orders"
AUDIENCE = "api://AzureADTokenExchange"

APP_SCOPE = f"api://{API}/.default"
USER_SCOPE = f"api://{API}/Orders.Read"


class Certificate:
    """A self-signed certificate with its RSA key."""

    def __init__(self, name):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(self.key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=30))
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self):
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(encoding, form, serialization.NoEncryption()).decode()

    @property
    def thumbprint(self):
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()

    @property
    def sha256(self):
        return base64.urlsafe_b64encode(self.certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")

    def pfx(self, password):
        """As `openssl pkcs12 -export` makes it: PBES2 with AES."""
        encryption = serialization.BestAvailableEncryption(password.encode())
        return pkcs12.serialize_key_and_certificates(b"key", self.key, self.certificate, None, encryption)

    def legacy_pfx(self, password):
        """As Windows made it for decades: triple DES and SHA-1."""
        encryption = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(2048)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())
            .build(password.encode())
        )
        return pkcs12.serialize_key_and_certificates(b"key", self.key, self.certificate, None, encryption)


def directory(certificate, issuer):
    """A directory file (JSON is YAML): a web API, the API behind it, and a client that signs users in."""
    web = {
        "clientId": WEB,
        "name": "web",
        "tenants": [TENANT],
        "identifierUris": [f"api://{WEB}"],
        "tokenVersion": 2,
        "scopes": ["access_as_user"],
        "secrets": [{"value": WEB_SECRET}],
        "certificates": [{"pem": certificate.pem}],
        "federatedCredentials": [{"name": "shop", "issuer": issuer, "subject": SUBJECT, "audience": AUDIENCE}],
        "consents": [{"resource": "api", "scopes": ["Orders.Read"]}],
        "roleAssignments": [{"resource": "api", "roles": ["Orders.Read.All"]}],
    }
    api = {
        "clientId": API,
        "name": "api",
        "tenants": [TENANT],
        "identifierUris": [f"api://{API}"],
        "tokenVersion": 2,
        "scopes": ["Orders.Read", "Orders.Write"],
        "appRoles": ["Orders.Read.All"],
        "secrets": [{"value": API_SECRET}],
    }
    shell = {
        "clientId": SHELL,
        "name": "shell",
        "tenants": [TENANT],
        "publicClient": True,
        "redirectUris": ["http://localhost"],
        "consents": [
            {"resource": "web", "scopes": ["access_as_user"]},
            {"resource": "api", "scopes": ["Orders.Read"]},
        ],
    }
    alice = {"upn": ALICE, "oid": ALICE_ID, "displayName": "Alice", "password": ALICE_PASSWORD}
    contoso = {"id": TENANT, "displayName": "Contoso", "domains": ["contoso.onmicrosoft.com"], "users": [alice]}
    return json.dumps({"tenants": [contoso], "apps": [web, api, shell]}, indent=2)
