"""The parts of the page as data, against figures that can be computed by hand."""

import pytest

from nasjax.report.candidates import candidates_view
from nasjax.report.chance import compared, difference
from nasjax.report.curves import curves_table, curves_view, thin_line, warnings_view
from nasjax.report.fairness import fairness_view, gap, verdict
from nasjax.report.front import archive_measures, is_outlier, pareto_front, thin, view_of, views
from nasjax.report.headline import headline
from nasjax.report.layout import arrange, in_lanes
from nasjax.report.ledger import ledger_notes, ledger_table, read_ledger
from nasjax.report.marks import budget_limits, marks
from nasjax.report.measures import Measure, inline, write
from nasjax.report.phases import colour_of, phase_label
from nasjax.report.results import results_view
from nasjax.report.run import Row, load_run
from nasjax.report.stages import size_of, stages_view
from nasjax.report.units import count, seconds, signed
from nasjax.report.usage import usage_view
from nasjax.report.values import number
from tests.report.folders import run_with, system, table
from tests.report.make_run import STAGES, make_run

COST, SCORE, ERROR = (
    Measure("params", "Parameters", better="lower"),
    Measure("s", "S", better="higher"),
    Measure("e", "E"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run without pictures."""
    return load_run(make_run(tmp_path_factory.mktemp("parts"), num_pictures=0), now=0.0)


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (999, "999"), (1000, "1.00 K"), (25934, "25.9 K"), (999_600, "1.00 M"), (3.56e9, "3.56 G"), (None, "–")],
)
def test_counts_have_three_digits(value, written):
    """Counts are written with three digits and a letter, also where rounding reaches the next letter."""
    assert count(value).replace("\xa0", " ") == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.1234, "123 ms"),
        (8.26, "8.3 s"),
        (59.97, "1 min"),
        (252, "4 min 12 s"),
        (11100, "3 h 5 min"),
        (2e5, "2 d 8 h"),
    ],
)
def test_durations_have_two_units(value, written):
    """Durations show the two units that matter; 59.97 s is not written as 60.0 s."""
    assert seconds(value).replace("\xa0", " ") == written


def test_differences_have_a_sign():
    """A gain has a plus, a loss a true minus sign, and what rounds to nothing neither."""
    assert [signed(v, 2) for v in (1.345, -0.2, 0.001)] == ["+1.34", "\u22120.20", "±0.00"]


@pytest.mark.parametrize("value", [True, None, "x", [], {}, float("nan"), "inf", 1e31, 10**400, "1" * 5000])
def test_what_is_no_quantity_is_no_number(value):
    """Booleans, texts, and figures that are not finite or absurdly large are treated as missing."""
    assert number(value) is None


def test_measures_write_their_unit_and_digits():
    """A score has its digits, a count its letter; in a sentence only abbreviations keep their capitals."""
    psnr, error = Measure("p", "Y-PSNR", "dB", 2), Measure("e", "Edge error", digits=3)
    assert (write(psnr, 28.666), write(COST, 25934), write(error, None)) == ("28.67\xa0dB", "25.9\xa0K", "–")
    assert (inline(psnr), inline(error)) == ("Y-PSNR", "edge error")


def test_sizes_are_powers_of_ten():
    """501595750040125504 = 10^17.70; a number of 5001 digits is 10^5000; small ones are written in full."""
    assert size_of("501595750040125504") == ("10", "17.7") and size_of("1" + "0" * 5000) == ("10", "5000.0")
    assert (size_of("4096").base, size_of(1).base, size_of("many").base) == ("4\u202f096", "1", "–")


def tried(*rows, feasible=True):
    """Candidates from (params, s, e)."""
    return [dict(zip(("params", "s", "e"), row, strict=False)) | {"feasible": feasible} for row in rows]


def test_front_holds_what_nothing_beats():
    """Of (cost, score) 1:1, 2:3, 2:2, 3:3, 4:5 the front is 1:1, 2:3, 4:5; an infeasible 1:9 is not on it."""
    rows = [*tried((1, 1), (2, 3), (2, 2), (3, 3), (4, 5)), *tried((1, 9), feasible=False)]
    assert [(row["params"], row["s"]) for row in pareto_front(rows, COST, SCORE)] == [(1, 1), (2, 3), (4, 5)]


def test_front_follows_the_directions_of_both_measures():
    """Of (score, error) 1:1, 2:3, 3:2, 4:4 none beats 1:1, 3:2 and 4:4 where a high score and a low error are good."""
    rows = [{"s": s, "e": e} for s, e in ((1, 1), (2, 3), (3, 2), (4, 4))]
    found = pareto_front(rows, SCORE, ERROR._replace(better="lower"))
    assert [(row["s"], row["e"]) for row in found] == [(1, 1), (3, 2), (4, 4)]


def test_outliers_are_tukeys(tmp_path):
    """Quartiles of 1..11 are 3 and 9: below 3 - 9 = -6, or for an error above 9 + 9 = 18, lies an outlier."""
    rows = [{"params": 1, "s": i, "e": i} for i in range(1, 12)]
    run = run_with(tmp_path, {"system": system(("s", "higher", 2), ("e", "lower", 2))}, archive=rows)
    far = [is_outlier(view_of(run, "params", name)) for name in ("s", "e")]
    assert [far[0](v) for v in (-6.1, -5.9, 99)] == [True, False, False]
    assert [far[1](v) for v in (18.1, 17.9, -99)] == [True, False, False]


def test_views_begin_with_what_decides(tmp_path):
    """What decides against the first cost of the search, then other costs, then the objectives against one another."""
    rows = [{"macs": 3, "params": 2, "s": 1, "e": 1, "other": 5}]
    described = system(("s", "higher", 2), ("e", "lower", 2), ("other", "lower", 2), objectives=("s", "e", "macs"))
    run = run_with(tmp_path, {"system": described}, archive=rows)
    pairs = [(view.y.name, view.x.name) for view in views(run)]
    assert pairs == [("s", "macs"), ("s", "params"), ("e", "macs"), ("e", "params"), ("s", "e")]
    # The relative cost is that of the config, in its own unit.
    files = {"system": described | {"objectives": ["s", "cost"]}, "config": {"cost": "params"}}
    pairs = [(view.y.name, view.x.name) for view in views(run_with(tmp_path, files))]
    assert pairs == [("s", "params"), ("s", "macs")]


def test_thinning_keeps_the_front():
    """Of 1000 candidates about 100 are drawn, among them all that must be."""
    rows = tried(*((i + 1, 0) for i in range(1000)))
    kept = thin(rows, rows[997:999], most=100)
    assert 100 <= len(kept) <= 102 and kept[-2:] == rows[997:999]


def test_budgets_are_read_from_text(tmp_path):
    """Absolute bounds are numbers with K, M or G; a relative one has no place on the axis."""
    run = run_with(tmp_path, {"config": {"budget": ["params<=60K", "macs <= 4.5G@1280x720", "activations<=40%"]}})
    assert budget_limits(run) == {"params": 60e3, "macs": 4.5e9}


def test_archive_measures_are_scores_and_costs(whole):
    """Bookkeeping of the search (violation, objectives) is neither."""
    assert archive_measures(whole) == (["psnr_y"], ["params", "macs", "activations", "bytes"])
    assert len(whole.candidates) == 181 and whole.stage_names == STAGES


def test_marks_are_networks_scored_as_candidates_are(whole):
    """`search_score` places the networks of the table; the one without parameters is a level; the found one is there
    twice, as it was searched and trained alone."""
    placed = [(mark.role, mark.x, mark.y) for mark in marks(whole, views(whole)[0])]
    tuned, made = ("found", 25934.0, 28.95), ("rival", 26403.0, 28.6)
    assert placed == [tuned, made, ("reference", None, 27.9), ("seen", 25934, 28.66)]
    assert "Trained alone, sharing no weights" in candidates_view(whole, views(whole), 181).notes[-1]


def test_networks_of_another_protocol_are_not_drawn(tmp_path):
    """Without a score of the search's protocol a row has no mark, and the page says why; with one protocol it has."""
    rows = table(("found", "found", {"s": 3.0, "params": 5.0}), protocol="test", search_protocol="patches")
    files = {"system": system(("s", "higher", 2)), "results": rows}
    run = run_with(tmp_path, files, archive=[{"stage": "a", "arch": "x", "params": 2, "s": 1}])
    assert marks(run, views(run)[0]) == [] and "another protocol" in candidates_view(run, views(run), 1).notes[-1]
    run = run_with(tmp_path, {"results": rows | {"protocol": "patches; MACs at 8x8"}})
    assert [(mark.name, mark.x) for mark in marks(run, views(run)[0])] == [("found 3.00", 5.0)]


def test_chance_is_the_sum_of_both_spreads():
    """0.3 apart with 0.1 and 0.25 around them says nothing, with 0.1 and 0.15 it does; unknown spreads say neither."""

    def row(value, spread):
        return Row("x", "found", "", "", 2, {"s": value}, {} if spread is None else {"s": spread}, {})

    shown = SCORE._replace(digits=2)
    said = [difference(row(1.3, 0.1), row(1.0, around), shown) for around in (0.25, 0.15)]
    assert [each.says_nothing for each in said] == [True, False] and said[0].better == pytest.approx(0.3)
    assert "less than trainings differ by chance" in compared(said[0], "that") and "chance" not in compared(
        said[1], "that"
    )
    assert difference(row(1.3, None), row(1.0, None), shown).chance is None
    assert difference(row(1.3, None), row(1.0, None), shown._replace(noise=0.4)).says_nothing


def test_a_measure_decides_which_way_is_better(tmp_path):
    """An error of 0.2 against 0.3 is 0.10 better and a score of 27 against 27.5 worse, whatever they are called."""
    for way, ours, theirs, words in (("lower", 0.2, 0.3, "0.10 better"), ("higher", 27.0, 27.5, "0.50 worse")):
        rows = table(("mine", "found", {"q": ours}), ("theirs", "reference", {"q": theirs}))
        head = headline(run_with(tmp_path, {"system": system(("q", way, 2)), "results": rows}))
        assert f"whose q is {ours:.2f}: {words} than theirs." in head.sentence


def test_headline_compares_costs_too(tmp_path):
    """2.73 G against 4.9 G MACs are 44 % fewer, the other way round 79 % more; 1 % is not worth a word."""
    for ours, theirs, words in (
        (2.73e9, 4.9e9, ", with 44\xa0% fewer MACs"),
        (4.9e9, 2.73e9, ", with 79\xa0% more MACs"),
    ):
        rows = table(("a", "found", {"q": 1.0, "macs": ours}), ("b", "rival", {"q": 2.0, "macs": theirs}))
        run = run_with(tmp_path, {"system": system(("q", "lower", 2)) | {"costs_at": "8x8"}, "results": rows})
        assert headline(run).sentence.endswith(f"1.00 better than b{words}.")
        assert headline(run).tiles[1:3] == [("\u22121.00", "against b"), (count(ours), "MACs at 8x8")]
    rows = table(("a", "found", {"q": 1.0, "macs": 100.0}), ("b", "rival", {"q": 2.0, "macs": 101.0}))
    assert headline(run_with(tmp_path, {"results": rows})).sentence.endswith("better than b.")


@pytest.mark.parametrize(
    ("status", "head", "news"),
    [
        ({"state": "running", "phase": "search/path", "updated": 100.0}, "Running: Search, path", "5.0 s ago."),
        ({"state": "running", "phase": "search/path", "updated": -900.0}, "Running", "may have been killed"),
        (
            {"state": "failed", "phase": "finalist/0-1", "message": "loss is NaN"},
            "failed in: Finalist 1, training 2",
            "",
        ),
        ({"state": "stopped", "phase": "evaluate", "updated": -900.0}, "This run was stopped in: Evaluate", "ago."),
    ],
)
def test_a_run_says_how_it_stands(tmp_path, status, head, news):
    """Running with news, running without any for long, failed, and stopped are told apart, the last two for good."""
    run_with(tmp_path, {"status": status})
    standing = headline(load_run(tmp_path, now=105.0)).standing
    assert head in standing.head and news in standing.news.replace("\xa0", " ") and standing.state == status["state"]
    assert standing.message.startswith(status.get("message", ""))
    assert ("goes on from where it was" in standing.message) is (status["state"] != "running")


def test_progress_is_of_the_phase_and_of_the_whole_run(tmp_path):
    """412 of 1200 steps are 34 %; the whole run is at 40 % with 25 minutes left."""
    status = {
        "state": "running",
        "step": 412,
        "steps": 1200,
        "steps_per_s": 21.7,
        "run": {"done": 0.4, "eta_s": 1500.0},
    }
    whole, phase = headline(run_with(tmp_path, {"status": status})).standing.bars
    assert (whole.words.replace("\xa0", " "), whole.share) == ("40 % · 25 min left", 0.4)
    assert "step 412 of 1\u202f200" in phase.words and phase.share == pytest.approx(0.343, abs=1e-3)


def test_counts_of_a_column_share_one_unit(tmp_path):
    """The unit in the head is that of the smallest network, with the size that MACs are counted at; 0 stays 0."""
    rows = table(
        ("a", "found", {"macs": 1_448_755_456}), ("b", "rival", {"macs": 24.9e6}), ("c", "reference", {"macs": 0})
    )
    found = results_view(run_with(tmp_path, {"results": rows, "system": {"costs_at": "640x360"}})).table
    assert (found.columns[1].label, found.columns[1].below) == ("MACs (M) ↓", "at 640x360")
    assert [row[1].text for row in found.rows] == ["1448.76", "24.90", "0"]


def test_best_value_of_each_score_is_marked(tmp_path):
    """The largest S and the smallest E are marked, though they belong to different rows; costs are not."""
    values = ({"s": 28.0, "e": 0.3, "latency_ms": 5.0}, {"s": 27.0, "e": 0.2, "latency_ms": 4.0})
    rows = table(("a", "found", values[0]), ("b", "rival", values[1]))
    files = {"system": system(("s", "higher", 2), ("e", "lower", 4)), "results": rows}
    cells = results_view(run_with(tmp_path, files)).table.rows
    assert [[cell.text for cell in row[1:] if cell.strong] for row in cells] == [["28.00"], ["0.2000"]]


def test_the_table_is_honest_about_seeds(whole):
    """Means have their spread; that single trainings say little is said; what scores mean stands below."""
    found = results_view(whole)
    assert found.table.rows[0][1].text == "28.87\xa0±\xa00.03"
    assert "single trainings" in " ".join(found.notes) and "params<=30K" in " ".join(found.notes)
    assert found.meanings[0] == ("Y-PSNR", "peak signal-to-noise ratio of luma. 4 pixels cropped.")


def test_the_sum_that_orders_networks_is_hidden_where_one_measure_decides(tmp_path):
    """Of s and total, only s is shown when s decides, and total first when it does."""
    rows = table(("a", "found", {"s": 1.0, "total": -1.0}))
    for decides, shown in (("s", ["S"]), ("total", ["TOTAL", "S"])):
        described = system(("s", "", 2), ("total", "", 2), decides=decides)
        found = results_view(run_with(tmp_path, {"system": described, "results": rows}))
        assert [column.label for column in found.table.columns[1:]] == shown


def test_hypervolumes_are_relative_to_the_end_of_their_stage(tmp_path):
    """Stages of 2 -> 4 and 100 -> 400 both end at 1; the second continues where the first ended."""
    rows = [("path", 1, 2), ("path", 2, 4), ("operator", 1, 100), ("operator", 2, 400)]
    lines = [{"phase": f"search/{stage}", "step": step, "hypervolume": v} for stage, step, v in rows]
    (curve,) = curves_view(run_with(tmp_path, {}, metrics=lines))
    assert [line.points for line in curve.lines] == [[(1, 0.5), (2, 1.0)], [(3, 0.25), (4, 1.0)]]


def test_what_a_resumed_phase_logs_again_replaces_the_first_attempt(tmp_path):
    """Steps 10 to 40, then from the checkpoint at 20 on again 30 to 50: one point a step, the later one."""
    lines = [{"phase": "supernet/path", "step": s, "pixel": i} for i, s in enumerate([10, 20, 30, 40, 30, 40, 50])]
    (curve,) = curves_view(run_with(tmp_path, {}, metrics=lines))
    assert curve.lines[0].points == [(10, 0), (20, 1), (30, 4), (40, 5), (50, 6)]


def test_the_best_of_a_search_is_what_decides(tmp_path):
    """Feasible scores of 1, 3 | 2 | 4 by generation are at best 3, 3, 4; an infeasible 9 does not count."""
    found = [(0, 1, 1), (0, 3, 1), (1, 2, 1), (1, 9, 0), (2, 4, 1)]
    rows = [
        {"stage": "path", "generation": g, "arch": str(i), "s": s, "feasible": f} for i, (g, s, f) in enumerate(found)
    ]
    run = run_with(tmp_path, {"system": system(("s", "higher", 2))}, archive=rows)
    (curve,) = curves_view(run)
    assert curve.title == "Search: best s" and curve.lines[0].points == [(1, 3), (2, 3), (3, 4)]


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
