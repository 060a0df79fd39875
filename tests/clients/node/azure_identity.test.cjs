// @azure/identity, unmodified, against the emulator; the sidecar judges what it got.

const { after, before, describe, it } = require("node:test");

const { API, WEB_SECRET } = require("./directory.cjs");
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

  it("gets an app token by certificate", async () => {
    await stage.isAppToken(await app({ certificate: stage.certificate.keyPem + stage.certificate.pem }));
  });

  it("gets an app token by client assertion", async () => {
    await stage.isAppToken(await app({ assertion: stage.keep(stage.issuer.assertion()) }));
  });

  it("gets a token on behalf of a user", async () => {
    const user = await stage.userToken();
    await stage.isUserToken(await app({ secret: WEB_SECRET }, { user, scope: USER_SCOPE }));
  });

  it("shows a wrong secret as 7000215", async () => {
    stage.isRefusal(await app({ secret: stage.keep("not~the.secret-of-this_application") }), undefined, 7000215);
  });

  it("shows an assertion of another subject as 700213", async () => {
    const assertion = stage.keep(stage.issuer.assertion(3600, { sub: "system:serviceaccount:shop:billing" }));
    stage.isRefusal(await app({ assertion }), undefined, 700213);
  });
});
