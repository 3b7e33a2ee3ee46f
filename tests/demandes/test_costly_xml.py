"""XML that costs more than it says is refused at once."""

import time

import pytest

from bench.deliveries import delivery, record
from demandes.documents import xml_reader
from tests.factories import NOW

GOOD = "".join(delivery(iter([record(1, NOW)]), NOW))


def declarations(count):
    return "".join(f' xmlns:p{rank}="u:{rank}"' for rank in range(count))


def forty(change):
    return change("".join(delivery((record(rank, NOW) for rank in range(1, 41)), NOW)))


COSTLY = {
    "prefixes on the root": forty(
        lambda text: text.replace(' version="1.0" emis', declarations(20_000) + ' version="1.0" emis')
    ),
    "prefixes on a record": forty(lambda text: text.replace("<demande ", f"<demande{declarations(20_000)} ", 1)),
    "prefixes on a child": forty(lambda text: text.replace("<nom>", f"<nom{declarations(100_000)}>", 1)),
    "prefixes on an unknown child": forty(
        lambda text: text.replace("  <demande ", f"<x{declarations(20_000)}/>  <demande ", 1)
    ),
    "one over the limit": GOOD.replace("<nom>", f"<nom{declarations(21)}>"),
    "a namespace of five megabytes": forty(
        lambda text: text.replace(' version="1.0" emis', f' xmlns:p="{"u" * 5_000_000}" version="1.0" emis')
    ),
}


@pytest.mark.rule("ING-2.b")
@pytest.mark.parametrize("kind", COSTLY)
def test_declarations_without_measure_are_refused_at_once(kind, tmp_path):
    path = tmp_path / "l.xml"
    path.write_text(COSTLY[kind])
    began = time.process_time()
    with pytest.raises(xml_reader.Unreadable, match="espaces de noms"):
        next(xml_reader.records(path))
    assert time.process_time() - began < 2


@pytest.mark.rule("ING-2.b")
def test_a_few_declarations_are_read(tmp_path):
    path = tmp_path / "l.xml"
    path.write_text(
        GOOD.replace(' version="1.0" emis', declarations(19) + ' version="1.0" emis').replace(
            "<nom>", f"<nom{declarations(20)}>"
        )
    )
    assert [lue.motif for lue in xml_reader.records(path)] == [None]
