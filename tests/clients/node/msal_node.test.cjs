// @azure/msal-node, unmodified, against the emulator; the sidecar judges what it got.

const { after, before, describe, it } = require("node:test");

const { makeCertificate } = require("./certificate.cjs");
const { API, TENANT, WEB, WEB_SECRET } = require("./directory.cjs");
const { sign } = require("./issuer.cjs");
const { Stage } = require("./stage.cjs");

const APP_SCOPE = `api://${API}/.default`;
const USER_SCOPE = `api://${API}/Orders.Read`;

describe("msal-node", () => {
  let stage;
  before(async () => (stage = await Stage.start()));
  after(() => stage?.stop());

  const app = (credential, more = {}) => stage.run({ library: "msal", credential, scope: APP_SCOPE, ...more });
  const onBehalf = async (credential) => app(credential, { user: await stage.userToken(), scope: USER_SCOPE });
  const certificate = (made = stage.certificate) => ({ thumbprintSha256: made.sha256, privateKey: made.keyPem });
  const assertion = (...options) => ({ assertion: stage.keep(stage.issuer.assertion(...options)) });

  describe("gets tokens", () => {
    it("an app token by secret", async () => {
      await stage.isAppToken(await app({ secret: WEB_SECRET }));
    });

    it("an app token by certificate", async () => {
      await stage.isAppToken(await app({ certificate: certificate() }));
    });

    it("an app token by a certificate that is sent along", async () => {
      await stage.isAppToken(await app({ certificate: { ...certificate(), x5c: stage.certificate.pem } }));
    });

    it("an app token by federated assertion", async () => {
      await stage.isAppToken(await app(assertion()));
    });

    it("a token on behalf of a user, by secret", async () => {
      await stage.isUserToken(await onBehalf({ secret: WEB_SECRET }));
    });

    it("a token on behalf of a user, by certificate", async () => {
      await stage.isUserToken(await onBehalf({ certificate: certificate() }));
    });

    it("a token on behalf of a user, by federated assertion", async () => {
      await stage.isUserToken(await onBehalf(assertion()));
    });
  });

  describe("is refused", () => {
    it("a wrong secret with 7000215", async () => {
      const secret = stage.keep("not~the.secret-of-this_application");
      stage.isRefusal(await app({ secret }), "invalid_client", 7000215);
    });

    it("an unknown application with 700016", async () => {
      const client = "99998888-7777-6666-5555-444433332222";
      stage.isRefusal(await app({ secret: WEB_SECRET }, { client }), "unauthorized_client", 700016);
    });

    it("a user's token for another application with 500131", async () => {
      const user = await stage.userToken(USER_SCOPE);
      stage.isRefusal(await app({ secret: WEB_SECRET }, { user, scope: USER_SCOPE }), "invalid_grant", 500131);
    });

    it("an expired federated assertion with 700024", async () => {
      stage.isRefusal(await app(assertion(-900)), "invalid_client", 700024);
    });

    it("an expired certificate assertion with 700024", async () => {
      const past = Math.floor(Date.now() / 1000) - 3600;
      const thumbprint = Buffer.from(stage.certificate.sha256, "hex").toString("base64url");
      const aud = `${stage.authority}/${TENANT}/oauth2/v2.0/token`;
      const claims = { iss: WEB, sub: WEB, aud, jti: "1", nbf: past, iat: past, exp: past + 600 };
      const made = sign({ typ: "JWT", alg: "PS256", "x5t#S256": thumbprint }, claims, stage.certificate.privateKey, true);
      stage.isRefusal(await app({ assertion: stage.keep(made) }), "invalid_client", 700024);
    });

    it("a federated assertion of another subject with 700213", async () => {
      const made = assertion(3600, { sub: "system:serviceaccount:shop:billing" });
      stage.isRefusal(await app(made), "invalid_client", 700213);
    });

    it("a certificate that is not registered with 700027", async () => {
      stage.isRefusal(await app({ certificate: certificate(makeCertificate("other")) }), "invalid_client", 700027);
    });
  });
});
