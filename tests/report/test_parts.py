"""The parts of the page against figures that can be computed by hand."""

import json
import math

import pytest

import nasjax
from nasjax.report.axes import fit, place, ticks
from nasjax.report.candidates import Candidate, budget_limits, pareto_front, read_candidates, thin
from nasjax.report.curves import curves_section, running_mean, thin_line
from nasjax.report.fairness import fairness_section, gap
from nasjax.report.figures import archive_columns, gain, result_scores, row_named
from nasjax.report.html import escape, tag
from nasjax.report.layout import arrange, in_lanes
from nasjax.report.ledger import ledger_section, read_ledger
from nasjax.report.marks import comparison, reference_marks
from nasjax.report.pareto import pareto_section
from nasjax.report.phases import colour_of
from nasjax.report.results import results_section
from nasjax.report.run import load_run
from nasjax.report.scatter import NARROW, WIDE, Plot, fence, scatter
from nasjax.report.stages import power_of_ten, stages_section
from nasjax.report.units import count, seconds, signed
from nasjax.report.usage import usage_section
from nasjax.report.values import number
from tests.report.make_run import STAGES, make_run


def run_with(folder, **files):
    """A run folder that holds these JSON files (`results={...}` is results.json)."""
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return load_run(folder, now=0.0)


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


def test_sizes_are_powers_of_ten():
    """501595750040125504 = 10^17.70; a number of 5001 digits is 10^5000; small ones are written in full."""
    assert power_of_ten("501595750040125504") == "10<sup>17.7</sup>"
    assert power_of_ten("1" + "0" * 5000) == "10<sup>5000.0</sup>"
    assert (power_of_ten("4096"), power_of_ten(1), power_of_ten("many")) == ("4\u202f096", "1", "–")


def test_markup_is_escaped_unless_it_is_markup():
    """Text and attributes are escaped, nested tags are not escaped twice."""
    assert tag("p", {"title": 'a"<'}, "<b>", tag("b", None, "&")) == '<p title="a&quot;&lt;">&lt;b&gt;<b>&amp;</b></p>'
    assert escape("\ud800") == "?"


def test_scales_map_ends_and_clamp():
    """A log scale maps the geometric mean to the middle; values outside lie on the end."""
    scale = fit([10.0, 1000.0], 0, 100, log=True, pad=0.0)
    assert [round(place(scale, v), 6) for v in (10, 100, 1000, 5, 9999)] == [0, 50, 100, 0, 100]
    assert ticks(fit([10.0, 1000.0], 0, 100, log=True, pad=0.0), 4) == [10.0, 100.0, 1000.0]
    assert ticks(fit([0.0, 1.0], 0, 100, pad=0.0), 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])


def candidates(*rows, feasible=True):
    """Candidates from (params, score)."""
    return [Candidate(f"a{p}", "path", "0", {"params": float(p)}, float(s), feasible) for p, s in rows]


def test_front_holds_what_nothing_beats():
    """Of (cost, score) 1:1, 2:3, 2:2, 3:3, 4:5 the front is 1:1, 2:3, 4:5; an infeasible 1:9 is not on it."""
    tried = [*candidates((1, 1), (2, 3), (2, 2), (3, 3), (4, 5)), *candidates((1, 9), feasible=False)]
    front = [(c.costs["params"], c.score) for c in pareto_front(tried, "params", higher=True)]
    assert front == [(1, 1), (2, 3), (4, 5)]


def test_front_of_a_score_that_falls():
    """For an error, less is better: of 1:5, 2:4, 3:6 the front is 1:5, 2:4."""
    front = pareto_front(candidates((1, 5), (2, 4), (3, 6)), "params", higher=False)
    assert [(c.costs["params"], c.score) for c in front] == [(1, 5), (2, 4)]


def test_outliers_of_the_plot_are_tukeys():
    """Quartiles of 1..11 are 3 and 9: below 3 - 9 = -6, or for an error above 9 + 9 = 18, lies an outlier."""
    scores = [float(i) for i in range(1, 12)]
    assert (fence(scores, higher=True), fence(scores, higher=False)) == (-6.0, 18.0)


def test_the_budget_is_written_where_there_is_room():
    """Beyond a limit of 27 K of at most 54 K there is room for its label on a wide plot, and none on a narrow one."""
    tried = candidates((1700, 1), (54000, 2))
    plot = Plot("params", "psnr_y", tried, tried, [], 27000.0, ("path",), True, 0.0)
    for size, anchor in ((WIDE, "start"), (NARROW, "end")):
        assert f'text-anchor="{anchor}" class="budget">budget 27\xa0K<' in scatter(plot, size, "")


def test_hypervolumes_are_relative_to_the_end_of_their_stage(tmp_path):
    """Stages of 2 -> 4 and 100 -> 400 both end at 1; the second continues where the first ended."""
    rows = [("path", 1, 2), ("path", 2, 4), ("operator", 1, 100), ("operator", 2, 400)]
    with open(tmp_path / "metrics.jsonl", "w") as file:
        for stage, step, volume in rows:
            file.write(json.dumps({"phase": f"search/{stage}", "step": step, "hypervolume": volume}) + "\n")
    section = curves_section(load_run(tmp_path, now=0.0))
    assert "Search, path ends at 1; Search, operator ends at 1" in section
    lines = [[p.split(",") for p in part.split('"')[0].split()] for part in section.split('points="')[1:]]
    assert [float(line[-1][1]) for line in lines][0] == float(lines[1][-1][1])
    assert float(lines[0][-1][0]) < float(lines[1][0][0]) and lines[0][0][1] != lines[1][0][1]


def test_what_a_resumed_phase_logs_again_replaces_the_first_attempt(tmp_path):
    """Steps 10 to 40, then from the checkpoint at 20 on again 30 to 50: one point a step, the later one."""
    steps = [10, 20, 30, 40, 30, 40, 50]
    rows = [{"phase": "search/path", "step": s, "best": 20 + i} for i, s in enumerate(steps)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = curves_section(load_run(tmp_path, now=0.0))
    line = [point.split(",") for point in section.split('points="')[1].split('"')[0].split()]
    across, up = [float(x) for x, _ in line], [-float(y) for _, y in line]
    assert len(line) == 5 and across == sorted(across) and up == sorted(up)
    assert (up[2] - up[1]) / (up[1] - up[0]) == pytest.approx(3, abs=0.1)  # 20, 21, then 24


def test_noisy_losses_have_a_running_mean():
    """Of 32 alternating values a point and two neighbours on either side; at the ends as many as there are."""
    line = [(float(i), float(i % 2)) for i in range(32)]
    smooth = running_mean(line)
    assert [x for x, _ in smooth] == [x for x, _ in line]
    assert [smooth[i][1] for i in (0, 1, 16, 17)] == pytest.approx([1 / 3, 1 / 2, 2 / 5, 3 / 5])


def test_thinning_keeps_the_front():
    """Of 1000 candidates about 100 are drawn, among them all that must be."""
    tried = candidates(*((i + 1, 0) for i in range(1000)))
    kept = thin(tried, tried[997:999], most=100)
    assert 100 <= len(kept) <= 102 and kept[-2:] == tried[997:999]


def test_lines_are_thinned_by_means():
    """1000 points become at most 240; each is a mean, the last value is kept as it is."""
    line = [(float(i), float(i % 2)) for i in range(1000)]
    thinned = thin_line(line)
    assert len(thinned) <= 241 and thinned[-1] == line[-1]
    assert all(abs(y - 0.5) <= 0.101 for _, y in thinned[:-1])


def test_budgets_are_read_from_text(tmp_path):
    """Absolute bounds are numbers with K, M or G; a relative one has no place on the axis."""
    run = run_with(tmp_path, config={"budget": ["params<=60K", "macs <= 4.5G@1280x720", "activations<=40%"]})
    assert budget_limits(run) == {"params": 60e3, "macs": 4.5e9}
    assert budget_limits(run_with(tmp_path, config={"budget": {"params": 500}})) == {"params": 500}


def test_archive_columns_are_costs_and_scores(tmp_path):
    """Bookkeeping of the search (violation, objectives) is neither; the archive of the sample has 511 candidates."""
    run = load_run(make_run(tmp_path, num_pictures=0), now=0.0)
    assert archive_columns(run) == (["params", "macs", "activations", "bytes"], ["psnr_y"])
    assert len(read_candidates(run)) == 511 and run.stage_names == STAGES


def test_gain_follows_the_direction_of_the_score(tmp_path):
    """An LPIPS of 0.2 against 0.3 is 0.1 better; a PSNR of 28 against 30 is 2 worse."""
    rows = [{"name": "hand-made", "lpips": 0.3}, {"name": "bicubic", "lpips": 0.2}]
    run = run_with(tmp_path, results={"rows": rows})
    assert gain(run, row_named(run, "bicubic"), row_named(run, "hand-made")) == pytest.approx(0.1)
    run = run_with(tmp_path, results={"rows": [{"name": "a", "psnr_y": 28}, {"name": "b", "psnr_y": 30}]})
    assert gain(run, row_named(run, "a"), row_named(run, "b")) == -2 and result_scores(run) == ["psnr_y"]


def test_a_worse_result_is_called_worse(tmp_path):
    """The head does not call a network better that is not."""
    from nasjax.report.headline import headline

    rows = [{"name": "found, fine-tuned", "psnr_y": 27.0}, {"name": "bicubic", "psnr_y": 27.5}]
    words = headline(run_with(tmp_path, results={"rows": rows}))
    assert "0.50\xa0dB worse than bicubic" in words and "\u22120.50" in words and "better" not in words


def test_a_difference_within_the_noise_is_not_sold_as_a_gain(tmp_path):
    """0.02 dB over the hand-made network is said to be less than chance; 0.5 dB over bicubic is not."""
    from nasjax.report.headline import headline

    names = ("found, fine-tuned", "hand-made", "bicubic")
    rows = [{"name": name, "psnr_y": score} for name, score in zip(names, (27.5, 27.48, 27.0), strict=True)]
    words = headline(run_with(tmp_path, results={"rows": rows}))
    assert (
        "0.50\xa0dB better than bicubic interpolation and 0.02\xa0dB better than the hand-made network, less" in words
    )
    assert words.count("by chance") == 1


def test_macs_share_one_unit(tmp_path):
    """The unit in the head is that of the smallest network, with the size that MACs are counted at; 0 stays 0."""
    rows = [{"name": "a", "macs": 1_448_755_456}, {"name": "b", "macs": 24.9e6}, {"name": "bicubic", "macs": 0}]
    table = results_section(run_with(tmp_path, results={"rows": rows, "macs_at": [640, 360]}))
    assert 'MACs (M) <span class="size">at 640x360</span>' in table
    cells = [part.split("<")[0] for part in table.split('<span title="')[1:]]
    assert [cell.split(">")[1] for cell in cells] == ["1448.76", "24.90", "0"]


def test_best_value_of_each_column_is_marked(tmp_path):
    """The largest PSNR and the smallest LPIPS are marked, though they belong to different rows."""
    rows = [{"name": "a", "psnr_y": 28.0, "lpips": 0.3}, {"name": "b", "psnr_y": 27.0, "lpips": 0.2}]
    table = results_section(run_with(tmp_path, results={"rows": rows}))
    assert [cell.split("<")[0] for cell in table.split('title="best of this column">')[1:]] == ["28.00", "0.2000"]


def test_reference_marks_prefer_scores_of_the_search(tmp_path):
    """`search_score` places a mark; without it the page says by how much the two protocols differ."""
    run = make_run(tmp_path, num_pictures=0)
    loaded = load_run(run, now=0.0)
    tried = read_candidates(loaded)
    marks = reference_marks(loaded, tried, "params")
    assert [(m.kind, m.cost, m.score) for m in marks] == [
        ("bicubic", None, 27.53),
        ("handmade", 26403.0, 28.52),
        ("found", 25934.0, 28.66),
    ]
    assert [m.name for m in marks] == ["bicubic 27.53", "hand-made 28.52", "found 28.66"]
    assert "has 28.58, in the search it had 28.66" in comparison(loaded, tried, marks)
    results = json.loads((run / "results.json").read_text())
    results["rows"][4]["search_score"] = 27.9
    (run / "results.json").write_text(json.dumps(results))
    marks = reference_marks(again := load_run(run, now=0.0), tried, "params")
    assert [(m.kind, m.score) for m in marks] == [("bicubic", 27.9), ("found", 28.66)]
    assert comparison(again, tried, marks) == ""
    for i, score in ((0, 28.95), (3, 28.6)):  # fine-tuned and hand-made
        results["rows"][i]["search_score"] = score
    (run / "results.json").write_text(json.dumps(results | {"search_protocol": "24 patches"}))
    marks = reference_marks(again := load_run(run, now=0.0), tried, "params")
    found = [(m.kind, m.cost, m.score) for m in marks if m.cost]
    assert found == [("handmade", 26403.0, 28.6), ("tuned", 25934.0, 28.95), ("found", 25934.0, 28.66)]
    section = pareto_section(again)
    assert "the fine-tuned and the hand-made network were trained alone" in section
    assert "weights of the supernet on 24 patches" in section
    assert section.count('class="mark tuned"') == 5  # two costs at two widths, and the legend


def test_lanes_nest_and_never_meet():
    """Edges into one block nest, the longest outside; edges that only touch share a lane."""
    lanes = {
        (a.start, a.end): a.lane for a in in_lanes([(0, 5, "long"), (2, 5, "long"), (4, 6, "long"), (5, 7, "long")])
    }
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
    assert "Strictly fair." in fairness_section(run_with(tmp_path, fairness={"stages": [stage]}))
    counts["b2"]["res"] = 637
    unfair = fairness_section(run_with(tmp_path, fairness={"stages": [stage]}))
    assert "Not equal." in unfair and "operator by 37" in unfair and "the run reported 0" in unfair
    assert gap({"res": 637.0, "sep3": 600.0}) == 37


def test_ledger_keeps_compiling_apart(tmp_path):
    """Of 10 s + 30 s with 4 s + 6 s of compiling, the bar shows 15 %, 60 % and 25 %."""
    rows = [
        {"phase": "supernet/path", "wall_s": 10, "compile_s": 4},
        {"phase": "finetune", "wall_s": 30, "compile_s": 6},
    ]
    run = run_with(tmp_path, ledger=rows, results={"seconds": 45})
    widths = [float(part.split("%")[0]) for part in ledger_section(run).split('style="width:')[1:4]]
    assert widths == [15.0, 60.0, 25.0] and math.isclose(sum(e.wall for e in read_ledger(run)), 40)
    assert "5.0\xa0s of the run are outside" in ledger_section(run)


def test_ledger_counts_programs_steps_and_generations(tmp_path):
    """Programs are added up; generations of a search are no steps of training, and are not added to them."""
    rows = [
        {"phase": "supernet/path", "wall_s": 10, "compiles": 36, "steps": 400},
        {"phase": "search/path", "wall_s": 5, "compiles": 1, "steps": 6},
    ]
    cells = [row.split("</tr>")[0] for row in ledger_section(run_with(tmp_path, ledger=rows)).split("<tr>")[2:]]
    read = [[cell.split("<")[0] for cell in row.split('<td class="num">')[1:]] for row in cells]
    assert [(row[3], row[5]) for row in read] == [("36", "400"), ("1", "6\xa0gen."), ("37", "400")]
    singles = ("finetune", "scratch", "handmade", "evaluate", "export")
    assert len({colour_of(load_run(tmp_path, now=0.0), name) for name in singles}) == 5


def test_stages_mark_what_was_kept(tmp_path):
    """Each choice has one mark in the column of the option that was kept; an undecided choice has none."""
    free = {"b1": ["res", "sep3", "rep"], "b2": ["res", "sep3", "rep"], "b3": ["res", "sep3", "rep"]}
    stage = {
        "stage": "operator",
        "free": free,
        "decided": {"b1": "sep3", "b2": "res"},
        "size_before": 27,
        "size_after": 1,
    }
    section = stages_section(run_with(tmp_path, stages=[stage]))
    cells = section[section.index("<tbody>") :].split("</tr>")
    kept = [[part.split('"')[0] for part in row.split('<td class="')[1:]] for row in cells[:2]]
    assert kept == [["dropped", "kept", "dropped"], ["kept", "dropped", "dropped"]]
    assert "not used" in cells[2] and "27 → 1 networks" in section.replace("</b>", "")
    stage["stands_for"] = {"b1": {"res": ["res", "rep"]}, "b2": {"res": ["res", "rep"]}}
    section = stages_section(run_with(tmp_path, stages=[stage]))
    assert section.count("res stands here for res, rep; which of them, a later stage decides.") == 1


def test_usage_needs_an_export_and_names_real_functions(tmp_path):
    """Without `export/` there is no such section; its snippets import what exists."""
    run = make_run(tmp_path, num_pictures=0)
    section = usage_section(load_run(run, now=0.0))
    assert "nasjax apply export in.png out.png" in section and "1.9e−6" in section
    for name in ("nasjax.load_bundle(", "nasjax.upscale("):
        assert name in section and name[7:-1] in nasjax.PUBLIC
    for file in (run / "export").iterdir():
        file.unlink()
    (run / "export").rmdir()
    assert usage_section(load_run(run, now=0.0)) == ""
