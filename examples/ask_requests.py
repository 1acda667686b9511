"""Asks about a picture and prints the answer as it is written.

    python3 examples/ask_requests.py examples/receipt.png 列出所有金额
"""

import base64
import json
import os
import sys

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

URL = os.environ.get("GLM_URL", "http://127.0.0.1:8080")
CONNECT_TIMEOUT_S = 5
# The longest silence: a request waits in the queue before its first byte.
READ_TIMEOUT_S = float(os.environ.get("GLM_TIMEOUT", "300"))

# A refusal with 429 or 503 says in Retry-After when to come back; Retry waits that long.
RETRIES = Retry(
    total=4,
    connect=4,
    read=0,  # an answer that broke off may have been paid for: not asked for again
    status_forcelist=(429, 503),
    allowed_methods={"POST"},
    backoff_factor=0.5,
    raise_on_status=False,
)


class ApiError(Exception):
    """What the server said is wrong."""


def session() -> requests.Session:
    made = requests.Session()
    made.mount("http://", HTTPAdapter(max_retries=RETRIES))
    made.mount("https://", HTTPAdapter(max_retries=RETRIES))
    if key := os.environ.get("GLM_API_KEY"):
        made.headers["authorization"] = f"Bearer {key}"
    return made


def ask(client: requests.Session, image: bytes, prompt: str, **parameters):
    """Yields the answer piece by piece. Any parameter of the API may be added, such as temperature=0."""
    body = {
        "image": "data:image/png;base64," + base64.b64encode(image).decode(),  # the label may be wrong, the bytes decide
        "prompt": prompt,
        "stream": True,
        **parameters,
    }
    url = f"{URL}/v1/multimodal/completions"
    with client.post(url, json=body, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)) as response:
        if not response.ok:
            raise ApiError(describe(response.json()["error"]))
        for line in response.iter_lines():
            if not line.startswith(b"data: "):
                continue
            if line == b"data: [DONE]":
                return
            event = json.loads(line[len(b"data: ") :])
            if "error" in event:
                raise ApiError(describe(event["error"]))
            yield event["choices"][0]["delta"].get("content", "")
    raise ApiError("the connection broke before the answer was whole")


def describe(error: dict) -> str:
    field = f" ({error['param']})" if error.get("param") else ""
    return f"{error['code']}{field}: {error['message']}"


def main() -> None:
    path, prompt = sys.argv[1:]
    with open(path, "rb") as file:
        image = file.read()
    try:
        for piece in ask(session(), image, prompt):
            print(piece, end="", flush=True)
        print()
    except (ApiError, requests.RequestException) as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
