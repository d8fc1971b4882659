from __future__ import annotations

from copy import deepcopy

from mainstay.http.problems.openapi import add_problems

OPERATION = {"responses": {"200": {"description": "fine"}}}


def described(path: str = "/a/", method: str = "get", **more) -> dict:
    operation = deepcopy(OPERATION) | more
    result = add_problems({"paths": {path: {method: operation, "parameters": []}}}, None, None, True)
    assert result["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status"]
    responses = result["paths"][path][method]["responses"]
    for status, response in responses.items():
        if status >= "4":
            assert list(response["content"]) == ["application/problem+json"]
    return responses


def test_what_every_operation_can_answer():
    assert list(described()) == ["200", "429", "503"]
    assert "Retry-After" in described()["503"]["headers"]


def test_input_can_be_wrong():
    assert "400" in described(requestBody={})
    assert "400" in described(parameters=[{"name": "q"}])
    assert "400" not in described()


def test_only_what_needs_credentials_refuses_them():
    assert {"401", "403"} <= set(described(security=[{"bearer": []}]))
    assert not {"401", "403"} & set(described(security=[{}]))


def test_paths_with_a_name_may_lead_nowhere_and_changes_may_collide():
    assert "404" in described("/a/{id}/")
    assert "409" in described(method="post")


def test_what_a_project_said_itself_stays():
    responses = described(responses={"409": {"description": "taken"}, "503": {"description": "bank"}})
    assert responses["409"]["description"] == "taken"
    assert responses["503"]["description"] == "bank"
