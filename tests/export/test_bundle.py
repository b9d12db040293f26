"""The folder itself: card, manifest, and what happens with a damaged or foreign one."""

import json
from dataclasses import replace

import pytest
from safetensors import safe_open

from nasjax.cost.count import count
from nasjax.export.bundle import load_bundle, write_bundle
from nasjax.export.card import Card, describe
from nasjax.export.network import BUILDERS, deployed
from nasjax.ops.base import formulation
from tests.contracts.own_generator import own
from tests.export.networks import NETWORKS, make, sr_cell, toy

CARD = Card(
    "tiny x4",
    training_data=({"name": "photos", "licence": "CC0", "credits": "somebody"},),
    metrics=({"name": "psnr_y", "value": 28.43, "data": "Set5", "protocol": "uint8, Y, crop 4"},),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One small bundle without graphs, and its network."""
    network = sr_cell(4, {"b1": "res", "b2": "off"})
    folder = tmp_path_factory.mktemp("bundle") / "made" / "here"
    write_bundle(folder, network, card=CARD, formats=())
    return folder, network


@pytest.fixture
def folder(written, tmp_path):
    """A copy to damage."""
    copy = tmp_path / "bundle"
    copy.mkdir()
    for file in written[0].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def test_the_card_says_how_to_use_the_network(written):
    """Scale, ranges, sizes, licence, protocol and costs stand in card.json; costs are counted on the network itself."""
    folder, network = written
    card = json.loads((folder / "card.json").read_text())
    assert (card["scale"], card["value_range"], card["colour_order"], card["layout"]) == (4, [-1.0, 1.0], "RGB", "NHWC")
    assert (card["size_multiple"], card["min_size"]) == (1, 1)
    assert card["training_data"][0]["licence"] == "CC0"
    assert card["metrics"][0]["protocol"] == "uint8, Y, crop 4"
    assert card["macs"]["output"] == [720, 1280] and card["macs"]["input"] == [180, 320]
    # 3x3 convolutions 3 -> 16, 16 -> 16 -> 16 and 16 -> 48, a 1x1 of 16 -> 16, each with its bias.
    weights = 9 * 3 * 16 + 2 * 9 * 16 * 16 + 16 * 16 + 9 * 16 * 48
    assert card["params"] == weights + 16 + 2 * 16 + 16 + 48
    assert card["macs"]["value"] == weights * 180 * 320


def test_costs_do_not_depend_on_the_formulation():
    """Depthwise convolutions written as shifted sums on this backend are still counted."""
    network = toy({"b1": "sep3"})
    card = describe(Card("sep"), network)
    import jax

    with formulation("native"):
        x = jax.ShapeDtypeStruct((1, *card["macs"]["input"], 3), "float32")
        assert card["macs"]["value"] == count(network.apply, network.params, x).macs > 0


def test_weights_have_readable_names(written):
    """safetensors holds flat paths and says what they are."""
    folder, network = written
    with safe_open(folder / "model.safetensors", "numpy") as file:
        assert "b1/res/a/w" in file.keys()  # noqa: SIM118
        assert file.metadata()["arch"] == network.description["arch"]


def test_arch_json_rebuilds_the_network(written):
    """Space, arch text and builder are stored; the loaded bundle names the same arch."""
    folder, network = written
    content = json.loads((folder / "arch.json").read_text())
    assert content["builder"]["name"] == "sr_cell" and content["builder"]["arguments"]["blocks"] == 2
    assert content["space"]["name"] == "sr_cell_x4"
    assert load_bundle(folder).arch == network.description["arch"] == content["arch"]


@pytest.mark.parametrize("entry", ["metrics", "training_data"])
def test_a_figure_needs_its_protocol_and_data_its_licence(entry):
    """An entry of the card that lacks what gives it meaning is refused."""
    lacking = {"metrics": {"name": "psnr_y", "value": 28.4, "data": "Set5"}, "training_data": {"name": "photos"}}
    with pytest.raises(ValueError, match="lacks '(protocol|licence)'"):
        Card("x", **{entry: (lacking[entry],)})


@pytest.mark.parametrize("file", ["model.safetensors", "arch.json", "card.json"])
def test_a_damaged_file_is_named(folder, file):
    """One changed byte anywhere is found, and so is a missing file."""
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(bytes(content))
    with pytest.raises(ValueError, match=f"damaged: {file} does not have the checksum"):
        load_bundle(folder)
    (folder / file).unlink()
    with pytest.raises(ValueError, match=f"incomplete: {file} is missing"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "content, message",
    [(None, "is not a bundle: it has no manifest.json"), ("{", "not valid JSON"), ('{"format": 7}', "format 1")],
)
def test_a_folder_without_a_manifest_of_ours_is_refused(folder, content, message):
    """A foreign folder, a cut file and a future format each get a line of their own."""
    (folder / "manifest.json").unlink()
    if content is not None:
        (folder / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        load_bundle(folder)


def test_another_version_builds_what_it_can_show_to_be_the_same(folder, monkeypatch):
    """Its code is taken where the recorded numbers come out, so that nothing a network can do is lost by an update."""
    monkeypatch.setattr("nasjax.__version__", "99.0")
    assert load_bundle(folder).forward is not None


@pytest.mark.parametrize("change", ["output", "shape", "absent", "other code"])
def test_another_version_needs_the_graph(folder, monkeypatch, change):
    """Without a graph, a bundle is refused that other code builds otherwise, or cannot show to build the same."""
    manifest = json.loads((folder / "manifest.json").read_text())
    if change == "output":
        manifest["probe"]["output"][3] += 0.1
    elif change == "shape":
        manifest["probe"]["output"].pop()
    elif change == "absent":
        del manifest["probe"]
    else:
        monkeypatch.setattr("nasjax.export.bundle.rebuild", lambda description: lambda params, x: params["gone"] * x)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr("nasjax.__version__", "99.0")
    with pytest.raises(ValueError, match="was made by nasjax .* without model.stablehlo"):
        load_bundle(folder)


def test_what_is_not_a_bundle_is_not_overwritten(tmp_path):
    """A folder with other files, or a file of that name, stays as it is."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something that is not a bundle"):
        write_bundle(tmp_path, toy({}), card=CARD)
    with pytest.raises(ValueError, match="it is a file"):
        write_bundle(tmp_path / "notes.txt", toy({}), card=CARD)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_unknown_formats_and_builders_are_named(tmp_path):
    """Each wrong name is answered with those that are allowed."""
    net = BUILDERS["toy"]()
    with pytest.raises(ValueError, match="'tflite'; allowed: stablehlo, onnx"):
        write_bundle(tmp_path / "b", toy({}), card=CARD, formats=("tflite",))
    known = "photo_filter, resnet_generator, sr_cell, toy, tpsr_cell, unet_generator"
    with pytest.raises(ValueError, match=f"unknown builder 'toi'; known: {known}"):
        deployed(net, {}, net.space.default_arch(), builder=("toi", {}))
    with pytest.raises(ValueError, match="makes another search space than 'toy'"):
        deployed(net, {}, net.space.default_arch(), builder=("sr_cell", {"scale": 4}))


def test_the_size_multiple_is_found():
    """A network that halves its input takes even sizes; what is given is taken as it is."""
    assert NETWORKS["own"]().size_multiple == 2
    assert toy({}).size_multiple == 1
    assert make(own, {}, size_multiple=4).size_multiple == 4


def test_a_network_without_a_size_multiple_is_refused():
    """One whose output has other proportions than its input: the error asks for what it cannot find."""
    net = BUILDERS["toy"]()
    tall = replace(net, forward=lambda n, x: net.forward(n, x)[:, :, ::2])
    with pytest.raises(ValueError, match=r"toy:.*no size_multiple up to 64 .*; give size_multiple"):
        make(tall, {"trunk": "8", "b1": "off", "b2": "off"})  # the least: 64 sizes are tried


def test_a_space_of_the_users_needs_its_graph(tmp_path):
    """Without a builder there is nothing but the graph to run."""
    with pytest.raises(ValueError, match="formats needs 'stablehlo'"):
        write_bundle(tmp_path / "b", NETWORKS["own"](), card=CARD, formats=("onnx",))


def test_a_builder_may_be_given_under_a_stage_mask():
    """What a stage has fixed does not change the network that is built."""
    net = BUILDERS["toy"]()
    staged = net.at(net.space.at_stage("path"))
    assert make(staged, {"b2": "off"}, builder=("toy", {})).description["builder"]["name"] == "toy"
