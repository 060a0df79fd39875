"""The crate azure_identity, unmodified, against the emulator; the sidecar judges what it got. `tests/clients/rust` is the application."""

import json
import os
import subprocess
import time

import directory
from directory import IDENTITY, MACHINE
from stage import PATIENCE, Stage

APPLICATION = os.environ["AZURE_IDENTITY_RUST"]
NOBODY = "12345678-9999-8888-7777-666655554444"


class Library(Stage):
    def ask(self, credential, host=None, variables=None, **job):
        """What the application printed; each time it is a new process."""
        environment = {"PATH": os.environ["PATH"], **self.host(host), **(variables or {})}
        job |= {"credential": credential, "tenant": directory.TENANT, "scope": directory.APP_SCOPE}
        job.setdefault("client", directory.WEB)
        done = subprocess.run(
            [APPLICATION], input=json.dumps(job), env=environment, capture_output=True, text=True, timeout=5 * PATIENCE
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def refused(self, words, *credential, **job):
        reply = self.ask(*credential, **job)
        self.assertNotIn("token", reply)
        self.assertIn(words, reply["message"])


class Applications(Library):
    def pfx(self, certificate, name="application.pfx"):
        file = self.folder / name
        file.write_bytes(certificate.pfx(self.keep("Pass:of+the/file")))
        return {"given": str(file), "password": "Pass:of+the/file"}

    def gets(self, *credential, proof, **job):
        reply = self.ask(*credential, **job)
        self.assertIn("token", reply, reply)
        claims = self.assert_app_token(reply["token"])
        self.assertEqual(claims["azpacr"], proof)
        self.assertAlmostEqual(reply["expires"], claims["exp"], delta=PATIENCE)

    def projected(self, **claims):
        file = self.folder / "projected"
        file.write_text(self.keep(self.issuer.assertion(**claims)))
        return {
            "AZURE_TENANT_ID": directory.TENANT,
            "AZURE_CLIENT_ID": directory.WEB,
            "AZURE_FEDERATED_TOKEN_FILE": str(file),
        }

    def test_a_secret_gets_an_app_token(self):
        self.gets("secret", given=directory.WEB_SECRET, proof="1")

    def test_a_certificate_gets_an_app_token(self):
        self.gets("certificate", **self.pfx(self.certificate), proof="2")

    def test_a_client_assertion_gets_an_app_token(self):
        self.gets("assertion", given=self.keep(self.issuer.assertion()), proof="2")

    def test_workload_identity_gets_an_app_token_by_its_variables(self):
        self.gets("workload", variables=self.projected(), proof="2")

    def test_a_wrong_secret_is_7000215(self):
        self.refused("AADSTS7000215: ", "secret", given=self.keep("not~the.secret-of-this_application"))

    def test_an_unknown_application_is_700016(self):
        self.refused("AADSTS700016: ", "secret", given=directory.WEB_SECRET, client=directory.UNKNOWN_APP)

    def test_a_certificate_that_is_not_registered_is_700027(self):
        other = self.pfx(directory.Certificate("other"), "other.pfx")
        self.refused("AADSTS700027: ", "certificate", **other)

    def test_an_assertion_of_another_subject_is_700213(self):
        wrong = {"sub": "system:serviceaccount:shop:billing"}
        self.refused("AADSTS700213: ", "assertion", given=self.keep(self.issuer.assertion(**wrong)))
        self.refused("AADSTS700213: ", "workload", variables=self.projected(**wrong))

    def test_an_expired_assertion_is_700024(self):
        self.refused("AADSTS700024: ", "workload", variables=self.projected(lifetime=-900))


class Hosts(Library):
    """The crate knows two hosts. That of virtual machines has a fixed address, which the usual proxy variable leads to the emulator."""

    def on(self, host):
        return {"host": host, "variables": {"HTTP_PROXY": self.plain} if host == "imds" else {}}

    def gets(self, identity, host, **job):
        reply = self.ask("managed", **self.on(host), **job)
        self.assertIn("token", reply, reply)
        claims = self.assert_identity_token(reply["token"], identity)
        self.assertAlmostEqual(reply["expires"], claims["exp"], delta=PATIENCE)
        self.assertGreater(reply["expires"], time.time() + 3600)

    def test_the_machines_own_identity(self):
        for host in ["imds", "appservice"]:
            with self.subTest(host):
                self.gets(MACHINE, host)

    def test_an_identity_by_the_names_that_the_crate_can_send(self):
        self.gets(IDENTITY, "imds", client_id=IDENTITY.client)
        self.gets(IDENTITY, "imds", object_id=IDENTITY.principal)
        self.gets(IDENTITY, "imds", resource_id=IDENTITY.resource)
        self.gets(IDENTITY, "appservice", client_id=IDENTITY.client)
        self.gets(IDENTITY, "appservice", object_id=IDENTITY.principal)
        # It refuses by itself what it would send by a wrong name.
        self.refused("aren't supported for App Service", "managed", **self.on("appservice"), resource_id=IDENTITY.resource)

    def test_an_identity_that_the_host_does_not_have(self):
        for host in ["imds", "appservice"]:
            with self.subTest(host):
                self.refused("has not been assigned to this resource", "managed", **self.on(host), client_id=NOBODY)

    def test_app_service_without_its_secret(self):
        wrong = {"IDENTITY_HEADER": self.keep("not-the-secret-of-this-host")}
        self.refused("wrong", "managed", host="appservice", variables=wrong)

    def test_hosts_that_the_crate_does_not_support_are_recognised_by_their_variables(self):
        for host, name in [
            ("arc", "Azure Arc"),
            ("servicefabric", "Service Fabric"),
            ("cloudshell", "CloudShell"),
            ("azureml", "Azure ML"),
        ]:
            with self.subTest(host):
                self.refused(f"{name} managed identity isn't supported", "managed", host=host)
