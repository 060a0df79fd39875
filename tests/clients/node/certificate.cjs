// A certificate (RFC 5280) with an RSA key, self-signed or signed by another one's: Node makes keys but no certificates, so the DER is written here.

const crypto = require("node:crypto");

function der(tag, ...parts) {
  const content = Buffer.concat(parts);
  const length = content.length;
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

const sequence = (...parts) => der(0x30, ...parts);
const oid = (...bytes) => der(0x06, Buffer.from(bytes));
const integer = (bytes) => der(0x02, bytes[0] & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
const utcTime = (date) => der(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replace(/[-:T]/g, "")}Z`));

const SHA256_WITH_RSA = sequence(oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b), der(0x05));
const COMMON_NAME = oid(0x55, 0x04, 0x03);
const TRUE = der(0x01, Buffer.from([0xff]));
// Extensions with basic constraints that make an authority.
const AUTHORITY = der(0xa3, sequence(sequence(oid(0x55, 0x1d, 0x13), TRUE, der(0x04, sequence(TRUE)))));

function makeCertificate(name, issuer, authority) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const named = (text) => sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(text)))));
  const now = Date.now();
  const validity = sequence(utcTime(new Date(now - 3_600_000)), utcTime(new Date(now + 30 * 86_400_000)));
  const version3 = der(0xa0, integer(Buffer.from([2])));
  const serial = integer(Buffer.concat([Buffer.from([1]), crypto.randomBytes(8)]));
  const key = publicKey.export({ type: "spki", format: "der" });
  const signed = sequence(version3, serial, SHA256_WITH_RSA, named(issuer?.name ?? name), validity, named(name), key, ...(authority ? [AUTHORITY] : []));
  const signature = crypto.sign("sha256", signed, issuer?.privateKey ?? privateKey);
  const whole = sequence(signed, SHA256_WITH_RSA, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g).join("\n");
  return {
    name,
    privateKey,
    pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }),
    sha1: crypto.createHash("sha1").update(whole).digest("hex").toUpperCase(),
    sha256: crypto.createHash("sha256").update(whole).digest("hex").toUpperCase(),
  };
}

module.exports = { makeCertificate };
