"""Lines of keys."""

from __future__ import annotations

from mainstay.ops.topology.lines import find_line, key_lines

TEXT = '''\
# a comment
[service.web]   # another
routes = [
  "/",  # [not.a.header]
  "/api/",
]
processes.worker = 1
env = { A = "x", "B c" = "y" }
note = """
[service.fake]
replicas = 3
"""
replicas = 2

[edge]
port = 8000\r
host = "x"
'''


def test_every_key_has_the_line_on_which_it_begins() -> None:
    lines = key_lines(TEXT)

    assert lines["service.web"] == 2
    assert lines["service.web.routes"] == 3
    assert lines["service.web.processes.worker"] == 7
    assert lines['service.web.env."B c"'] == 8
    assert lines["service.web.replicas"] == 13
    assert lines["edge.host"] == 17
    assert "service.fake" not in lines


def test_what_is_not_written_stands_where_its_table_does() -> None:
    lines = key_lines(TEXT)

    assert find_line(lines, "service.web.routes[1]") == 3
    assert find_line(lines, "service.web.settings") == 2
    assert find_line(lines, "timeouts.edge") is None


ARRAYS = """\
[[prove.claim]]
name = "first"
[[prove.claim.faults]]
fault = "kill"
[[prove.claim.faults]]
fault = "pause"
settings.deep = true

[[prove.claim]]
name = "second"
[[prove.claim.faults]]
[prove.claim.faults.settings]
jitter = 3
"""


def test_the_elements_of_an_array_of_tables_are_numbered() -> None:
    lines = key_lines(ARRAYS)

    assert lines["prove.claim"] == lines["prove.claim[0]"] == 1
    assert lines["prove.claim[0].name"] == 2
    assert lines["prove.claim[0].faults[0].fault"] == 4
    assert lines["prove.claim[0].faults[1]"] == 5
    assert lines["prove.claim[0].faults[1].settings.deep"] == 7
    assert lines["prove.claim[1].name"] == 10
    assert lines["prove.claim[1].faults[0].settings.jitter"] == 13
    assert find_line(lines, "prove.claim[1].faults[0].target") == 11
    assert find_line(lines, "prove.claim[1].holds[2]") == 9


def test_a_value_of_endless_lines_is_given_up_on() -> None:
    text = "a = 1\nb = [\n" + "1,\n" * 5000 + "]\nc = 1\n"

    assert key_lines(text) == {"a": 1}
