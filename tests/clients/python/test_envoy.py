"""Envoy, as `docs/forward-auth.md` configures it."""

from forward_auth import ForwardAuth
from proxies import Envoy
from stage import Stage


class EnvoyForwardAuth(ForwardAuth, Stage):
    proxy = Envoy
    source = "RequestLine"
    down = 403
    too_large = 431
