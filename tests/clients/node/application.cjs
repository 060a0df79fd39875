// An application as a user of the libraries writes it: asks for one token and prints what it got.
// The job comes on standard input.

const fs = require("node:fs");

async function withMsal(job) {
  const { ConfidentialClientApplication } = require("@azure/msal-node");
  const { secret, certificate, assertion } = job.credential;
  const { host } = new URL(job.authority);
  const application = new ConfidentialClientApplication({
    auth: {
      clientId: job.client,
      authority: `${job.authority}/${job.tenant}`,
      knownAuthorities: [host],
      ...(secret && { clientSecret: secret }),
      ...(certificate && { clientCertificate: certificate }),
      ...(assertion && { clientAssertion: async () => assertion }),
    },
  });
  const request = { scopes: [job.scope] };
  const result = job.user
    ? await application.acquireTokenOnBehalfOf({ ...request, oboAssertion: job.user })
    : await application.acquireTokenByClientCredential(request);
  return result.accessToken;
}

async function withIdentity(job) {
  const identity = require("@azure/identity");
  const { secret, certificate, certificatePath, assertion, managed, workload, sendCertificateChain } = job.credential;
  const options = { authorityHost: job.authority, disableInstanceDiscovery: true, retryOptions: { maxRetries: 0 } };
  const certificateOptions = { ...options, sendCertificateChain };
  const { tenant, client } = job;
  let credential;
  if (job.user) {
    credential = new identity.OnBehalfOfCredential({
      ...certificateOptions,
      tenantId: tenant,
      clientId: client,
      ...(secret && { clientSecret: secret }),
      ...(certificatePath && { certificatePath }),
      ...(assertion && { getAssertion: async () => assertion }),
      userAssertionToken: job.user,
    });
  } else if (secret) credential = new identity.ClientSecretCredential(tenant, client, secret, options);
  else if (certificate) credential = new identity.ClientCertificateCredential(tenant, client, { certificate }, certificateOptions);
  else if (certificatePath) credential = new identity.ClientCertificateCredential(tenant, client, certificatePath, certificateOptions);
  else if (assertion) credential = new identity.ClientAssertionCredential(tenant, client, async () => assertion, options);
  else if (managed) credential = new identity.ManagedIdentityCredential(managed);
  else if (workload) credential = new identity.WorkloadIdentityCredential({ disableInstanceDiscovery: true });
  else throw new Error("the job has no credential");
  return (await credential.getToken(job.scope)).token;
}

async function main() {
  const job = JSON.parse(fs.readFileSync(0, "utf8"));
  try {
    const token = await (job.library === "identity" ? withIdentity(job) : withMsal(job));
    console.log(JSON.stringify({ token }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.errorCode, message: `${error.name}: ${error.message}` }));
  }
}

main();
