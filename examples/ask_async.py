"""Asks one question about many pictures at once.

    python3 examples/ask_async.py 价格是多少? examples/price-tag.png examples/price-tag-large.png
"""

import asyncio
import base64
import json
import os
import random
import sys
from pathlib import Path

import httpx

URL = os.environ.get("GLM_URL", "http://127.0.0.1:8080")
# The longest silence: a request waits in the queue before its first byte.
TIMEOUT = httpx.Timeout(float(os.environ.get("GLM_TIMEOUT", "300")), connect=5)
ATTEMPTS = 5
MAX_WAIT_S = 60
# More at once only makes the server's queue longer.
CONCURRENT = 4


class ApiError(Exception):
    """What the server said is wrong."""


class Busy(Exception):
    """Refused for now; come back after so many seconds."""

    def __init__(self, error: ApiError, retry_after_s: float):
        super().__init__(str(error))
        self.retry_after_s = retry_after_s


async def ask(client: httpx.AsyncClient, image: bytes, prompt: str, **parameters) -> str:
    """The whole answer. Any parameter of the API may be added, such as temperature=0."""
    encoded = base64.b64encode(image).decode()
    # The label of the data URI may be wrong: the bytes decide.
    body = {"image": f"data:image/png;base64,{encoded}", "prompt": prompt, "stream": True, **parameters}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return "".join([piece async for piece in stream(client, body)])
        except (Busy, httpx.ConnectError) as error:
            if attempt == ATTEMPTS:
                raise
            backoff_s = 0.5 * 2**attempt * random.uniform(0.5, 1)
            told_s = error.retry_after_s if isinstance(error, Busy) else 0
            await asyncio.sleep(min(MAX_WAIT_S, max(told_s, backoff_s)))
    raise AssertionError("the last attempt returns or raises")


async def stream(client: httpx.AsyncClient, body: dict):
    async with client.stream("POST", f"{URL}/v1/multimodal/completions", json=body) as response:
        if response.status_code != 200:
            await response.aread()
            error = ApiError(describe(response.json()["error"]))
            if response.status_code in (429, 503):
                raise Busy(error, float(response.headers.get("retry-after", "1")))
            raise error
        async for line in response.aiter_lines():
            line = line.rstrip("\r\n")  # httpx before 0.24 leaves them on
            if not line.startswith("data: "):
                continue
            if line == "data: [DONE]":
                return
            event = json.loads(line[len("data: ") :])
            if "error" in event:
                raise ApiError(describe(event["error"]))
            yield event["choices"][0]["delta"].get("content", "")
    raise ApiError("the connection broke before the answer was whole")


def describe(error: dict) -> str:
    field = f" ({error['param']})" if error.get("param") else ""
    return f"{error['code']}{field}: {error['message']}"


async def main() -> None:
    prompt, *paths = sys.argv[1:]
    key = os.environ.get("GLM_API_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    gate = asyncio.Semaphore(CONCURRENT)

    async with httpx.AsyncClient(timeout=TIMEOUT, headers=headers) as client:

        async def answer(path: str) -> str:
            async with gate:
                return await ask(client, Path(path).read_bytes(), prompt)

        results = await asyncio.gather(*map(answer, paths), return_exceptions=True)

    for path, result in zip(paths, results):
        if isinstance(result, Exception):
            print(f"{path}: {str(result) or type(result).__name__}", file=sys.stderr)
        else:
            print(f"{path}: {result}")
    if any(isinstance(result, Exception) for result in results):
        sys.exit(1)


if __name__ == "__main__":
    asyncio.run(main())
