// @azure/identity, unmodified, against the emulator; the sidecar judges what it got.

const fs = require("node:fs");
const path = require("node:path");
const { after, before, describe, it } = require("node:test");

const { makeCertificate } = require("./certificate.cjs");
const { API, EDGE, WEB_SECRET } = require("./directory.cjs");
const { Stage } = require("./stage.cjs");

const APP_SCOPE = `api://${API}/.default`;
const USER_SCOPE = `api://${API}/Orders.Read`;

describe("@azure/identity", () => {
  let stage;
  before(async () => (stage = await Stage.start()));
  after(() => stage?.stop());

  const app = (credential, more = {}) => stage.run({ library: "identity", credential, scope: APP_SCOPE, ...more });

  it("gets an app token by secret", async () => {
    await stage.isAppToken(await app({ secret: WEB_SECRET }));
  });

  const pem = (certificate) => certificate.keyPem + certificate.pem;
  const file = (certificate) => {
    const name = path.join(stage.folder, `${certificate.sha1}.pem`);
    fs.writeFileSync(name, pem(certificate));
    return name;
  };

  it("gets an app token by certificate", async () => {
    await stage.isAppToken(await app({ certificate: pem(stage.certificate) }));
    await stage.isAppToken(await app({ certificatePath: file(stage.certificate) }));
  });

  it("gets an app token by a certificate of a trusted subject if its chain is sent along", async () => {
    const between = makeCertificate("edge devices", stage.edgeAuthority, true);
    const certificate = pem(makeCertificate("edge", between)) + between.pem;
    const ask = (sendCertificateChain) => app({ certificate, sendCertificateChain }, { client: EDGE });
    await stage.isAppToken(await ask(true), EDGE);
    stage.isRefusal(await ask(false), undefined, 700027);
  });

  it("shows a certificate that does not lead to the trusted authority as 700030", async () => {
    for (const issuer of [makeCertificate("edge authority"), makeCertificate("edge devices", stage.edgeAuthority, true)]) {
      const certificate = pem(makeCertificate("edge", issuer));
      stage.isRefusal(await app({ certificate, sendCertificateChain: true }, { client: EDGE }), undefined, 700030);
    }
  });

  it("shows a certificate that is not registered as 700027", async () => {
    stage.isRefusal(await app({ certificate: pem(makeCertificate("other")) }), undefined, 700027);
  });

  it("gets an app token by client assertion", async () => {
    await stage.isAppToken(await app({ assertion: stage.keep(stage.issuer.assertion()) }));
  });

  const onBehalf = async (credential, user) =>
    app(credential, { user: user ?? (await stage.userToken()), scope: USER_SCOPE });

  for (const [name, proof] of [
    ["secret", () => ({ secret: WEB_SECRET })],
    ["certificate", () => ({ certificatePath: file(stage.certificate) })],
    ["a certificate that is sent along", () => ({ certificatePath: file(stage.certificate), sendCertificateChain: true })],
    ["client assertion", () => ({ assertion: stage.keep(stage.issuer.assertion()) })],
  ]) {
    it(`gets a token on behalf of a user by ${name}`, async () => {
      await stage.isUserToken(await onBehalf(proof()));
    });
  }

  it("is refused on behalf of a user for the reason that there is", async () => {
    const another = await stage.userToken(USER_SCOPE);
    for (const [code, credential, user] of [
      [7000215, { secret: stage.keep("not~the.secret-of-this_application") }],
      [700027, { certificatePath: file(makeCertificate("other")) }],
      [500131, { secret: WEB_SECRET }, another],
      [50027, { secret: WEB_SECRET }, "no token"],
    ]) {
      stage.isRefusal(await onBehalf(credential, user), undefined, code);
    }
  });

  it("shows a wrong secret as 7000215", async () => {
    stage.isRefusal(await app({ secret: stage.keep("not~the.secret-of-this_application") }), undefined, 7000215);
  });

  it("shows an assertion of another subject as 700213", async () => {
    const assertion = stage.keep(stage.issuer.assertion(3600, { sub: "system:serviceaccount:shop:billing" }));
    stage.isRefusal(await app({ assertion }), undefined, 700213);
  });
});
