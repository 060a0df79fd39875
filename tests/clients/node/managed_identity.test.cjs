// Managed identities and workload identity by @azure/identity, unmodified, which finds the emulator by the environment alone.

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { after, before, describe, it } = require("node:test");

const { API, CLOUD_SHELL, IDENTITY, MACHINE, TENANT, WEB } = require("./directory.cjs");
const { Stage } = require("./stage.cjs");

const NOBODY = "12345678-9999-8888-7777-666655554444";

describe("@azure/identity", () => {
  let stage;
  before(async () => (stage = await Stage.start()));
  after(() => stage?.stop());

  const ask = async (host, credential, variables = {}, scope = `api://${API}/.default`) => {
    const job = { library: "identity", credential, scope };
    return stage.run(job, { ...(await stage.host(host)), ...variables });
  };

  for (const host of ["imds", "appservice", "arc"]) {
    describe(`on the host ${host}`, () => {
      it("gets the token of the machine's own identity", async () => {
        await stage.isIdentityToken(await ask(host, { managed: {} }), MACHINE);
      });

      for (const [name, value] of [
        ["clientId", IDENTITY.clientId],
        ["resourceId", IDENTITY.resourceId],
        ["objectId", IDENTITY.principalId],
      ]) {
        it(`gets an identity's token by its ${name}`, async () => {
          await stage.isIdentityToken(await ask(host, { managed: { [name]: value } }), IDENTITY);
        });
      }

      it("shows an identity that the host does not have", async () => {
        const reply = await ask(host, { managed: { clientId: NOBODY } });
        assert.equal(reply.token, undefined);
        assert.match(reply.message, /Identity not found/);
      });
    });
  }

  describe("on hosts that know fewer names", () => {
    it("gets the token of the application's identity on Service Fabric", async () => {
      await stage.isIdentityToken(await ask("servicefabric", { managed: {} }), MACHINE);
    });

    it("gets the token of the machine's own identity on Azure ML", async () => {
      await stage.isIdentityToken(await ask("azureml", { managed: {} }), MACHINE);
    });

    it("gets an identity's token by its clientId on Azure ML", async () => {
      await stage.isIdentityToken(await ask("azureml", { managed: { clientId: IDENTITY.clientId } }), IDENTITY);
    });

    it("gets the token of the cloud shell's user", async () => {
      await stage.isUserToken(await ask("cloudshell", { managed: {} }), CLOUD_SHELL);
    });
  });

  for (const [host, secret] of [
    ["appservice", "IDENTITY_HEADER"],
    ["azureml", "MSI_SECRET"],
    ["servicefabric", "IDENTITY_HEADER"],
  ]) {
    it(`shows that the secret of ${host} is wrong`, async () => {
      const reply = await ask(host, { managed: {} }, { [secret]: stage.keep("not-the-secret-of-this-host") });
      assert.equal(reply.token, undefined);
      assert.match(reply.message, /wrong/);
    });
  }

  for (const host of ["imds", "appservice", "arc", "servicefabric", "cloudshell", "azureml"]) {
    it(`shows an API that the tenant does not know as 500011 on ${host}`, async () => {
      stage.isRefusal(await ask(host, { managed: {} }, {}, "api://nothing/.default"), undefined, 500011);
    });
  }

  describe("with the variables of workload identity", () => {
    const run = (assertion) => {
      const file = path.join(stage.folder, "projected");
      fs.writeFileSync(file, stage.keep(assertion));
      const variables = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: WEB, AZURE_FEDERATED_TOKEN_FILE: file };
      return ask(undefined, { workload: true }, variables);
    };

    it("gets an app token", async () => {
      await stage.isAppToken(await run(stage.issuer.assertion()));
    });

    it("is refused for the reason that there is", async () => {
      for (const [code, lifetime, changes] of [
        [700211, 3600, { iss: "https://issuer.example" }],
        [700212, 3600, { aud: "api://another" }],
        [700213, 3600, { sub: "system:serviceaccount:shop:billing" }],
        [700024, -900, {}],
      ]) {
        stage.isRefusal(await run(stage.issuer.assertion(lifetime, changes)), undefined, code);
      }
    });
  });
});
