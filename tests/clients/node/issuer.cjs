// An OpenID issuer of the test's own: discovery and keys on loopback, and signed assertions.

const crypto = require("node:crypto");
const http = require("node:http");

const { AUDIENCE, SUBJECT } = require("./directory.cjs");

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(header, claims, key, pss) {
  const signed = `${encode(header)}.${encode(claims)}`;
  const padding = pss ? crypto.constants.RSA_PKCS1_PSS_PADDING : crypto.constants.RSA_PKCS1_PADDING;
  const signature = crypto.sign("sha256", Buffer.from(signed), { key, padding, saltLength: 32 });
  return `${signed}.${signature.toString("base64url")}`;
}

async function startIssuer() {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "issuer-key" };
  const server = http.createServer((request, response) => {
    const documents = {
      "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/keys` },
      "/keys": { keys: [jwk] },
    };
    const document = documents[request.url];
    response.writeHead(document ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(document ?? {}));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref(); // a suite that cannot start must end all the same
  const url = `http://127.0.0.1:${server.address().port}`;

  // A negative lifetime makes an assertion that ended so many seconds ago.
  function assertion(lifetime = 3600, changes = {}) {
    const now = Math.floor(Date.now() / 1000);
    const from = now + Math.min(lifetime, 0) - 60;
    const claims = { iss: url, sub: SUBJECT, aud: AUDIENCE, jti: crypto.randomUUID(), iat: from, nbf: from, exp: now + lifetime };
    return sign({ typ: "JWT", alg: "RS256", kid: "issuer-key" }, { ...claims, ...changes }, privateKey, false);
  }
  return { url, assertion, close: () => server.close() };
}

module.exports = { startIssuer, sign };
