// The directory that the emulator is started with, and the names that are in it.

const TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const WEB = "00001111-aaaa-2222-bbbb-3333cccc4444";
const API = "11112222-bbbb-3333-cccc-4444dddd5555";
const SHELL = "22223333-cccc-4444-dddd-5555eeee6666";
const EDGE = "22224444-cccc-5555-dddd-6666eeee7777";
const CLOUD_SHELL = "2233b157-f44d-4812-b777-036cdaf9a96e";
const ALICE = {
  upn: "alice@contoso.onmicrosoft.com",
  oid: "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
  displayName: "Alice",
  password: "Correct.Horse.Battery.Staple",
};
const WEB_SECRET = "web~Secret.of-the_tests~0123456789abcdef";
const API_SECRET = "api~Secret.of-the_tests~fedcba9876543210";
const VAULT = "shop-vault";
const VAULT_SECRET = "vault~Secret.of-the_tests~13579bdf02468ace";
const SUBJECT = "system:serviceaccount:shop:orders";
const AUDIENCE = "api://AzureADTokenExchange";

// Managed identities: the machine's own, and one that is assigned to it.
const RESOURCES = "/subscriptions/88889999-2222-aaaa-bbbb-ccccddddeeee/resourceGroups/shop/providers";
const MACHINE = {
  name: "machine",
  kind: "systemAssigned",
  clientId: "77778888-1111-9999-aaaa-bbbbccccdddd",
  principalId: "dddddddd-3333-4444-5555-eeeeeeeeeeee",
  resourceId: `${RESOURCES}/Microsoft.Compute/virtualMachines/machine`,
};
const IDENTITY = {
  name: "identity",
  kind: "userAssigned",
  clientId: "99990000-3333-bbbb-cccc-ddddeeeeffff",
  principalId: "eeeeeeee-4444-5555-6666-ffffffffffff",
  resourceId: `${RESOURCES}/Microsoft.ManagedIdentity/userAssignedIdentities/identity`,
};

// One where the web API may do all and the other API sees only what there is.
const vault = {
  name: VAULT,
  tenant: TENANT,
  roleAssignments: [
    { principal: "web", roles: ["Secrets", "Certificates", "Crypto"].map((kind) => `Key Vault ${kind} Officer`) },
    { principal: "api", roles: ["Key Vault Reader"] },
  ],
  secrets: [{ name: "database", value: VAULT_SECRET }],
  certificates: [
    { name: "web", registeredOn: ["web"] },
    { name: "web-remote", exportable: false, registeredOn: ["web"] },
  ],
  keys: [{ name: "signing", keyType: "EC" }],
};

// JSON is YAML. The client at the edge is known by its certificate's subject and authority alone.
function directory(certificate, edgeAuthority, issuer) {
  const tenants = [TENANT];
  const web = {
    clientId: WEB,
    name: "web",
    tenants,
    identifierUris: [`api://${WEB}`],
    tokenVersion: 2,
    scopes: ["access_as_user"],
    secrets: [{ value: WEB_SECRET }],
    certificates: [{ pem: certificate.pem }],
    federatedCredentials: [{ name: "shop", issuer, subject: SUBJECT, audience: AUDIENCE }],
    consents: [{ resource: "api", scopes: ["Orders.Read"] }],
    roleAssignments: [{ resource: "api", roles: ["Orders.Read.All"] }],
  };
  const api = {
    clientId: API,
    name: "api",
    tenants,
    identifierUris: [`api://${API}`],
    tokenVersion: 2,
    scopes: ["Orders.Read"],
    appRoles: ["Orders.Read.All"],
    secrets: [{ value: API_SECRET }],
  };
  const edge = {
    clientId: EDGE,
    name: "edge",
    tenants,
    trustedSubjects: [{ subject: "edge", issuer: { pem: edgeAuthority.pem } }],
    roleAssignments: [{ resource: "api", roles: ["Orders.Read.All"] }],
  };
  const shell = {
    clientId: SHELL,
    name: "shell",
    tenants,
    publicClient: true,
    consents: [
      { resource: "web", scopes: ["access_as_user"] },
      { resource: "api", scopes: ["Orders.Read"] },
    ],
  };
  const contoso = { id: TENANT, displayName: "Contoso", domains: ["contoso.onmicrosoft.com"], users: [ALICE] };
  const roleAssignments = [{ resource: "api", roles: ["Orders.Read.All"] }];
  const managedIdentities = [MACHINE, IDENTITY].map((identity) => ({ ...identity, roleAssignments }));
  const consents = [{ resource: "api", scopes: ["Orders.Read"] }];
  const cloudShell = { clientId: CLOUD_SHELL, name: "cloud shell", multiTenant: true, consents };
  const hosts = { cloudShell: { client: "cloud shell", user: ALICE.upn } };
  const apps = [web, api, shell, edge, cloudShell];
  return JSON.stringify({ tenants: [contoso], apps, managedIdentities, hosts, vaults: [vault] }, null, 2);
}

module.exports = {
  ALICE,
  API,
  API_SECRET,
  AUDIENCE,
  CLOUD_SHELL,
  EDGE,
  IDENTITY,
  MACHINE,
  SHELL,
  SUBJECT,
  TENANT,
  VAULT,
  VAULT_SECRET,
  WEB,
  WEB_SECRET,
  directory,
};
