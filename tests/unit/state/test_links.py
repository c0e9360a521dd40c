from factory import boot, isolation, quiet_start, spans, view

from pveforensics.state.trackers import links


def test_link_is_down_from_down_to_up():
    found = links.track(view(isolation(3)))
    assert [(s, e) for s, e, _ in spans(found, "link:alpha/gamma/0", "down")] == [(101.3, 142)]
    assert [(s, e) for s, e, _ in spans(found, "link:gamma/beta/0", "down")] == [(101, 142)]
    assert len(found) == 4


def test_no_active_links_while_corosync_starts_is_no_outage():
    assert links.track(view({"alpha": quiet_start(1)})) == ()


def test_no_active_links_later_is_one_even_after_is_up():
    log = [*quiet_start(1), (100, "up 2 0"), (100, "alone 2"), (130, "up 2 0")]
    [(start, end, fields)] = spans(links.track(view({"alpha": log})), "link:alpha/beta/*", "down")
    assert (start, end, fields["last_link"]) == (100, 130, "yes")


def test_outage_ends_with_the_reporters_own_stop_and_its_echo_opens_none():
    log = [*quiet_start(1), (50, "down 2 0"), (60, "announced 1"), (61, "alone 3"), (61, "down 3 0"), (62, "stopped")]
    found = links.track(view({"alpha": log}))
    assert [(i.subject, e) for i in found for _, e, _ in spans([i], i.subject, "down")] == [("link:alpha/beta/0", 60)]


def test_outage_ends_with_the_boot():
    log = [*quiet_start(1), (50, "down 2 0"), (200, "started"), (203, "up 2 0")]
    found = links.track(view({"alpha": log}, boots=[boot("alpha", 0, 90, "unclean", 190), boot("alpha", 190, None, "open")]))
    assert [(s, e) for s, e, _ in spans(found, "link:alpha/beta/0", "down")] == [(50, 90)]


def test_unhealed_outage_stays_open():
    assert spans(links.track(view({"alpha": [*quiet_start(1), (50, "down 2 1")]})), "link:alpha/beta/1", "down")[0][1] is None


def test_redundant_link():
    log = [*quiet_start(1), (4, "up 2 1"), (50, "down 2 0"), (55, "up 2 0")]
    assert spans(links.track(view({"alpha": log})), "link:alpha/beta/0", "down")[0][2]["last_link"] == ""


def test_excerpt_of_a_start_whose_first_line_is_missing():
    assert links.track(view({"alpha": [(0, "provider"), (0, "alone 2"), (0, "alone 3")]})) == ()
    boots = [boot("alpha", -60, None, "open")]
    assert links.track(view({"alpha": [(0, "alone 2"), (0, "alone 3")]}, boots=boots)) == ()
