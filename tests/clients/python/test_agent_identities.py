"""Agents through `sidekey serve` with plain HTTP: whose token comes out, as another sidecar reads it."""

import requests

import directory
from directory import BLUEPRINT, COURIER, COURIER_ACCOUNT, COURIER_ACCOUNT_ID, STRANGER
from stage import Stage, secret


class Agents(Stage):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        gate = {"Sidecar__AllowOverrides__GetAuthorizationHeaderUnauthenticated": "true"}
        cls.agents = cls.sidecar(BLUEPRINT, **secret(directory.BLUEPRINT_SECRET), **gate)

    def ask(self, api, user=None, **query):
        route = "AuthorizationHeader" if user else "AuthorizationHeaderUnauthenticated"
        headers = {"Authorization": f"Bearer {user}"} if user else {}
        return requests.get(f"{self.agents}/{route}/{api}", params=query, headers=headers)

    def token(self, *arguments, **query):
        reply = self.ask(*arguments, **query)
        self.assertEqual(reply.status_code, 200, reply.text)
        return reply.json()["authorizationHeader"].removeprefix("Bearer ")

    def refused(self, reply, code):
        self.assertEqual(reply.status_code, 401, reply.text)
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        self.assertIn(f"AADSTS{code}: ", reply.json()["detail"])

    def alice(self):
        return self.user_token(f"api://{BLUEPRINT}/access_agent")

    def test_an_agent_of_its_own(self):
        claims = self.assert_app_token(self.token("orders-app", AgentIdentity=COURIER), client=COURIER)
        self.assertEqual((claims["oid"], claims["sub"]), (COURIER, COURIER))

    def test_an_agent_on_behalf_of_a_user(self):
        claims = self.assert_user_token(self.token("orders", self.alice(), AgentIdentity=COURIER), client=COURIER)
        self.assertNotIn("roles", claims)

    def test_an_agents_user_account_by_name(self):
        token = self.token("orders", AgentIdentity=COURIER, AgentUsername=COURIER_ACCOUNT)
        self.assert_user_token(token, client=COURIER, user=COURIER_ACCOUNT_ID)

    def test_an_agents_user_account_by_id(self):
        token = self.token("orders", AgentIdentity=COURIER, AgentUserId=COURIER_ACCOUNT_ID)
        self.assert_user_token(token, client=COURIER, user=COURIER_ACCOUNT_ID)

    def test_the_tokens_of_an_agent_its_user_and_its_account_are_never_mixed_up(self):
        alice = self.alice()
        for _ in range(3):
            self.assert_app_token(self.token("orders-app", AgentIdentity=COURIER), client=COURIER)
            self.assert_user_token(self.token("orders", alice, AgentIdentity=COURIER), client=COURIER)
            token = self.token("orders", AgentIdentity=COURIER, AgentUserId=COURIER_ACCOUNT_ID)
            self.assert_user_token(token, client=COURIER, user=COURIER_ACCOUNT_ID)
            self.assert_user_token(self.token("orders", alice), client=BLUEPRINT)

    def test_an_agent_of_another_blueprint_is_refused(self):
        self.refused(self.ask("orders-app", AgentIdentity=STRANGER), 700213)
        self.refused(self.ask("orders", self.alice(), AgentIdentity=STRANGER), 700213)

    def test_somebody_elses_account_is_refused(self):
        self.refused(self.ask("orders", AgentIdentity=COURIER, AgentUsername=directory.ALICE), 700213)
        self.refused(self.ask("orders", AgentIdentity=COURIER, AgentUserId=directory.ALICE_ID), 700213)
