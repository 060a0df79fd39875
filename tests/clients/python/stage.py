"""sidekey's processes as a user starts them, and the watch over what they log."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import requests

import directory
import issuer

SIDEKEY = str(pathlib.Path(os.environ["SIDEKEY"]).resolve())
PATIENCE = 20  # seconds for a debug build on a busy machine


class Process:
    """One running `sidekey`, its output line by line."""

    def __init__(self, *arguments, settings=None, files=None):
        environment = {"PATH": os.environ["PATH"], **(settings or {})}
        self.folder = tempfile.mkdtemp(prefix="sidekey-")
        for name, text in (files or {}).items():
            pathlib.Path(self.folder, name).write_text(text)
        self.stopped = False
        self.arguments = arguments
        self.process = subprocess.Popen(
            [SIDEKEY, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.lines = []
        self.changed = threading.Condition()
        self.readers = [self.read(self.process.stdout), self.read(self.process.stderr)]

    def read(self, stream):
        def loop():
            for line in stream:
                with self.changed:
                    self.lines.append(line)
                    self.changed.notify_all()
            with self.changed:
                self.changed.notify_all()

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        return thread

    def wait_for(self, wanted):
        """What `wanted` makes of the first line it likes."""
        end = time.monotonic() + PATIENCE
        seen = 0
        with self.changed:
            while True:
                for line in self.lines[seen:]:
                    found = wanted(line)
                    if found:
                        return found
                seen = len(self.lines)
                if self.process.poll() is not None and not any(reader.is_alive() for reader in self.readers):
                    raise AssertionError(f"`sidekey {' '.join(self.arguments)}` ended with {self.process.returncode}:\n{self.log}")
                if not self.changed.wait(timeout=max(0.0, min(0.2, end - time.monotonic()))) and time.monotonic() > end:
                    raise AssertionError(f"`sidekey {' '.join(self.arguments)}` said nothing in {PATIENCE} s:\n{self.log}")

    def document(self):
        """The JSON document of `--json`. It is for the caller's eyes, so it is taken out of the log."""
        line = self.wait_for(lambda line: line if line.startswith("{") else None)
        with self.changed:
            self.lines.remove(line)
        return json.loads(line)

    def listening(self):
        return self.wait_for(lambda line: (found := re.search(r"Now listening on: (\S+)", line)) and found[1])

    @property
    def log(self):
        return "".join(self.lines)

    def stop(self):
        """Ends it as a service manager does; it must end by itself and well."""
        if self.stopped:
            return
        self.stopped = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"`sidekey {' '.join(self.arguments)}` did not end on SIGTERM:\n{self.log}")
        for reader in self.readers:
            reader.join(timeout=PATIENCE)
        shutil.rmtree(self.folder)
        if code != 0:
            raise AssertionError(f"`sidekey {' '.join(self.arguments)}` ended with {code} on SIGTERM:\n{self.log}")


class Stage(unittest.TestCase):
    """Emulator, a sidecar of the web API (`web`) and one of the API behind it (`api`), for all cases of a class.

    Everything secret that a case sees goes through `keep`; at the end none of it may be in any log.
    """

    web_settings = {}
    trusted = []  # federated credentials of the web API's besides its usual ones

    @classmethod
    def setUpClass(cls):
        cls.secrets = {directory.WEB_SECRET, directory.API_SECRET, directory.BLUEPRINT_SECRET, directory.ALICE_PASSWORD}
        cls.processes = []
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="sidekey-stage-"))
        cls.certificate = directory.Certificate("web")
        cls.edge_authority = directory.Certificate("edge authority")
        cls.issuer = issuer.Issuer()
        cls.addClassCleanup(cls.close)
        file = cls.folder / "directory.yaml"
        port = free_port()
        entra = f"https://127.0.0.1:{port}/{directory.TENANT}/v2.0"
        file.write_text(directory.directory(cls.certificate, cls.edge_authority, cls.issuer.url, entra, cls.trusted))
        cls.ca_file = str(cls.folder / "ca.pem")
        arguments = ["--json", "--http", "127.0.0.1:0", "--https", f"127.0.0.1:{port}"]
        emulator = cls.start("emulator", *arguments, "--directory", str(file), "--ca-file", cls.ca_file).document()
        cls.authority = emulator["https"].rstrip("/")
        cls.plain = emulator["http"].rstrip("/")
        os.environ["REQUESTS_CA_BUNDLE"] = cls.ca_file
        cls.web = cls.sidecar(directory.WEB, **secret(directory.WEB_SECRET), **cls.web_settings)
        cls.api = cls.sidecar(directory.API, **secret(directory.API_SECRET))

    @classmethod
    def start(cls, *arguments, **options):
        process = Process(*arguments, **options)
        cls.processes.append(process)
        return process

    @classmethod
    def sidecar_settings(cls, client, **more):
        return {
            "ASPNETCORE_URLS": "http://127.0.0.1:0",
            "Logging__LogLevel__Default": "Trace",
            "Sidecar__AdditionalCaFile": cls.ca_file,
            "AzureAd__Instance": f"{cls.authority}/",
            "AzureAd__TenantId": directory.TENANT,
            "AzureAd__ClientId": client,
            "DownstreamApis__orders__Scopes__0": directory.USER_SCOPE,
            "DownstreamApis__orders-app__Scopes__0": directory.APP_SCOPE,
            "DownstreamApis__orders-app__RequestAppToken": "true",
            **more,
        }

    @classmethod
    def sidecar(cls, client, **more):
        """Starts `sidekey serve`; gives its address."""
        return cls.start("serve", settings=cls.sidecar_settings(client, **more)).listening()

    @classmethod
    def keep(cls, secret):
        """Remembers a secret, and a token's parts as well: none of them may be logged."""
        cls.secrets.add(secret)
        if secret.startswith("eyJ"):
            cls.secrets.update(part for part in secret.split(".")[1:] if len(part) > 20)
        return secret

    @classmethod
    def host(cls, name=None):
        """The environment that points programs at the emulator, and at one of its hosts of managed identities."""
        reply = requests.get(f"{cls.plain}/sidekey/env", params={"host": name, "format": "json"})
        assert reply.status_code == 200, reply.text
        variables = reply.json()
        for secret in ["IDENTITY_HEADER", "MSI_SECRET"]:
            if secret in variables:
                cls.keep(variables[secret])
        return variables

    @classmethod
    def user_token(cls, scope=f"api://{directory.WEB}/access_as_user"):
        """Alice's token, by the password grant."""
        form = {"grant_type": "password", "client_id": directory.SHELL, "scope": scope}
        form |= {"username": directory.ALICE, "password": directory.ALICE_PASSWORD}
        reply = requests.post(f"{cls.authority}/{directory.TENANT}/oauth2/v2.0/token", data=form)
        assert reply.status_code == 200, reply.text
        return cls.keep(reply.json()["access_token"])

    def validate(self, token, sidecar=None):
        """The claims that a sidecar found in a token; it must find the token good."""
        reply = requests.get(f"{sidecar or self.api}/Validate", headers={"Authorization": f"Bearer {token}"})
        self.assertEqual(reply.status_code, 200, f"{reply.headers.get('WWW-Authenticate')} {reply.text}")
        document = reply.json()
        self.assertEqual((document["protocol"], document["token"]), ("Bearer", token))
        return document["claims"]

    def assert_app_token(self, token, client=directory.WEB):
        claims = self.validate(self.keep(token))
        self.assertEqual((claims["aud"], claims["azp"], claims["tid"]), (directory.API, client, directory.TENANT))
        self.assertEqual(claims["roles"], ["Orders.Read.All"])
        self.assertNotIn("scp", claims)
        return claims

    def assert_identity_token(self, token, identity):
        """A token of a managed identity's own."""
        claims = self.assert_app_token(token, client=identity.client)
        found = (claims["oid"], claims["sub"], claims["xms_mirid"])
        self.assertEqual(found, (identity.principal, identity.principal, identity.resource))
        return claims

    def assert_user_token(self, token, client=directory.WEB, user=directory.ALICE_ID):
        claims = self.validate(self.keep(token))
        self.assertEqual((claims["aud"], claims["azp"], claims["oid"]), (directory.API, client, user))
        self.assertEqual(claims["scp"], "Orders.Read")
        return claims

    @classmethod
    def close(cls):
        try:
            for process in cls.processes:
                process.stop()
        finally:
            for process in cls.processes:
                process.process.kill()
            cls.issuer.close()
            shutil.rmtree(cls.folder)
        leaks = [
            f"{secret[:12]}… in the log of `sidekey {' '.join(process.arguments)}`:\n{line}"
            for process in cls.processes
            for secret in cls.secrets
            for line in process.lines
            if secret in line
        ]
        assert not leaks, "secrets were logged:\n" + "\n".join(leaks)
        assert all(process.lines for process in cls.processes if "serve" in process.arguments), "a sidecar logged nothing at all"


def free_port():
    """A port for the emulator's https, whose issuer stands in the directory that it is started with."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def secret(value):
    return {"AzureAd__ClientCredentials__0__SourceType": "ClientSecret", "AzureAd__ClientCredentials__0__ClientSecret": value}
