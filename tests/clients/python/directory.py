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
EDGE = "22224444-cccc-5555-dddd-6666eeee7777"
UNKNOWN_APP = "99998888-7777-6666-5555-444433332222"

BLUEPRINT = "33334444-dddd-5555-eeee-6666ffff7777"
COURIER = "44445555-eeee-6666-ffff-777788889999"
STRANGER = "66667777-0000-8888-9999-aaaabbbbcccc"
COURIER_ACCOUNT = "courier@contoso.onmicrosoft.com"
COURIER_ACCOUNT_ID = "cccccccc-2222-3333-4444-dddddddddddd"

CLOUD_SHELL = "2233b157-f44d-4812-b777-036cdaf9a96e"

WEB_SECRET = "web~Secret.of-the_tests~0123456789abcdef"
API_SECRET = "api~Secret.of-the_tests~fedcba9876543210"
BLUEPRINT_SECRET = "agents~Secret.of-the_tests~0f1e2d3c4b5a"
ALICE = "alice@contoso.onmicrosoft.com"
ALICE_ID = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"
ALICE_PASSWORD = "Correct.Horse.Battery.Staple"

SUBJECT = "system:serviceaccount:shop:orders"
AUDIENCE = "api://AzureADTokenExchange"

VAULT = "shop-vault"
VAULT_SECRET = "vault~Secret.of-the_tests~13579bdf02468ace"


class Identity:
    """A managed identity: its ids, and its entry in the directory file."""

    def __init__(self, kind, client, principal, resource):
        self.kind, self.client, self.principal = kind, client, principal
        self.resource = f"/subscriptions/88889999-2222-aaaa-bbbb-ccccddddeeee/resourceGroups/shop/providers/{resource}"

    def entry(self):
        return {
            "name": self.resource.rpartition("/")[2],
            "kind": self.kind,
            "clientId": self.client,
            "principalId": self.principal,
            "resourceId": self.resource,
            "roleAssignments": [{"resource": "api", "roles": ["Orders.Read.All"]}],
        }


MACHINE = Identity(
    "systemAssigned",
    "77778888-1111-9999-aaaa-bbbbccccdddd",
    "dddddddd-3333-4444-5555-eeeeeeeeeeee",
    "Microsoft.Compute/virtualMachines/machine",
)
IDENTITY = Identity(
    "userAssigned",
    "99990000-3333-bbbb-cccc-ddddeeeeffff",
    "eeeeeeee-4444-5555-6666-ffffffffffff",
    "Microsoft.ManagedIdentity/userAssignedIdentities/identity",
)

APP_SCOPE = f"api://{API}/.default"
USER_SCOPE = f"api://{API}/Orders.Read"


class Certificate:
    """A certificate with its RSA key, self-signed or signed by another one's."""

    def __init__(self, name, issuer=None, authority=False):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        signer, key = (issuer.certificate.subject, issuer.key) if issuer else (subject, self.key)
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(signer).public_key(self.key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=30))
        if authority:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(key, hashes.SHA256())

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


def directory(certificate, edge_authority, issuer, entra, trusted=()):
    """A directory file (JSON is YAML): a web API, the API behind it, a client that signs users in, one at the edge, and a vault.

    The client at the edge is known by its certificate's subject and authority alone. The web API trusts the tokens of another issuer, and those of a managed identity, whose issuer is Entra itself.
    """
    credentials = [
        {"name": "shop", "issuer": issuer, "subject": SUBJECT, "audience": AUDIENCE},
        {"name": "identity", "issuer": entra, "subject": IDENTITY.principal, "audience": AUDIENCE},
        *trusted,
    ]
    web = {
        "clientId": WEB,
        "name": "web",
        "tenants": [TENANT],
        "identifierUris": [f"api://{WEB}"],
        "tokenVersion": 2,
        "scopes": ["access_as_user"],
        "secrets": [{"value": WEB_SECRET}],
        "certificates": [{"pem": certificate.pem}],
        "federatedCredentials": credentials,
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
            {"resource": "agents", "scopes": ["access_agent"]},
        ],
    }
    edge = {
        "clientId": EDGE,
        "name": "edge",
        "tenants": [TENANT],
        "trustedSubjects": [{"subject": "edge", "issuer": {"pem": edge_authority.pem}}],
        "roleAssignments": [{"resource": "api", "roles": ["Orders.Read.All"]}],
    }
    alice = {"upn": ALICE, "oid": ALICE_ID, "displayName": "Alice", "password": ALICE_PASSWORD}
    courier = {"upn": COURIER_ACCOUNT, "oid": COURIER_ACCOUNT_ID, "displayName": "Courier", "agent": "courier"}
    users = [alice, courier]
    contoso = {"id": TENANT, "displayName": "Contoso", "domains": ["contoso.onmicrosoft.com"], "users": users}
    file = {
        "tenants": [contoso],
        "apps": [web, api, shell, edge, *blueprints(), *platform()],
        "agents": agents(),
        "managedIdentities": [MACHINE.entry(), IDENTITY.entry()],
        "hosts": {"cloudShell": {"client": "cloud shell", "user": ALICE}},
        "vaults": [vault()],
    }
    return json.dumps(file, indent=2)


def blueprints():
    """Parents of agent identities: the sidecar's own one, and another."""
    own = {
        "clientId": BLUEPRINT,
        "name": "agents",
        "kind": "blueprint",
        "tenants": [TENANT],
        "identifierUris": [f"api://{BLUEPRINT}"],
        "tokenVersion": 2,
        "scopes": ["access_agent"],
        "secrets": [{"value": BLUEPRINT_SECRET}],
        "consents": [{"resource": "api", "scopes": ["Orders.Read"]}],
    }
    other = {"clientId": "33335555-dddd-5555-eeee-6666ffff8888", "name": "others", "kind": "blueprint", "tenants": [TENANT]}
    return [own, other]


def agents():
    roles = [{"resource": "api", "roles": ["Orders.Read.All"]}]
    courier = {"clientId": COURIER, "name": "courier", "blueprint": "agents", "roleAssignments": roles}
    stranger = {"clientId": STRANGER, "name": "stranger", "blueprint": "others", "roleAssignments": roles}
    return [courier, stranger]


def platform():
    """What Entra itself has in every tenant."""
    exchange = {
        "clientId": "fb60f99c-7a34-4190-8149-302f77469936",
        "name": "token exchange",
        "multiTenant": True,
        "identifierUris": [AUDIENCE],
        "tokenVersion": 2,
    }
    cloud_shell = {
        "clientId": CLOUD_SHELL,
        "name": "cloud shell",
        "multiTenant": True,
        "consents": [{"resource": "api", "scopes": ["Orders.Read"]}],
    }
    return [exchange, cloud_shell]


def vault():
    """One where the web API may do all and the other API sees only what there is."""
    return {
        "name": VAULT,
        "tenant": TENANT,
        "roleAssignments": [
            {"principal": "web", "roles": [f"Key Vault {name} Officer" for name in ("Secrets", "Certificates", "Crypto")]},
            {"principal": "api", "roles": ["Key Vault Reader"]},
        ],
        "secrets": [{"name": "database", "value": VAULT_SECRET}],
        "certificates": [
            {"name": "web", "registeredOn": ["web"]},
            {"name": "web-remote", "exportable": False, "registeredOn": ["web"]},
        ],
        "keys": [{"name": "signing", "keyType": "EC"}],
    }
