"""Traefik, as `docs/forward-auth.md` configures it."""

from forward_auth import ForwardAuth
from proxies import Traefik
from stage import Stage


class TraefikForwardAuth(ForwardAuth, Stage):
    proxy = Traefik
    source = "ForwardedHeaders"
    down = 500
    too_large = 431
