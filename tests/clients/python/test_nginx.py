"""nginx, as `docs/forward-auth.md` configures it."""

from forward_auth import ForwardAuth
from proxies import Nginx
from stage import Stage


class NginxForwardAuth(ForwardAuth, Stage):
    proxy = Nginx
    source = "OriginalHeaders"
    down = 500
    too_large = 500
    # One header may have 8 KiB in nginx.
    large = [("Authorization", "Bearer " + "x" * 7000), ("X-Large", "x" * 7000)]
