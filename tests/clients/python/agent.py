"""A SPIFFE agent as a process: the Workload API on a unix socket, and the issuer of its tokens."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile

ORDERS = "spiffe://example.org/shop/orders"
BILLING = "spiffe://example.org/shop/billing"


class Agent:
    """One that gives its workload these identities, the default one first."""

    def __init__(self, *identities, more=()):
        # Not below a deep folder: the path of a socket has a hundred characters at most.
        self.folder = tempfile.mkdtemp(prefix="agent-")
        # The client's library keeps connections by the socket's name, so that no two may have the same.
        self.name = f"{os.path.basename(self.folder)}.sock"
        path = os.path.join(self.folder, self.name)
        self.socket = f"unix://{path}"
        command = [os.environ["WORKLOAD_API"], "--socket", path, *more]
        for identity in identities:
            command += ["--id", identity]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"`{' '.join(command)}` ended with {self.process.wait()}")
        self.issuer = json.loads(line)["issuer"]

    @contextlib.contextmanager
    def at_hand(self):
        """The socket by its bare name, in its own folder.

        gRPC's C library sends a socket's path as `:authority`, its slashes percent-encoded, which the server's HTTP/2 library refuses
        as malformed (https://github.com/grpc/grpc/issues/38142). A bare name has nothing to encode.
        """
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            yield f"unix:{self.name}"
        finally:
            os.chdir(before)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder)
