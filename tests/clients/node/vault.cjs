// An application as a user of Azure's Key Vault clients writes it: makes the calls of its job one after the other and prints what
// came of each. The job comes on standard input. Bytes are base64 on both sides, and lists are read to their end.

const dns = require("node:dns");
const fs = require("node:fs");

// Names below `.localhost` are loopback (RFC 6761), which not every machine's resolver knows.
const { lookup } = dns;
dns.lookup = (name, ...rest) => lookup(name.endsWith(".vault.localhost") ? "127.0.0.1" : name, ...rest);

const { ClientSecretCredential } = require("@azure/identity");
const { CertificateClient } = require("@azure/keyvault-certificates");
const { CryptographyClient, KeyClient } = require("@azure/keyvault-keys");
const { SecretClient } = require("@azure/keyvault-secrets");

const job = JSON.parse(fs.readFileSync(0, "utf8"));
const options = { authorityHost: job.authority, disableInstanceDiscovery: true };
const credential = new ClientSecretCredential(job.tenant, job.client, job.secret, options);
const kinds = { secrets: SecretClient, certificates: CertificateClient, keys: KeyClient };

async function call({ on, method, args = [] }) {
  const client = on.startsWith("https:") ? new CryptographyClient(on, credential) : new kinds[on](job.vault, credential);
  const given = args.map((arg) => (arg?.base64 ? Buffer.from(arg.base64, "base64") : arg));
  const result = client[method](...given);
  if (result[Symbol.asyncIterator]) {
    const all = [];
    for await (const one of result) all.push(one);
    return all;
  }
  const value = await result;
  return value?.pollUntilDone ? value.pollUntilDone() : value;
}

function bytes(key, value) {
  return this[key] instanceof Uint8Array ? Buffer.from(this[key]).toString("base64") : value;
}

async function main() {
  const outcomes = [];
  for (const one of job.calls) {
    try {
      outcomes.push({ value: await call(one) });
    } catch ({ name, statusCode, code, message, details }) {
      outcomes.push({ error: { name, statusCode, code, message, inner: details?.error?.innerError?.code } });
    }
  }
  console.log(JSON.stringify(outcomes, bytes));
}

main();
