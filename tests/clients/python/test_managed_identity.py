"""Managed identities of the emulator's hosts: azure-identity, unmodified, asks for their tokens, and so does `sidekey serve`."""

import json
import os
import pathlib
import subprocess
import sys
import time

import requests

import directory
from directory import IDENTITY, MACHINE
from stage import PATIENCE, Stage

APPLICATION = pathlib.Path(__file__).parent / "application.py"
NOBODY = "12345678-9999-8888-7777-666655554444"


class Library(Stage):
    """azure-identity, a fresh process for each case."""

    def ask(self, host, credential="managed", variables=None, scope=directory.APP_SCOPE, **options):
        """What the application printed on that host."""
        environment = {"PATH": os.environ["PATH"], **self.host(host), **(variables or {})}
        job = {"credential": credential, "options": options, "scope": scope}
        command = [sys.executable, str(APPLICATION)]
        done = subprocess.run(
            command, input=json.dumps(job), env=environment, capture_output=True, text=True, timeout=3 * PATIENCE
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def gets(self, identity, host, **options):
        """A token of that identity, which the library believes to live as long as it does."""
        reply = self.ask(host, **options)
        self.assertIn("token", reply, reply)
        claims = self.assert_identity_token(reply["token"], identity)
        self.assertAlmostEqual(reply["expires"], claims["exp"], delta=PATIENCE)
        self.assertGreater(reply["expires"], time.time() + 3600)

    def gets_by_every_name(self, host):
        self.gets(IDENTITY, host, client_id=IDENTITY.client)
        self.gets(IDENTITY, host, identity_config={"resource_id": IDENTITY.resource})
        self.gets(IDENTITY, host, identity_config={"object_id": IDENTITY.principal})

    def refused(self, host, words, error="CredentialUnavailableError", **options):
        reply = self.ask(host, **options)
        self.assertEqual(reply.get("error"), error, reply)
        self.assertRegex(reply["message"], words)

    def test_the_machines_own_identity_of_the_metadata_service(self):
        self.gets(MACHINE, "imds")

    def test_an_identity_of_the_metadata_service_by_every_name(self):
        self.gets_by_every_name("imds")

    def test_an_identity_that_the_metadata_service_does_not_have(self):
        self.refused("imds", "Identity not found", client_id=NOBODY)

    def test_the_machines_own_identity_of_app_service(self):
        self.gets(MACHINE, "appservice")

    def test_an_identity_of_app_service_by_every_name(self):
        self.gets_by_every_name("appservice")

    def test_an_identity_that_app_service_does_not_have(self):
        self.refused("appservice", "Identity not found", client_id=NOBODY)

    def test_the_machines_own_identity_of_azure_arc(self):
        self.gets(MACHINE, "arc")

    def test_an_identity_of_azure_arc_by_every_name(self):
        self.gets_by_every_name("arc")

    def test_an_identity_that_azure_arc_does_not_have(self):
        self.refused("arc", "Identity not found", client_id=NOBODY)

    def test_the_applications_identity_of_service_fabric(self):
        self.gets(MACHINE, "servicefabric")

    def test_another_certificate_than_service_fabrics_is_refused_by_its_thumbprint(self):
        wrong = {"IDENTITY_SERVER_THUMBPRINT": "00" * 20}
        self.refused("servicefabric", "thumbprint does not match", error="SSLError", variables=wrong)

    def test_the_machines_own_identity_of_azure_ml(self):
        self.gets(MACHINE, "azureml")

    def test_an_identity_of_azure_ml_by_client_id(self):
        self.gets(IDENTITY, "azureml", client_id=IDENTITY.client)

    def test_an_identity_that_azure_ml_does_not_have(self):
        self.refused("azureml", "Identity not found", client_id=NOBODY)

    def test_the_user_of_the_cloud_shell(self):
        reply = self.ask("cloudshell")
        self.assertIn("token", reply, reply)
        self.assert_user_token(reply["token"], client=directory.CLOUD_SHELL)

    def test_a_host_that_was_not_told_its_secret(self):
        for host, secret in [("appservice", "IDENTITY_HEADER"), ("azureml", "MSI_SECRET"), ("servicefabric", "IDENTITY_HEADER")]:
            wrong = {secret: self.keep("not-the-secret-of-this-host")}
            self.refused(host, "wrong", variables=wrong)

    def test_an_api_that_the_tenant_does_not_know_is_500011_on_every_host(self):
        errors = {"cloudshell": "ClientAuthenticationError"}
        for host in ["imds", "appservice", "arc", "servicefabric", "cloudshell", "azureml"]:
            with self.subTest(host):
                error = errors.get(host, "CredentialUnavailableError")
                self.refused(host, "AADSTS500011: ", error=error, scope="api://nothing/.default")

    def test_workload_identity_by_its_variables(self):
        file = self.folder / "projected"
        file.write_text(self.keep(self.issuer.assertion()))
        variables = {"AZURE_TENANT_ID": directory.TENANT, "AZURE_CLIENT_ID": directory.WEB, "AZURE_FEDERATED_TOKEN_FILE": str(file)}
        reply = self.ask(None, "workload", variables, disable_instance_discovery=True)
        self.assertIn("token", reply, reply)
        self.assert_app_token(reply["token"])
        file.write_text(self.keep(self.issuer.assertion(sub="system:serviceaccount:shop:billing")))
        reply = self.ask(None, "workload", variables, disable_instance_discovery=True)
        self.assertIn("AADSTS700213: ", reply.get("message", ""), reply)


class Sidecar(Stage):
    """`sidekey serve` on the same hosts."""

    def header(self, sidecar, api="orders-app"):
        return requests.get(f"{sidecar}/AuthorizationHeaderUnauthenticated/{api}")

    def token(self, sidecar, api="orders-app"):
        reply = self.header(sidecar, api)
        self.assertEqual(reply.status_code, 200, reply.text)
        return reply.json()["authorizationHeader"].removeprefix("Bearer ")

    def on(self, host, **settings):
        """A sidecar on that host, with the host's own variables alone."""
        names = ["AZURE_POD_IDENTITY_AUTHORITY_HOST", "IDENTITY_", "MSI_", "IMDS_"]
        variables = {name: value for name, value in self.host(host).items() if name.startswith(tuple(names))}
        return self.sidecar(directory.WEB, **variables, **settings)

    def wish(self, name=None):
        settings = {"DownstreamApis__own__Scopes__0": directory.APP_SCOPE, "DownstreamApis__own__RequestAppToken": "true"}
        option = "DownstreamApis__own__AcquireTokenOptions__ManagedIdentity__UserAssignedClientId"
        return settings | {option: name or IDENTITY.client}

    def vouching(self, host, **identity):
        """A sidecar whose application is vouched for by a managed identity."""
        prefix = "AzureAd__ClientCredentials__0__"
        fields = {"SourceType": "SignedAssertionFromManagedIdentity", **identity}
        return self.on(host, **{f"{prefix}{name}": value for name, value in fields.items()})

    def test_an_identity_vouches_for_the_application_on_every_host_that_takes_its_name(self):
        for host in ["imds", "appservice", "arc", "azureml"]:
            with self.subTest(host):
                token = self.token(self.vouching(host, ManagedIdentityClientId=IDENTITY.client))
                self.assertEqual(self.assert_app_token(token)["azpacr"], "2")

    def test_an_identity_vouches_for_the_application_on_behalf_of_a_user(self):
        sidecar = self.vouching("imds", ManagedIdentityResourceId=IDENTITY.resource)
        headers = {"Authorization": f"Bearer {self.user_token()}"}
        reply = requests.get(f"{sidecar}/AuthorizationHeader/orders", headers=headers)
        self.assertEqual(reply.status_code, 200, reply.text)
        self.assert_user_token(reply.json()["authorizationHeader"].removeprefix("Bearer "))

    def test_the_machines_own_identity_vouches_for_no_application(self):
        for host in ["imds", "servicefabric"]:
            with self.subTest(host):
                reply = self.header(self.vouching(host))
                self.assertEqual(reply.status_code, 401, reply.text)
                self.assertIn("AADSTS700226: ", reply.json()["detail"])

    def test_an_identitys_token_on_every_host_that_takes_its_name(self):
        for host in ["imds", "appservice", "arc", "azureml"]:
            with self.subTest(host):
                self.assert_identity_token(self.token(self.on(host, **self.wish()), "own"), IDENTITY)

    def test_an_identitys_token_by_resource_id(self):
        for host in ["imds", "appservice", "arc"]:
            with self.subTest(host):
                self.assert_identity_token(self.token(self.on(host, **self.wish(IDENTITY.resource)), "own"), IDENTITY)

    def test_an_identity_that_the_host_does_not_have(self):
        for host in ["imds", "appservice", "arc", "azureml"]:
            with self.subTest(host):
                reply = self.header(self.on(host, **self.wish(NOBODY)), "own")
                self.assertGreaterEqual(reply.status_code, 400, reply.text)
                self.assertIn("Identity not found", reply.json()["detail"])

    def test_a_host_that_takes_no_name_says_so_in_the_log_alone(self):
        for host in ["servicefabric", "cloudshell"]:
            with self.subTest(host):
                reply = self.header(self.on(host, **self.wish()), "own")
                self.assertEqual(reply.status_code, 500, reply.text)
                problem = reply.json()
                self.assertNotIn(IDENTITY.client, problem["detail"])
                words = ["leave the identity's id out", problem["referenceId"]]
                self.processes[-1].wait_for(lambda line: all(word in line for word in words))
