"""Messages between processes."""

from typing import Any

import pytest

from proxy.workers.channel import Channel, Message

SENT = b'{"a":1}\n{"b":[2]}\n{"c":"x"}\n'


@pytest.mark.parametrize("cut", range(len(SENT) + 1))
def test_a_read_may_end_anywhere(cut: int) -> None:
    """Whole lines are handed on, in order, each once."""
    heard: list[Message] = []
    channel = Channel(heard.append, lambda: None)
    channel.data_received(SENT[:cut])
    channel.data_received(SENT[cut:])
    assert heard == [{"a": 1}, {"b": [2]}, {"c": "x"}]


def test_nobody_hears_what_is_said_to_the_dead() -> None:
    """Before it is connected and after the other end has gone `send` says so."""
    ends: list[Any] = []
    channel = Channel(ends.append, lambda: ends.append("lost"))
    assert not channel.send({})
    channel.connection_lost(None)
    assert ends == ["lost"]
    assert not channel.send({})
