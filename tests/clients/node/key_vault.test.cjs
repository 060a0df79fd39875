// Azure's Key Vault clients for npm, unmodified, against the emulator's vault by its own host name over TLS.

const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const { after, before, describe, it } = require("node:test");

const { API, API_SECRET, VAULT, VAULT_SECRET, WEB_SECRET } = require("./directory.cjs");
const { Stage } = require("./stage.cjs");

describe("@azure/keyvault", () => {
  let stage;
  before(async () => (stage = await Stage.start()));
  after(() => stage?.stop());

  // What came of each call, in order; the web API may do all in the vault.
  const outcomes = async (calls, more = {}) => {
    const vault = `https://${VAULT}.vault.localhost:${new URL(stage.authority).port}`;
    const asked = calls.map(([on, method, ...args]) => ({ on, method, args }));
    return stage.run({ secret: WEB_SECRET, vault, calls: asked, ...more }, {}, "vault.cjs");
  };
  const values = async (...calls) =>
    (await outcomes(calls)).map((outcome) => {
      assert.equal(outcome.error, undefined, JSON.stringify(outcome.error));
      return outcome.value;
    });
  // The other API sees what there is, and nothing in it.
  const asReader = (...calls) => outcomes(calls, { client: API, secret: API_SECRET });
  const isForbidden = ({ error, value }) => {
    assert.equal(value, undefined);
    const { name, statusCode, code, inner } = error;
    assert.deepEqual([name, statusCode, code, inner], ["RestError", 403, "Forbidden", "ForbiddenByRbac"]);
  };

  describe("-secrets", () => {
    it("reads the latest and each older version", async () => {
      const [old, latest, found] = await values(
        ["secrets", "setSecret", "api-key", stage.keep("the-old-value-of-the-key"), { contentType: "text/plain", tags: { a: "b" } }],
        ["secrets", "setSecret", "api-key", stage.keep("the-new-value-of-the-key")],
        ["secrets", "getSecret", "api-key"],
      );
      assert.deepEqual([found.value, found.properties.version], ["the-new-value-of-the-key", latest.properties.version]);
      const [first, versions] = await values(
        ["secrets", "getSecret", "api-key", { version: old.properties.version }],
        ["secrets", "listPropertiesOfSecretVersions", "api-key"],
      );
      const { contentType, tags } = first.properties;
      assert.deepEqual([first.value, contentType, tags], ["the-old-value-of-the-key", "text/plain", { a: "b" }]);
      const listed = versions.map(({ version }) => version).sort();
      assert.deepEqual(listed, [old.properties.version, latest.properties.version].sort());
    });

    it("lists all, deletes one and recovers it", async () => {
      const [, listed, , , found] = await values(
        ["secrets", "setSecret", "passing", "x"],
        ["secrets", "listPropertiesOfSecrets"],
        ["secrets", "beginDeleteSecret", "passing", { intervalInMs: 50 }],
        ["secrets", "beginRecoverDeletedSecret", "passing", { intervalInMs: 50 }],
        ["secrets", "getSecret", "passing"],
      );
      const names = listed.map(({ name }) => name);
      for (const name of ["database", "passing", "web"]) assert.ok(names.includes(name), names.join());
      assert.equal(found.value, "x");
    });

    it("shows a secret that is not there", async () => {
      const [{ error }] = await outcomes([["secrets", "getSecret", "nothing"]]);
      assert.deepEqual([error.statusCode, error.code], [404, "SecretNotFound"]);
    });

    it("is refused by RBAC", async () => {
      const [listed, read, written] = await asReader(
        ["secrets", "listPropertiesOfSecrets"],
        ["secrets", "getSecret", "database"],
        ["secrets", "setSecret", "database", "x"],
      );
      assert.ok(listed.value.some(({ name }) => name === "database"), JSON.stringify(listed));
      isForbidden(read);
      isForbidden(written);
      const [kept] = await values(["secrets", "getSecret", "database"]);
      assert.equal(kept.value, VAULT_SECRET);
    });
  });

  describe("-certificates", () => {
    it("reads a certificate and its policy", async () => {
      const [certificate, listed] = await values(
        ["certificates", "getCertificate", "web"],
        ["certificates", "listPropertiesOfCertificates"],
      );
      const { publicKey, fingerprint } = new crypto.X509Certificate(Buffer.from(certificate.cer, "base64"));
      assert.equal(publicKey.asymmetricKeyType, "rsa");
      const thumbprint = Buffer.from(certificate.properties.x509Thumbprint, "base64").toString("hex");
      assert.equal(thumbprint, fingerprint.replaceAll(":", "").toLowerCase());
      assert.deepEqual([certificate.policy.exportable, certificate.policy.contentType], [true, "application/x-pkcs12"]);
      assert.deepEqual(listed.map(({ name }) => name).sort(), ["web", "web-remote"]);
    });

    it("creates a certificate, whose next version is another", async () => {
      const policy = {
        issuerName: "Self",
        subject: "CN=edge",
        subjectAlternativeNames: { dnsNames: ["edge.example"] },
        keyType: "EC",
        keyCurveName: "P-256",
        exportable: true,
        contentType: "application/x-pem-file",
        validityInMonths: 2,
      };
      const create = ["certificates", "beginCreateCertificate", "edge", policy, { intervalInMs: 50 }];
      const [first, second, secret] = await values(create, create, ["secrets", "getSecret", "edge"]);
      assert.notEqual(first.cer, second.cer);
      assert.deepEqual(second.policy.subjectAlternativeNames.dnsNames, ["edge.example"]);
      const [key] = /-----BEGIN PRIVATE KEY-----[^]*-----END PRIVATE KEY-----/.exec(stage.keep(secret.value));
      const certificate = new crypto.X509Certificate(Buffer.from(second.cer, "base64"));
      assert.ok(certificate.checkPrivateKey(crypto.createPrivateKey(key)));
    });

    it("is refused by RBAC", async () => {
      const [read, created, exported] = await asReader(
        ["certificates", "getCertificate", "web"],
        ["certificates", "beginCreateCertificate", "stolen", { issuerName: "Self", subject: "CN=stolen" }, { intervalInMs: 50 }],
        ["secrets", "getSecret", "web"],
      );
      assert.equal(read.value?.name, "web", JSON.stringify(read));
      isForbidden(created);
      isForbidden(exported);
    });
  });

  describe("-keys", () => {
    it("signs with keys that stay in the vault", async () => {
      const [rsa, ec, listed] = await values(
        ["keys", "createRsaKey", "rsa", { keySize: 2048 }],
        ["keys", "getKey", "signing"],
        ["keys", "listPropertiesOfKeys"],
      );
      const names = listed.map(({ name }) => name);
      assert.ok(names.includes("rsa") && names.includes("signing"), names.join());
      const message = Buffer.from("message");
      const digest = { base64: crypto.createHash("sha256").update(message).digest("base64") };
      const [rs256, ps256, es256] = await values(
        [rsa.id, "sign", "RS256", digest],
        [rsa.id, "sign", "PS256", digest],
        [ec.id, "sign", "ES256", digest],
      );
      const pss = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
      for (const [made, signed, how] of [
        [rsa, rs256, {}],
        [rsa, ps256, pss],
        [ec, es256, { dsaEncoding: "ieee-p1363" }],
      ]) {
        const part = (bytes) => bytes && Buffer.from(bytes, "base64").toString("base64url");
        const { kty, crv, n, e, x, y } = made.key;
        const jwk = { kty, crv, n: part(n), e: part(e), x: part(x), y: part(y) };
        const key = crypto.createPublicKey({ key: JSON.parse(JSON.stringify(jwk)), format: "jwk" });
        const signature = Buffer.from(signed.result, "base64");
        assert.ok(crypto.verify("sha256", message, { key, ...how }, signature), signed.algorithm);
        assert.ok(!crypto.verify("sha256", Buffer.from("another"), { key, ...how }, signature), signed.algorithm);
      }
    });

    it("is refused by RBAC", async () => {
      const [key] = await values(["keys", "getKey", "signing"]);
      const digest = { base64: crypto.createHash("sha256").update("message").digest("base64") };
      const [created, signed] = await asReader(["keys", "createRsaKey", "stolen"], [key.id, "sign", "ES256", digest]);
      isForbidden(created);
      isForbidden(signed);
    });
  });
});
