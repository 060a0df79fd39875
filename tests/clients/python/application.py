"""An application as a user of azure-identity writes it: asks for one token and prints what it got.

The job comes on standard input; all else is in the environment. It is a process of its own, because the library remembers what it
found for as long as its process lives.
"""

import json
import sys

from azure.identity import ManagedIdentityCredential, WorkloadIdentityCredential


def main():
    job = json.load(sys.stdin)
    kinds = {"managed": ManagedIdentityCredential, "workload": WorkloadIdentityCredential}
    try:
        token = kinds[job["credential"]](**job["options"]).get_token(job["scope"])
        print(json.dumps({"token": token.token, "expires": token.expires_on}))
    except Exception as error:  # not each is the library's own: a certificate is refused by what is below it
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))


if __name__ == "__main__":
    main()
