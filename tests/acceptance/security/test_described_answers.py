"""What the APIs answer is what their descriptions say, whatever they are sent: no server error, nothing undocumented."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from affluent.api.togai import directory, money, plans
from affluent.api.togai.routing import Rule
from affluent.bootstrap import build
from affluent.kit.jsons import JSONObject, dumps
from affluent.settings import Settings
from tests.acceptance.process import new_token, started

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CHECKS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, {refusal}]
"""
"""What fits a schema may still be refused for what it means, which no schema can say: an expression with a fault, a key that
its vendor refuses, an amount that is more than is due. Ours says 422 then; that a request is malformed, 400, must not be said of
it. Togai's dialect says 400 to all that it refuses. What the official client sends is taken: tests/contract/togai."""
REFUSALS = (400, 401, 403, 404, 409, 413, 422, 429, 503)


SHORT, WHOLE = "examples,coverage", "examples,coverage,fuzzing,stateful"
"""Phases of the tool: each operation by itself, at the edges of its schema; then also at random, and one after the other."""


async def tried(
    description: str, url: str, token: str, *, config: Path, examples: int, phases: str, out_of: str = ""
) -> str:
    """What the tool says; fails the test when it found something."""
    authorised = ("-H", f"Authorization: Bearer {token}") if token else ()
    process = await asyncio.create_subprocess_exec(
        str(SCHEMATHESIS), "--config-file", str(config), "run", description, "--url", url, *authorised, "-n", str(examples), "--no-color",
        "--phases", phases, "--checks", "all", "--generation-database", "none",
        *(("--exclude-path-regex", out_of) if out_of else ()),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    out, _ = await process.communicate()
    text = out.decode("utf-8", "replace")
    assert process.returncode == 0, text[text.find("= FAILURES =") :][:12_000]
    assert int(re.findall(r"(\d+) generated", text)[0]) > 100
    return text


async def everything(folder: Path, *, examples: int, phases: str = WHOLE, with_token: bool) -> None:
    """Both dialects of a fresh server, with or without a token."""
    environment = {"AFFLUENT_REQUEST_TIMEOUT_SECONDS": "1"}
    data_dir = folder / "data"
    async with started("serve", "--port", "0", "--data-dir", str(data_dir), **environment) as (server, url):
        token = await new_token(server) if with_token else ""
        workspace = folder / "workspace.json"
        workspace.write_text(dumps(described(folder)))
        ours, theirs = folder / "ours.toml", folder / "theirs.toml"
        ours.write_text(CHECKS.format(refusal=422))
        theirs.write_text(CHECKS.format(refusal=400))
        # The calls that could take the token away from the tool are tried without it only.
        own = r"tokens/\{" if with_token else ""
        how = {"examples": examples, "phases": phases}
        await tried(f"{url}/api/v1/openapi.json", f"{url}/api/v1", token, config=ours, out_of=own, **how)
        await tried(str(workspace), f"{url}/togai", token, config=theirs, **how)
        assert "failed by a defect" not in server.output


def described(folder: Path) -> JSONObject:
    """A description of the workspace's dialect, generated from its rules."""
    hub = build(Settings(data_dir=folder / "unused"), own_url="http://127.0.0.1")
    paths: JSONObject = {}
    for rule in [*directory.rules(hub.billing), *plans.rules(hub.billing), *money.rules(hub.billing)]:
        paths.setdefault(rule.path, {})[rule.method.lower()] = operation(rule)
    return {
        "openapi": "3.0.3",
        "info": {"title": "Workspace", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def operation(rule: Rule) -> JSONObject:
    """One call: its parameters, any JSON object as its body, and its answers."""
    message = {
        "type": "object",
        "required": ["message"],
        "properties": {"message": {"type": "string", "maxLength": 500}},
    }
    kinds = {"application/json": {"schema": message}}
    responses: JSONObject = {
        str(rule.status): {"description": "Done", "content": {"application/json": {"schema": {}}}},
        **{str(status): {"description": "Refused", "content": kinds} for status in REFUSALS},
    }
    responses["400"] = {"description": "Refused", "content": {**kinds, "text/plain": {"schema": {"type": "string"}}}}
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)", rule.path)
    ]
    paging = [
        {"name": name, "in": "query", "schema": {"type": "string"}} for name in ("pageSize", "nextToken", "status")
    ]
    body = {} if rule.method in ("GET", "DELETE") else {
        "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}
    }  # fmt: skip
    parameters = [*named, *(paging if rule.method == "GET" else [])]
    return {"parameters": parameters, "responses": responses, "security": [{"token": []}], **body}


@pytest.mark.timeout(240)
async def test_every_answer_is_as_described(tmp_path: Path) -> None:
    await everything(tmp_path, examples=1, phases=SHORT, with_token=True)


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("with_token", [True, False], ids=["with a token", "without one"])
async def test_every_answer_of_a_longer_search_is_as_described(tmp_path: Path, with_token: bool) -> None:  # noqa: FBT001 - a case of the test
    await everything(tmp_path, examples=2, with_token=with_token)


@pytest.mark.fuzz
@pytest.mark.parametrize("with_token", [True, False], ids=["with a token", "without one"])
async def test_every_answer_is_as_described_at_length(tmp_path: Path, with_token: bool) -> None:  # noqa: FBT001 - a case of the test
    await everything(tmp_path, examples=200, with_token=with_token)
