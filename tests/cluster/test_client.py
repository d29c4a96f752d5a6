"""The client: rows go to the replicas of their agents, come back in order, and survive replicas that do not answer."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from intent_adapters.cluster import ClusterClient
from intent_adapters.errors import ConfigError, RequestError, TextError
from tests.support.replicas import FakeReplica, agents_of, fake_replicas

UNAVAILABLE = (503, {}, b'{"error": {"code": "stopping", "message": "The server ends.", "request_id": "1"}}')
OVERLOADED = (429, {"Retry-After": "0"}, b'{"error": {"code": "overloaded", "message": "Later.", "request_id": "1"}}')
INVALID = (422, {}, b'{"error": {"code": "invalid_request", "message": "No.", "request_id": "1"}}')


@pytest.fixture
def replicas():
    with fake_replicas(3) as started:
        yield started


@pytest.fixture
def client(replicas: list[FakeReplica]):
    with ClusterClient([replica.address for replica in replicas], attempts=4) as started:
        yield started


def test_rows_go_to_the_replicas_of_their_agents_and_come_back_in_order(replicas, client):
    agents = [agents_of(replica, replicas, 2)[number] for number in (0, 1) for replica in replicas] * 2
    texts = [f"text {number}" for number in range(len(agents))]
    answers = client.predict(texts, agents)
    assert [(answer.agent, answer.version) for answer in answers] == list(zip(agents, texts, strict=True))
    assert [answer.label for answer in answers] == [replica.address for replica in replicas] * 4
    assert [len(replica.asked) for replica in replicas] == [1, 1, 1]


def test_one_text_gives_one_prediction(replicas, client):
    [agent] = agents_of(replicas[1], replicas, 1)
    answer = client.predict("예약 취소", agent)
    assert (answer.agent, answer.label, answer.top_k) == (agent, replicas[1].address, ((replicas[1].address, 0.9),))
    assert client.predict([], agent) == []


@pytest.mark.parametrize(
    "failure", [UNAVAILABLE, OVERLOADED, (502, {}, b"<html>"), (200, {}, b"[]"), (200, {}, b'{"predictions": []}')]
)
def test_where_a_replica_cannot_answer_the_next_one_does(replicas, client, failure):
    [agent] = agents_of(replicas[0], replicas, 1)
    replicas[0].failing = [failure]
    answer = client.predict("hello", agent)
    assert answer.label in (replicas[1].address, replicas[2].address)


def test_where_a_replica_is_gone_the_others_take_its_agents_and_it_is_left_alone_for_a_while(replicas, client):
    first, second = agents_of(replicas[0], replicas, 2)
    replicas[0].stop()
    others = {replicas[1].address, replicas[2].address}
    assert {answer.label for answer in client.predict(["a", "b"], [first, second])} <= others
    started = time.monotonic()
    for _ in range(20):
        client.predict("c", first)
    assert time.monotonic() - started < 1


def test_an_agent_that_a_replica_cannot_read_is_asked_of_another_and_one_that_is_unknown_is_not(replicas, client):
    damaged, unknown, fine = agents_of(replicas[0], replicas, 3)
    replicas[0].row_errors = {damaged: "agent_unavailable", unknown: "unknown_agent"}
    answers = client.predict(["a", "b", "c"], [damaged, unknown, fine], errors="return")
    assert [type(answer) for answer in answers] == [type(answers[2]), RequestError, type(answers[2])]
    assert answers[0].label != replicas[0].address and answers[2].label == replicas[0].address
    assert (answers[1].status, answers[1].code) == (404, "unknown_agent")
    assert sum(len(replica.asked) for replica in replicas) == 2
    with pytest.raises(RequestError, match="unknown_agent"):
        client.predict(["b", "c"], [unknown, fine])


def test_what_no_replica_answers_is_an_error_after_so_many_attempts(replicas, client):
    for replica in replicas:
        replica.failing = [OVERLOADED] * 10
    with pytest.raises(RequestError, match="Later") as caught:
        client.predict("hello", "agent")
    assert caught.value.status == 429
    assert sum(len(replica.asked) for replica in replicas) == 4


def test_a_request_that_is_wrong_is_not_sent_again(replicas, client):
    for replica in replicas:
        replica.failing = [INVALID]
    answers = client.predict(["a", "b"], "agent", errors="return")
    assert [(answer.status, answer.code) for answer in answers] == [(422, "invalid_request")] * 2
    assert sum(len(replica.asked) for replica in replicas) == 1


def test_where_all_are_gone_the_error_says_so(replicas, client):
    for replica in replicas:
        replica.stop()
    with pytest.raises(RequestError, match="No replica answered") as caught:
        client.predict("hello", "agent")
    assert (caught.value.status, caught.value.code) == (503, "unreachable")


def test_a_connection_that_was_closed_meanwhile_is_made_anew(replicas, client):
    [agent] = agents_of(replicas[2], replicas, 1)
    replicas[2].hangs_up = True
    for number in range(3):
        answer = client.predict(f"{number}", agent)
        assert (answer.label, answer.version) == (replicas[2].address, f"{number}")
        time.sleep(0.02)


def test_too_much_for_one_replica_goes_to_the_next(replicas, client):
    [agent] = agents_of(replicas[0], replicas, 1)
    for replica in replicas:
        replica.seconds = 0.5
    threads = [threading.Thread(target=client.predict, args=(f"{number}", agent)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [len(replica.asked) for replica in replicas]
    assert sum(counts) == 30 and counts[0] == max(counts) < 30


def test_what_cannot_be_asked_is_an_error_of_its_row_and_is_not_sent(replicas, client):
    [agent] = agents_of(replicas[0], replicas, 1)
    answers = client.predict(["", "b"], agent, errors="return")
    assert isinstance(answers[0], TextError) and answers[1].version == "b"
    assert replicas[0].asked == [[{"text": "b", "agent": agent}]]
    with pytest.raises(TextError):
        client.predict("", agent)
    with pytest.raises(ConfigError):
        client.predict(["a", "b"], ["one"])


def test_the_file_of_replicas_is_read_again(replicas, tmp_path: Path):
    file = tmp_path / "replicas.json"

    def write(*which: FakeReplica) -> None:
        file.write_text(json.dumps({"replicas": [{"address": each.address} for each in which]}), encoding="utf-8")

    write(replicas[0])
    with ClusterClient(file, refresh_seconds=60, token="a-token-for-all-agents") as client:
        assert client.predict("a", "agent").label == replicas[0].address
        assert replicas[0].headers[0]["Authorization"] == "Bearer a-token-for-all-agents"
        replicas[0].stop()
        write(replicas[1])
        replicas[0].failing = [UNAVAILABLE] * 9  # over the connection that is still open
        assert client.predict("b", "agent").label == replicas[1].address
        assert client.replicas == (replicas[1].address,)


def test_a_list_that_cannot_be_had_is_an_error_at_first_and_keeps_the_former_one_later(replicas, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nowhere\.json"):
        ClusterClient(tmp_path / "nowhere.json")
    with pytest.raises(ConfigError, match="empty"):
        ClusterClient([])
    lists = [[replicas[0].address]]
    with ClusterClient(lambda: lists.pop(), refresh_seconds=0.001) as client:
        time.sleep(0.01)
        with pytest.raises(IndexError):
            lists.pop()
        assert client.predict("a", "agent").label == replicas[0].address
