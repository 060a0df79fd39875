// sidekey's processes as a user starts them, the applications that talk to them, and the watch over what is logged.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const { makeCertificate } = require("./certificate.cjs");
const names = require("./directory.cjs");
const { startIssuer } = require("./issuer.cjs");

const SIDEKEY = path.resolve(process.env.SIDEKEY);
const PATIENCE = 20_000; // milliseconds, for a debug build on a busy machine

class Server {
  constructor(args, folder, settings = {}) {
    this.name = `sidekey ${args.join(" ")}`;
    this.log = "";
    this.child = spawn(SIDEKEY, args, { cwd: folder, env: { PATH: process.env.PATH, ...settings }, stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.child.on("close", (code) => resolve(code)));
  }

  // What `wanted` makes of the output, as soon as it makes something of it.
  waitFor(wanted) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`\`${this.name}\` ${why}:\n${this.log}`));
      const timer = setTimeout(() => fail("was not ready in time"), PATIENCE);
      const look = (data) => {
        this.log += data;
        const found = wanted(this.log);
        if (!found) return;
        clearTimeout(timer);
        resolve(found);
      };
      this.child.stdout.on("data", look);
      this.child.stderr.on("data", look);
      this.ended.then((code) => (clearTimeout(timer), fail(`ended with ${code}`)));
    });
  }

  // The JSON document of `--json` is for the caller's eyes, so it is taken out of the log.
  async document() {
    const line = await this.waitFor((log) => /^\{.*\}$/m.exec(log)?.[0]);
    this.log = this.log.replace(line, "");
    return JSON.parse(line);
  }

  listening() {
    return this.waitFor((log) => /Now listening on: (\S+)/.exec(log)?.[1]);
  }

  async stop() {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), PATIENCE);
    const code = await this.ended;
    clearTimeout(timer);
    assert.equal(code, 0, `\`${this.name}\` ended with ${code} on SIGTERM:\n${this.log}`);
  }
}

// Emulator, and a sidecar of the API that the tokens are for.
class Stage {
  static async start() {
    const stage = new Stage();
    stage.servers = [];
    stage.secrets = new Set([names.WEB_SECRET, names.API_SECRET, names.VAULT_SECRET, names.ALICE.password]);
    stage.folder = fs.mkdtempSync(path.join(os.tmpdir(), "sidekey-"));
    stage.certificate = makeCertificate("web");
    stage.edgeAuthority = makeCertificate("edge authority");
    stage.issuer = await startIssuer();
    const directory = path.join(stage.folder, "directory.yaml");
    fs.writeFileSync(directory, names.directory(stage.certificate, stage.edgeAuthority, stage.issuer.url));
    stage.caFile = path.join(stage.folder, "ca.pem");
    const addresses = ["--http", "127.0.0.1:0", "--https", "127.0.0.1:0"];
    const emulator = stage.spawn(["emulator", "--json", ...addresses, "--directory", directory, "--ca-file", stage.caFile]);
    const { http, https } = await emulator.document();
    stage.plain = http.replace(/\/$/, "");
    stage.authority = https.replace(/\/$/, "");
    stage.sidecar = await stage.spawn(["serve"], {
      ASPNETCORE_URLS: "http://127.0.0.1:0",
      Logging__LogLevel__Default: "Trace",
      Sidecar__AdditionalCaFile: stage.caFile,
      AzureAd__Instance: `${stage.authority}/`,
      AzureAd__TenantId: names.TENANT,
      AzureAd__ClientId: names.API,
    }).listening();
    return stage;
  }

  spawn(args, settings) {
    const server = new Server(args, this.folder, settings);
    this.servers.push(server);
    return server;
  }

  // Remembers a secret, and a token's parts as well: none of them may be logged.
  keep(secret) {
    this.secrets.add(secret);
    if (secret.startsWith("eyJ")) secret.split(".").slice(1).forEach((part) => part.length > 20 && this.secrets.add(part));
    return secret;
  }

  // The environment that points programs at the emulator, and at one of its hosts of managed identities.
  async host(name) {
    const reply = await fetch(`${this.plain}/sidekey/env?format=json${name ? `&host=${name}` : ""}`);
    assert.equal(reply.status, 200);
    const variables = await reply.json();
    for (const secret of [variables.IDENTITY_HEADER, variables.MSI_SECRET]) if (secret) this.keep(secret);
    return variables;
  }

  // Runs a program of its own as a user would write it, that trusts the emulator's CA.
  async run(job, variables = {}, program = "application.cjs") {
    const { PATH, NODE_PATH } = process.env;
    const child = spawn(process.execPath, [path.join(__dirname, program)], {
      env: { PATH, NODE_PATH, NODE_EXTRA_CA_CERTS: this.caFile, ...variables },
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.end(JSON.stringify({ authority: this.authority, tenant: names.TENANT, client: names.WEB, ...job }));
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    const code = await new Promise((resolve) => child.on("close", resolve));
    assert.equal(code, 0, `${program} ended with ${code}: ${output}`);
    return JSON.parse(output);
  }

  // Alice's token, by the password grant.
  async userToken(scope = `api://${names.WEB}/access_as_user`) {
    const { upn, password } = names.ALICE;
    const body = new URLSearchParams({ grant_type: "password", client_id: names.SHELL, username: upn, password, scope });
    const reply = await fetch(`${this.plain}/${names.TENANT}/oauth2/v2.0/token`, { method: "POST", body });
    const text = await reply.text();
    assert.equal(reply.status, 200, text);
    return this.keep(JSON.parse(text).access_token);
  }

  // The claims that the sidecar found in a token; it must find the token good.
  async validate(token) {
    const reply = await fetch(`${this.sidecar}/Validate`, { headers: { authorization: `Bearer ${this.keep(token)}` } });
    const text = await reply.text();
    assert.equal(reply.status, 200, `${reply.headers.get("www-authenticate")} ${text}`);
    return JSON.parse(text).claims;
  }

  async isAppToken(reply, client = names.WEB) {
    assert.ok(reply.token, JSON.stringify(reply));
    const claims = await this.validate(reply.token);
    assert.deepEqual([claims.aud, claims.azp, claims.tid], [names.API, client, names.TENANT]);
    assert.deepEqual(claims.roles, ["Orders.Read.All"]);
    assert.equal(claims.scp, undefined);
    return claims;
  }

  // A managed identity's own token.
  async isIdentityToken(reply, identity) {
    assert.ok(reply.token, JSON.stringify(reply));
    const claims = await this.validate(reply.token);
    const { clientId, principalId, resourceId } = identity;
    const found = [claims.aud, claims.azp, claims.oid, claims.sub, claims.xms_mirid];
    assert.deepEqual(found, [names.API, clientId, principalId, principalId, resourceId]);
    assert.deepEqual(claims.roles, ["Orders.Read.All"]);
  }

  async isUserToken(reply, client = names.WEB) {
    assert.ok(reply.token, JSON.stringify(reply));
    const claims = await this.validate(reply.token);
    assert.deepEqual([claims.aud, claims.azp, claims.oid, claims.scp], [names.API, client, names.ALICE.oid, "Orders.Read"]);
    return claims;
  }

  isRefusal(reply, error, code) {
    assert.equal(reply.token, undefined);
    assert.match(reply.message, new RegExp(`AADSTS${code}: `));
    if (error) assert.equal(reply.error, error);
  }

  // Ends everything; fails if a server logged a secret.
  async stop() {
    this.issuer.close();
    for (const server of this.servers) await server.stop();
    for (const server of this.servers) {
      const leaks = [...this.secrets].filter((secret) => server.log.includes(secret));
      assert.deepEqual(leaks.map((secret) => secret.slice(0, 12)), [], `\`${server.name}\` logged secrets:\n${server.log}`);
    }
    fs.rmSync(this.folder, { recursive: true });
  }
}

module.exports = { Stage };
