"""The page of a style-transfer run: the same sections, its own words and scores."""

import json
import re
import shutil

import pytest

from nasjax.report import render
from nasjax.report.curves import curves_section
from nasjax.report.headline import headline
from nasjax.report.ledger import ledger_section
from nasjax.report.pareto import pareto_section
from nasjax.report.phases import colour_of, phase_label
from nasjax.report.pictures import pictures_section
from nasjax.report.results import results_section
from nasjax.report.run import load_run
from nasjax.report.stages import stages_section
from nasjax.report.style import style_figures
from nasjax.report.usage import usage_section
from tests.report.make_style_run import ARCH, CONFIRMED, FINALISTS, STAGES, make_style_run, results
from tests.report.test_page import Outline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_style_run(tmp_path_factory.mktemp("style") / "photonet")


@pytest.fixture(scope="module")
def run(folder):
    return load_run(folder, now=0.0)


def words(markup: str) -> str:
    """What a reader sees of some markup, with ordinary spaces."""
    return Outline(markup).text.replace("\xa0", " ")


def test_the_whole_page(folder):
    """Every section but none twice; nothing is missing, and nothing is of super-resolution."""
    text = words(page := render(folder))
    assert "Not in this run" not in text and "report" in text
    assert "PSNR" not in text and "bicubic" not in text and 'http-equiv="refresh"' not in page
    ids = Outline(page).ids()
    assert len(ids) == len(set(ids)) and {"results", "pictures", "pareto", "stages", "fairness", "ledger"} <= set(ids)


def test_headline(run):
    """Size, MACs against everything on (1 - 2.73 / 4.9 = 44 %), both scores, and the time."""
    text = words(headline(run))
    assert "44.1 K parameters and 2.73 G MACs at 512x512, 44 % fewer than with everything on" in text
    assert "edge error of 0.217" in text and "style distance of 0.440" in text
    shown = [" ".join(figure).replace("\xa0", " ") for figure in style_figures(run, results()["rows"][0])]
    assert shown[2:] == ["44.1 K parameters", "2.73 G MACs at 512x512 (−44 %)", "9 min for the whole run"]


def test_a_dearer_network_is_not_called_cheaper(folder, tmp_path):
    """With 10 % more MACs than everything on, the sentence says more."""
    dear = results()
    dear["rows"][0]["macs"] = 1.1 * dear["rows"][3]["macs"]
    (tmp_path / "results.json").write_text(json.dumps(dear))
    assert "10 % more than with everything on" in words(headline(load_run(tmp_path)))


def test_results_show_finalists_with_their_spread(run):
    """Total first, with half the range of the trainings; the smallest is the best; what decides is spelled out."""
    section = results_section(run)
    text = words(section)
    assert text.index("Total") < text.index("Edge error") < text.index("Style distance")
    assert "0.7130 ± 0.0004" in text and "finalist 2, fine-tuned" in text and "everything on" in text
    assert re.findall(r'class="best"[^>]*>([^<]*)<', section)[0].startswith("0.7130")
    assert "edge + style + 0.1 cost" in text and "half_range" not in text


def test_pareto_is_edge_and_style_against_macs(run):
    """MACs are shown first; the front is what no candidate beats in both; the networks of the table are marked."""
    section = pareto_section(run)
    assert 'data-cost="macs"' in section[: section.index(">", section.index("<figure"))]
    rows = json.loads(re.findall(r'id="candidates">(.*?)</script>', section)[0])
    assert len(rows) == 16 and rows[0]["y"] == pytest.approx(0.3652 + 0.45)
    front = [row["arch"] for row in rows if "macs" in row["front"]]
    assert front == [ARCH]  # the cheapest one has the smallest sum as well
    text = words(section)
    assert "found 0.6652" in text and "found, fine-tuned 0.6572" in text and "everything on 1.2578" in text
    assert (
        "Smaller is better." in text
        and "on the same pairs, but the fine-tuned network was trained alone and shares" in text
    )


def test_the_style_stands_beside(run):
    """The slider has content and found, the crops too; the style is a picture of its own."""
    section = pictures_section(run)
    alts = [img["alt"] or "" for img in Outline(section).named("img")]
    assert [alt.rpartition(", ")[2] for alt in alts] == ["content", "found", "style", *["content", "found"] * 2]
    slider = section[section.index('class="compare"') : section.index('class="sides"')]
    assert slider.count("<img") == 2 and 'data-left="0" data-right="1"' in slider
    assert [option.get("value") for option in Outline(section).named("option")] == ["0", "1"] * 2


def test_a_missing_style_leaves_the_pair(folder, tmp_path):
    """A picture that cannot be read is left out, the others stay."""
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / "images" / "pair-1_style.png").unlink()
    section = pictures_section(load_run(tmp_path / "run"))
    assert section.count("<img") == 6 and 'class="beside"' not in section


def test_stages_have_their_scores(run):
    """Four stages, each with what it decided and the scores of its winner."""
    text = words(stages_section(run))
    assert "4 candidates evaluated · total 0.9081 · edge error 0.3577 · style distance 0.4630" in text
    assert "total 0.7281 · edge error 0.2077" in text and "256 → 64 networks" in text


def test_a_stage_shows_what_was_trained_alone(run):
    """Each network with its options and its total before and after; the best is set off; other stages have no table."""
    section = stages_section(run)
    assert section.count('class="confirmed"') == 1
    text = words(section)
    assert (
        "1: path1=on, path2=off0.90810.9012" in text
        and "2: path1=off, path2=on0.93070.8874" in text
        and "<b>0.8874</b>" in section
    )
    assert run.stage_names == STAGES and run.confirmations == CONFIRMED
    assert phase_label("confirm/path-1") == "Confirmation, path, network 2"
    assert len({colour_of(run, name) for name in CONFIRMED}) == 2
    assert "Confirmation: losspath, network 1path, network 2" in words(curves_section(run))


def test_finalists_are_no_stages(run):
    """Their trainings are named, have colours of their own and share a chart in which each begins at its first step."""
    assert run.stage_names == STAGES and run.finalists == FINALISTS
    assert phase_label("finalist/1-0") == "Finalist 2, training 1" and phase_label("finalist/x") == "Finalist, x"
    colours = [colour_of(run, name) for name in (*STAGES, *FINALISTS)]
    assert len(set(colours)) == 8 and colour_of(run, "supernet/path") == colours[0]
    text = words(curves_section(run))
    assert "Single networks: loss" in text and "Finalist 1, training 2" in text and "2 K" not in text


def test_the_ledger_says_what_the_time_bought(run):
    """Candidates, supernets and networks trained alone, beside the original's."""
    text = words(ledger_section(run))
    assert "16 candidates were scored on 1 trained supernet, and 6 networks trained alone. StyleNAS" in text


def test_use_it(run):
    """The command names the network folder, whose file is listed with its size."""
    text = words(usage_section(run))
    assert "--network network" in text and "nasjax apply" not in text and "90.7 KB" in text


@pytest.mark.parametrize(
    "name", ["config.json", "archive.csv", "metrics.jsonl", "stages.json", "results.json", "images.json"]
)
def test_one_file_is_enough(folder, tmp_path, name):
    """A run that has only begun, or lost files, has a page."""
    (tmp_path / name).write_bytes((folder / name).read_bytes())
    Outline(render(tmp_path))


def test_candidates_without_a_score_are_left_out(folder, tmp_path):
    """A damaged edge or style makes no sum, and no point."""
    head, first, *rest = (folder / "archive.csv").read_text().splitlines()
    cells = first.split(",")
    cells[7] = "x"
    (tmp_path / "archive.csv").write_text("\n".join([head, ",".join(cells), *rest]) + "\n")
    assert "15 candidates" in words(pareto_section(load_run(tmp_path)))
