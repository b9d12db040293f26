"""The charts and tables of the page as data: curves, stages, layout, fairness, ledger."""

import pytest

from nasjax.report.curves import curves_table, curves_view, thin_line, warnings_view
from nasjax.report.fairness import fairness_view, gap, verdict
from nasjax.report.layout import arrange, in_lanes
from nasjax.report.ledger import ledger_notes, ledger_table, read_ledger
from nasjax.report.phases import colour_of, phase_label
from nasjax.report.run import load_run
from nasjax.report.stages import stages_view
from nasjax.report.usage import usage_view
from tests.report.folders import run_with, system
from tests.report.make_run import STAGES, make_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run without pictures."""
    return load_run(make_run(tmp_path_factory.mktemp("parts"), num_pictures=0), now=0.0)


def test_phases_that_belong_together_share_a_chart(whole):
    """Supernets first, then single networks, then searches; the table says where each line begins and ends."""
    curves = curves_view(whole)
    loss, single, score = curves[:3]
    assert [line.label for line in loss.lines] == list(STAGES) and loss.noisy
    assert [line.label for line in single.lines][::2] == ["Finalist 1, training 1", "Rival, hand-made, training 1"]
    assert (score.title, score.shown.unit, score.noisy) == ("Single networks: Y-PSNR", "dB", False)
    assert [curve.title.partition(":")[0] for curve in curves[3:]] == ["Search", "Search"]
    assert len(curves_table(curves).rows) == sum(len(curve.lines) for curve in curves)


def test_lines_are_thinned_by_means():
    """1000 points become at most 241; each is a mean, the last value is kept as it is."""
    line = [(float(i), float(i % 2)) for i in range(1000)]
    thinned = thin_line(line)
    assert len(thinned) <= 241 and thinned[-1] == line[-1]
    assert all(abs(y - 0.5) <= 0.101 for _, y in thinned[:-1])


def test_phases_are_named_for_readers():
    """Stages, confirmations, finalists and rivals with their seeds, and whatever else a chain runs."""
    assert phase_label("supernet/path") == "Supernet, path" and phase_label("evaluate") == "Evaluate"
    assert phase_label("confirm/path-1") == "Confirmation, path, network 2"
    assert phase_label("finalist/1-0") == "Finalist 2, training 1" and phase_label("finalist/x") == "Finalist, x"
    assert phase_label("rival/hand-made-2") == "Rival, hand-made, training 3"


def test_stages_have_a_colour_each(whole):
    """As many colours as stages; what is no stage comes after them."""
    assert [colour_of(whole, name) for name in (*STAGES, "?")] == ["c0", "c1", "c2", "c3"]


def test_lanes_nest_and_never_meet():
    """Edges into one block nest, the longest outside; edges that only touch share a lane."""
    spans = [(0, 5, "long"), (2, 5, "long"), (4, 6, "long"), (5, 7, "long")]
    lanes = {(a.start, a.end): a.lane for a in in_lanes(spans)}
    assert lanes[0, 5] > lanes[2, 5]
    assert lanes[4, 6] != lanes[2, 5] and lanes[4, 6] != lanes[0, 5] and lanes[5, 7] != lanes[4, 6]
    assert {a.lane for a in in_lanes([(0, 2, "long"), (2, 4, "long")])} == {0}


def test_layout_orders_nodes_by_their_edges():
    """Nodes listed in the wrong order are drawn in the order of their edges; unknown ends and cycles do no harm."""
    nodes = [{"id": name, "label": name} for name in ("c", "a", "b")]
    edges = [["a", "b", "main"], ["b", "c", "main"], ["a", "c", "long"], ["a", "nowhere", "main"], ["c", "a", "main"]]
    layout = arrange({"nodes": nodes, "edges": edges[:4]})
    assert [node["id"] for node in layout.nodes] == ["a", "b", "c"]
    assert layout.straight == [0, 1] and [(a.start, a.end, a.kind) for a in layout.left] == [(0, 2, "long")]
    assert len(arrange({"nodes": nodes, "edges": edges}).nodes) == 3


def test_fairness_is_judged_by_the_counts(tmp_path):
    """Equal counts are called strictly fair; one more training of one option is not, whatever the run reports."""
    counts = {"b1": {"res": 600, "sep3": 600}, "b2": {"res": 600, "sep3": 600}}
    stage = {"stage": "operator", "counts": counts, "gap": 0}
    assert verdict(fairness_view(run_with(tmp_path, {"fairness": {"stages": [stage]}}))).good is True
    counts["b2"]["res"] = 637
    unfair = fairness_view(run_with(tmp_path, {"fairness": {"stages": [stage]}}))
    assert verdict(unfair).good is False and "operator by 37" in verdict(unfair).sentence
    assert "the run reported 0" in unfair[0].facts and gap({"res": 637.0, "sep3": 600.0}) == 37
    assert verdict(fairness_view(run_with(tmp_path, {"fairness": {"stages": [{"stage": "x"}]}}))).good is None


def test_ledger_counts_programs_steps_and_generations(tmp_path):
    """Programs are added up; generations of a search are no steps of training; what is outside of phases is said."""
    rows = [
        {"phase": "supernet/path", "wall_s": 10, "compile_s": 4, "compiles": 36, "steps": 400},
        {"phase": "search/path", "wall_s": 30, "compile_s": 60, "compiles": 1, "steps": 6},
    ]
    run = run_with(tmp_path, {"ledger": rows, "results": {"version": 2, "seconds": 45}}, archive=[{"arch": "x"}])
    entries = read_ledger(run)
    assert [entry.compile for entry in entries] == [4, 30]  # never more than the phase itself
    cells = [[cell.text.replace("\xa0", " ") for cell in row] for row in ledger_table(entries).rows]
    assert [row[2:5] + row[6:] for row in cells] == [
        ["25 %", "4.0 s", "36", "400"],
        ["75 %", "30.0 s", "1", "6 gen."],
        ["", "34.0 s", "37", "400"],
    ]
    notes = " ".join(ledger_notes(run, entries)).replace("\xa0", " ")
    assert "5.0 s of the run are outside" in notes and "1 candidate were scored on 1 trained supernet." in notes


def test_stages_mark_what_was_kept(tmp_path):
    """Each choice has one mark in the column of the option that was kept; an undecided choice has words instead."""
    free = {"b1": ["res", "sep3", "rep"], "b2": ["res", "sep3", "rep"], "b3": ["res", "sep3", "rep"], "t": ["1", "2"]}
    stage = {"stage": "operator", "free": free, "decided": {"b1": "sep3", "b2": "res", "t": "2"}}
    stage |= {
        "size_before": 54,
        "size_after": 2,
        "stands_for": {name: {"res": ["res", "rep"]} for name in ("b1", "b2")},
    }
    (found,) = stages_view(run_with(tmp_path, {"stages": [stage]}))
    assert [pick.kept for pick in found.matrices[0].picks[:2]] == [[False, True, False], [True, False, False]]
    assert found.matrices[0].picks[2].words == "not used" and found.lists[0].picks[0].kept == [False, True]
    assert [size.base for size in found.sizes] == ["54", "2"]
    assert found.notes == ["res stands here for res, rep; which of them, a later stage decides."]


@pytest.mark.parametrize(("way", "best"), [("higher", 0), ("lower", 1)])
def test_a_stage_shows_what_was_trained_alone(tmp_path, way, best):
    """What decides, from the archive before and from the network alone after training; the better one is set off."""
    files = {"system": system(("q", way, 2), ("total", "lower", 2)), "stages": [{"stage": "path"}, {"stage": "later"}]}
    alone = [("x", 3.0, ["b=1"]), ("y", 2.0, ["b=2", "c=1"])]
    files["confirmed"] = [
        {"stage": "path", "arch": arch, "options": options, "inherited": -9, "total": -8, "values": {"q": value}}
        for arch, value, options in alone
    ]
    archive = [{"stage": "path", "arch": arch, "q": q} for arch, q in (("x", 1.0), ("y", 1.5))]
    first, later = stages_view(run_with(tmp_path, files, archive=archive))
    cells = [[cell.text for cell in row] for row in first.confirmed.rows]
    assert cells == [["1: b=1", "1.00", "3.00"], ["2: b=2, c=1", "1.50", "2.00"]] and later.confirmed is None
    assert [row[2].strong for row in first.confirmed.rows] == [best == 0, best == 1]


def test_usage_needs_an_export_and_fits_the_network(tmp_path):
    """Without a bundle there is no such section; Python is shown for networks of one picture, with its channels."""
    folder = make_run(tmp_path, num_pictures=0)
    found = usage_view(load_run(folder))
    assert found.snippets[0][1] == "nasjax apply export in.png out.png" and len(found.snippets) == 3
    assert 'convert("RGB")' in found.snippets[2][1] and "1.9e−6" in [
        cell.text for row in found.files.rows for cell in row
    ]
    (folder / "export" / "card.json").write_text('{"colour_order": "1 channels"}')
    assert 'convert("L")' in usage_view(load_run(folder)).snippets[2][1]
    results = '{"version": 2, "use": "nasjax stylize a b c --network export"}'
    (folder / "results.json").write_text(results)
    assert [source for _, source in usage_view(load_run(folder)).snippets] == ["nasjax stylize a b c --network export"]
    for file in (folder / "export").iterdir():
        file.unlink()
    assert usage_view(load_run(folder)) is None


def test_warnings_of_trainings_are_shown_once(tmp_path):
    """By their phase, in order; they are no points of a curve."""
    warning = {"phase": "supernet/path", "step": 2, "warning": "discriminator is blind since step 1: raise its lr"}
    lines = [{"phase": "supernet/path", "step": i, "loss": 1.0 / i} for i in (1, 2, 3)] + [warning, warning]
    run = run_with(tmp_path, {}, metrics=lines)
    (said,) = warnings_view(run)
    assert said.endswith("discriminator is blind since step 1: raise its lr") and "path" in said.lower()
    assert [len(line.points) for curve in curves_view(run) for line in curve.lines] == [3]
