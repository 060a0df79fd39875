"""The sidecar client of Microsoft's agents SDK, unmodified, against `sidekey serve`."""

import asyncio

from microsoft_agents.authentication.entra_auth_sidecar import SidecarAuth, SidecarConfigurationError
from microsoft_agents.hosting.core import AgentAuthConfiguration

import directory
from stage import Stage


class AgentsSidecar(Stage):
    # The client sends its scopes with every request, so its documentation tells operators to open this gate.
    web_settings = {"Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated": "true"}

    def ask(self, question, service="orders-app"):
        """What the client answers, on an event loop and a connection of its own."""

        async def talk():
            settings = {"SIDECAR_BASE_URL": self.web, "SERVICE_NAME": service, "RETRY_COUNT": 0}
            auth = SidecarAuth(AgentAuthConfiguration(provider_settings=settings, **settings))
            try:
                return await question(auth)
            finally:
                await auth.close()

        return asyncio.run(talk())

    def test_it_finds_the_sidecar_healthy(self):
        self.assertTrue(self.ask(lambda auth: auth.is_healthy()))

    def test_it_gets_an_app_token_for_the_scopes_it_names(self):
        token = self.ask(lambda auth: auth.get_access_token(f"api://{directory.API}", [directory.APP_SCOPE]))
        self.assert_app_token(token)

    def test_it_gets_an_app_token_for_the_configured_scopes(self):
        token = self.ask(lambda auth: auth.get_access_token(f"api://{directory.API}", []))
        self.assert_app_token(token)

    def test_its_azure_credential_gets_an_app_token(self):
        async def question(auth):
            return await auth.get_token_credential().get_token(directory.APP_SCOPE)

        self.assert_app_token(self.ask(question).token)

    def test_a_forced_refresh_gives_another_token(self):
        async def question(auth):
            ask = lambda force: auth.get_access_token(f"api://{directory.API}", [directory.APP_SCOPE], force)
            return await ask(False), await ask(True)

        first, second = self.ask(question)
        self.assertNotEqual(first, second)
        self.assert_app_token(second)

    def test_an_api_that_is_not_configured_is_a_configuration_error_to_it(self):
        with self.assertRaises(SidecarConfigurationError):
            self.ask(lambda auth: auth.get_access_token("", []), service="nowhere")


class ClosedGate(AgentsSidecar):
    """The same client where the gate has its default: the configured scopes count, and the log says why."""

    web_settings = {}

    def test_a_forced_refresh_gives_another_token(self):
        async def question(auth):
            ask = lambda force: auth.get_access_token(f"api://{directory.API}", [directory.APP_SCOPE], force)
            return await ask(False), await ask(True)

        first, second = self.ask(question)
        self.assertEqual(first, second)
        warned = [line for process in self.processes for line in process.lines]
        self.assertTrue(any("AllowOverrides" in line for line in warned), "no warning names the key that opens the gate")
