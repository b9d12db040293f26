"""The parts of the page as data, against figures that can be computed by hand."""

import pytest

from nasjax.report.candidates import candidates_view
from nasjax.report.chance import compared, difference
from nasjax.report.curves import curves_view
from nasjax.report.front import archive_measures, is_outlier, pareto_front, thin, view_of, views
from nasjax.report.headline import headline
from nasjax.report.marks import budget_limits, marks
from nasjax.report.measures import Measure, inline, write
from nasjax.report.results import results_view
from nasjax.report.run import Row, load_run
from nasjax.report.stages import size_of
from nasjax.report.units import count, seconds, signed
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


def test_latency_is_said_where_it_was_measured(tmp_path):
    """It may be measured at another size than MACs are counted at: where the budget states it, else the config."""
    rows, size = table(("a", "found", {"latency_ms": 4.2})), {"latency_at": [640, 480]}
    cases = (
        ({}, "at 64x64"),
        (size, "at 640x480"),
        (size | {"budget": ["params<=1K, latency<=9ms@80x60"]}, "at 80x60"),
        (size | {"budget": ["macs<=1M@32x32", "latency<=9ms"]}, "at 640x480"),
    )
    for config, said in cases:
        run = run_with(tmp_path, {"results": rows, "system": {"costs_at": "64x64"}, "config": config})
        assert results_view(run).table.columns[1].below == said


def test_what_was_saved_of_a_network_as_it_is(tmp_path):
    """A table for a reference that has parameters: each cost of both, four bytes a parameter, and the factor."""
    teacher = {"params": 8e6, "macs": 4e9, "s": 30.0}
    rows = table(
        ("small", "found", {"params": 2e5, "macs": 1e8, "latency_ms": 5.0, "s": 29.0}),
        ("plain", "rival", {"params": 2e5, "macs": 1e8}),
        ("teacher", "reference", teacher),
        ("input", "reference", {"params": 0, "s": 20.0}),
    )
    (saved,) = results_view(run_with(tmp_path, {"results": rows})).saved
    assert [column.label for column in saved.columns] == ["Saved", "teacher", "small", "Factor"]
    texts = [[cell.text.replace("\xa0", " ") for cell in row] for row in saved.rows]
    assert texts == [
        ["Parameters", "8.00 M", "200 K", "40.0×"],
        ["Size", "32.0 MB", "800 KB", "40.0×"],
        ["MACs", "4.00 G", "100 M", "40.0×"],
    ]


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
