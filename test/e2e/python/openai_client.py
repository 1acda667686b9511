"""The official SDK for Python, as people use it, against a running server. Any surprise ends it with a traceback."""

import asyncio
import base64
import json
import os
from pathlib import Path

import openai

EXAMPLES = Path(__file__).parents[3] / "examples"
MODEL = "glm4v-tiny"
SAMPLE = json.loads((EXAMPLES / "answers.json").read_text())[0]

tiny = {"base_url": os.environ["TINY_URL"], "api_key": "none", "max_retries": 0}
scripted = {"base_url": os.environ["SCRIPTED_URL"], "api_key": "none", "max_retries": 0}


def picture(name):
    data = base64.b64encode((EXAMPLES / name).read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def ask(*names, text=SAMPLE["prompt"]):
    return [{"role": "user", "content": [*map(picture, names), {"type": "text", "text": text}]}]


def reads_a_picture(client):
    completion = client.chat.completions.create(model=MODEL, temperature=0, messages=ask(SAMPLE["image"]))
    assert completion.choices[0].message.content == SAMPLE["answer"]
    assert completion.choices[0].finish_reason == "stop"
    usage = completion.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def takes_text_and_several_pictures(client):
    alone = client.chat.completions.create(
        model=MODEL, max_tokens=2, messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    )
    assert alone.usage.completion_tokens == 2
    several = client.chat.completions.create(model=MODEL, max_tokens=2, messages=ask("number.png", "price-tag.png"))
    assert several.usage.prompt_tokens > alone.usage.prompt_tokens


def streams_with_usage(client):
    text, usage = "", None
    with client.chat.completions.create(
        model=MODEL, temperature=0, messages=ask(SAMPLE["image"]), stream=True, stream_options={"include_usage": True}
    ) as stream:
        for chunk in stream:
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
            usage = chunk.usage or usage
    assert text == SAMPLE["answer"], text
    assert usage.total_tokens > usage.completion_tokens > 0


def tells_logprobs(client):
    choice = client.chat.completions.create(
        model=MODEL, temperature=0, messages=ask(SAMPLE["image"]), logprobs=True, top_logprobs=2
    ).choices[0]
    spelled = b"".join(bytes(entry.bytes) for entry in choice.logprobs.content)
    assert spelled.decode().strip() == SAMPLE["answer"]
    assert all(len(entry.top_logprobs) == 2 for entry in choice.logprobs.content)


def calls_tools(client):
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
    messages = [{"role": "user", "content": "北京天气?"}]
    choice = client.chat.completions.create(model="scripted", messages=messages, tools=tools).choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "北京"}
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "晴"}]
    answer = client.chat.completions.create(model="scripted", messages=messages, tools=tools)
    assert answer.choices[0].message.content == "晴。"
    with client.chat.completions.stream(model="scripted", messages=messages[:1], tools=tools) as stream:
        for _ in stream:
            pass
        (streamed,) = stream.get_final_completion().choices[0].message.tool_calls
    assert streamed.function.arguments == call.function.arguments


def raises_what_people_catch(client):
    def raised(error, **request):
        try:
            client.chat.completions.create(**{"model": MODEL, "messages": ask(text="x"), **request})
        except error as caught:
            return caught
        raise AssertionError(f"{error.__name__} did not come")

    assert raised(openai.NotFoundError, model="gpt-5").code == "model_not_found"
    bad = raised(openai.BadRequestError, temperature=3)
    assert (bad.param, bad.type, bad.status_code) == ("temperature", "invalid_request_error", 400)
    assert bad.request_id.startswith("req_")
    assert raised(openai.BadRequestError, store=True).code == "unsupported_parameter"


def lists_models(client):
    (model,) = client.models.list()
    assert client.models.retrieve(MODEL) == model and model.id == MODEL


async def works_asynchronously():
    async with openai.AsyncOpenAI(**tiny) as client:
        answers = await asyncio.gather(
            *(client.chat.completions.create(model=MODEL, temperature=0, messages=ask(SAMPLE["image"])) for _ in range(3))
        )
        assert {answer.choices[0].message.content for answer in answers} == {SAMPLE["answer"]}
        text = ""
        async for chunk in await client.chat.completions.create(
            model=MODEL, temperature=0, messages=ask(SAMPLE["image"]), stream=True
        ):
            text += chunk.choices[0].delta.content or ""
        assert text == SAMPLE["answer"]


with openai.OpenAI(**tiny) as tiny_client, openai.OpenAI(**scripted) as scripted_client:
    for check in (
        reads_a_picture,
        takes_text_and_several_pictures,
        streams_with_usage,
        tells_logprobs,
        raises_what_people_catch,
        lists_models,
    ):
        check(tiny_client)
        print(check.__name__)
    calls_tools(scripted_client)
    print(calls_tools.__name__)
asyncio.run(works_asynchronously())
print(works_asynchronously.__name__)
