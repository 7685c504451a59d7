"""The life of a machine: the table's two rules, and that it leaves no machine stranded."""

from itertools import product

import pytest

from bmprov.lifecycle import COURSES, NEXT, Event, IllegalEvent, Kind, State, advance, diagram


@pytest.mark.parametrize(("state", "event"), sorted(set(product(State, Event)) - set(NEXT)))
def test_an_event_that_the_table_does_not_know_raises(state: State, event: Event) -> None:
    """What is not in the table cannot happen, and the error says what can."""
    with pytest.raises(IllegalEvent, match="what it can take") as caught:
        advance(state, event)
    assert caught.value.state is state


def test_every_state_leads_back_to_available() -> None:
    """No machine is ever where no sequence of events brings it back into the pool."""
    good = {State.AVAILABLE}
    while True:
        more = {state for (state, _), after in NEXT.items() if after in good} - good
        if not more:
            break
        good |= more
    assert good == set(State)


def test_every_state_can_be_reached() -> None:
    """No state of the table is dead."""
    reached = {State.ENROLLED}
    for _ in State:
        reached |= {after for (state, _), after in NEXT.items() if state in reached}
    assert reached == set(State)


@pytest.mark.parametrize("kind", [kind for kind, course in COURSES.items() if course.begin])
def test_every_operation_can_end_from_wherever_it_begins(kind: Kind) -> None:
    """Failing and cancelling are possible as soon as an operation has begun: the machine is never nowhere."""
    course = COURSES[kind]
    begun = {after for (_, event), after in NEXT.items() if event is course.begin}
    for state in begun:
        assert course.fail is not None
        assert course.cancel is not None
        advance(state, course.fail)
        advance(state, course.cancel)


def test_the_diagram_shows_every_transition() -> None:
    """The picture in the documentation is the table."""
    drawn = diagram()
    assert drawn.startswith("stateDiagram-v2")
    assert drawn.count("-->") == len(NEXT) + 1
    assert "available --> reserved: reserve" in drawn
