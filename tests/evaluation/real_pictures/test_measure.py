"""A tiny pipeline measured on tables drawn on the spot, by a judge that knows the colours."""

import numpy as np
import pytest
import torch
from tiny_pictures import CONCEPTS, SIZE, STYLES, picture, write_tables
from tiny_world import tiny_world_pipeline
from torch import Tensor, nn

from lit_dalle.evaluation.composition.painter import Painter
from lit_dalle.evaluation.composition.prompts import stable_seed
from lit_dalle.evaluation.real_pictures.emoji import emoji_split
from lit_dalle.evaluation.real_pictures.judge import Judge
from lit_dalle.evaluation.real_pictures.measure import PictureBench
from lit_dalle.evaluation.real_pictures.nets import round_trips, swap_captions, with_partners
from lit_dalle.evaluation.real_pictures.plan import Plan, PromptSet, prompt_set
from lit_dalle.evaluation.real_pictures.rows import add_rows
from lit_dalle.evaluation.real_pictures.summary import tables
from lit_dalle.evaluation.real_pictures.training import look_at_training, near_copies
from lit_dalle.evaluation.results import ResultFile
from lit_dalle.functional.similarity import normalise
from lit_dalle.generation.settings import DrawingSettings

PLAN = Plan(candidates=3, seeds=(0, 1), shown_prompts=2, shown_samples=2)


class Colour(nn.Module):
    """The colour in the middle of a picture, and a little of that in the corner."""

    num_features = 4

    def forward(self, images: Tensor) -> Tensor:
        middle = images[:, :, 12:20, 12:20].mean(dim=(2, 3)) - 0.5
        return normalise(torch.cat([middle, 0.2 + images[:, :, 0, 0].mean(1, True) / 50], dim=1))


def colours_of(labels: list[str]) -> Tensor:
    pixels = np.stack([np.asarray(picture(label, "plain")) for label in labels])
    return Colour()(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)


@pytest.fixture(scope="module")
def tables_folder(tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("emoji"))


@pytest.fixture(scope="module")
def painter():
    return Painter(tiny_world_pipeline(), DrawingSettings(guidance=2.0))


@pytest.fixture(scope="module")
def seen(tables_folder):
    return emoji_split(tables_folder, "test_iid", translated=True)


@pytest.fixture(scope="module")
def bench(tables_folder, painter):
    judge, split = Judge(Colour(), colours_of), emoji_split(tables_folder, "train")
    return PictureBench(
        painter, judge, look_at_training(painter, judge, split, split.subjects), PLAN
    )


@pytest.fixture(scope="module")
def measured(bench, painter, seen):
    return bench.measure(prompt_set("seen", seen, 4, 0, painter))


def test_real_pictures_are_right_and_those_of_training_are_copies(measured):
    real, retrieved = measured.references["real"], measured.references["retrieval"]
    assert measured.labels == 6
    assert real.right.all()
    np.testing.assert_allclose(real.clip_score, 100, rtol=1e-3)
    assert real.copied.all()  # the tables of this test train on what they test
    np.testing.assert_allclose(retrieved.similarity, 1, rtol=1e-5)
    assert retrieved.copied.all()
    assert real.pictures == retrieved.pictures == 2  # four of the six are asked for


def test_samples_are_those_of_the_pipeline(measured, painter):
    subject = measured.prompts.subjects[0]
    seed = stable_seed("samples", 0, subject.row)
    (wanted,) = painter.samples([subject.prompt], 3, [seed])
    found = measured.shown[0]
    np.testing.assert_array_equal(found.first, wanted.pictures[0])
    order = np.argsort(-wanted.scores, kind="stable")[:2]
    np.testing.assert_array_equal(found.ranked, wanted.pictures[order])
    assert len(measured.shown) == 2


def test_english_is_measured_once_and_the_other_languages_are_drawn(measured, painter):
    found = measured.translated
    assert found is not None
    assert list(found.right) == list(found.shown) == ["en", "zh", "de"]
    for kind in ("one", "ranked"):
        wanted = np.stack([one.right for one in measured.drawn[kind]])
        np.testing.assert_array_equal(found.right["en"][kind], wanted[:, found.places])
        assert found.right["zh"][kind].shape == (2, len(found.places))
    assert {len(shown) for shown in found.shown.values()} == {2}
    subject = measured.prompts.subjects[found.places[0]]
    asked, seed = subject.translations["zh"], stable_seed("samples", 0, subject.row)
    (wanted,) = painter.samples([asked], 3, [seed])
    np.testing.assert_array_equal(found.shown["zh"][0].first, wanted.pictures[0])


def test_two_runs_of_one_seed_are_the_same(bench, measured):
    again = bench.measure(measured.prompts)
    results = [ResultFile("x", {}), ResultFile("x", {})]
    for file, found in zip(results, (measured, again), strict=True):
        add_rows(file, found, PLAN.seeds)
    assert results[0].rows == results[1].rows


def test_rows_are_of_all_kinds_with_intervals_that_hold_the_value(measured):
    results = ResultFile("x", {})
    add_rows(results, measured, PLAN.seeds)
    kinds = {row["case"].get("row") for row in results.rows} - {None}
    assert kinds == {"real", "round_trip", "retrieval", "one", "ranked"}
    assert {row["case"].get("language") for row in results.rows} == {None, "en", "zh", "de"}
    assert {row["case"].get("seed") for row in results.rows} == {None, 0, 1}
    for row in results.rows:
        low, high = row.get("low", row["value"]), row.get("high", row["value"])
        assert low <= row["value"] <= high + 1e-9
    one = {
        row["case"].get("seed"): row["value"]
        for row in results.rows
        if row["metric"] == "right_of_6" and row["case"].get("row") == "one"
        if "language" not in row["case"]
    }
    assert one[None] == pytest.approx((one[0] + one[1]) / 2)
    distances = [row for row in results.rows if row["metric"] == "frechet_distance"]
    assert {row["case"]["pictures"] for row in distances} == {2}
    assert len(list(tables(results))) == 5


def test_real_pictures_are_at_a_distance_from_others_of_the_split(bench, measured, seen):
    asked = {subject.row for subject in measured.prompts.subjects}
    others = bench._others(measured.prompts)
    assert {one.row for one in others} == {one.row for one in seen.subjects} - asked
    every = PromptSet("seen", seen, seen.subjects)
    assert bench._others(every) == []
    found = bench.measure(every)
    assert found.references["real"].frechet is None
    results = ResultFile("x", {})
    add_rows(results, found, PLAN.seeds)
    assert "frechet_distance" not in {row["metric"] for row in results.rows}


def test_copies_of_tokens_count_though_they_come_out_of_the_dvae(painter):
    real = np.stack([np.asarray(picture(concept, "plain")) for concept in CONCEPTS])
    again = painter.decode(painter.encode(real))
    assert near_copies(real, real, painter).all()
    assert near_copies(again, real, painter).all()
    noise = np.random.default_rng(0).integers(0, 256, real.shape, dtype=np.uint8)
    assert not near_copies(noise, real, painter).any()


def test_round_trips_are_told_by_family(painter, tables_folder):
    split = emoji_split(tables_folder, "train")
    found = round_trips(painter, split, split.subjects)
    assert [one.family for one in found.qualities] == ["all", *STYLES]
    assert found.qualities[0].pictures == 12
    assert 0 < found.usage <= 1


def test_captions_are_swapped_with_partners_of_the_style(painter, tables_folder):
    split = emoji_split(tables_folder, "train")
    able, partners = with_partners(split.subjects, 0)
    assert len(able) == len(split.subjects)
    for subject in able:
        other = partners[subject.row]
        assert (other.family, other.group != subject.group) == (subject.family, True)
    few, done = able[3:8], []
    found = swap_captions(painter, split, few, partners, done.append)
    tokens = torch.from_numpy(painter.encode(split.pictures(few, SIZE))).long()
    prior, tokenizer = painter.pipeline.prior, painter.pipeline.prior_tokenizer
    for place, subject in enumerate(few):
        text = tokenizer.encode([partners[subject.row].prompt])
        wanted = prior.image_losses(text, tokens[place : place + 1]).mean()
        assert found.swapped[place] == pytest.approx(float(wanted), abs=1e-4)
    assert sum(done) == 5


def test_prompts_that_do_not_fit_are_passed_over_and_counted(painter, seen, monkeypatch):
    long = [s.row for s in seen.subjects if s.label in CONCEPTS[:3]]
    monkeypatch.setattr(
        "lit_dalle.evaluation.real_pictures.plan.fits",
        lambda painter, prompt: prompt[6] not in "012",
    )
    found = prompt_set("seen", seen, 99, 0, painter)
    assert len(found.subjects) == 3
    assert found.too_long == len(long) == 3
    monkeypatch.setattr(
        "lit_dalle.evaluation.real_pictures.plan.fits", lambda painter, prompt: False
    )
    with pytest.raises(ValueError, match="0 of the prompts of test_iid fit"):
        prompt_set("seen", seen, 99, 0, painter)


def test_a_set_without_translations_has_no_languages(bench, painter, tables_folder):
    split = emoji_split(tables_folder, "test_comp")
    found = bench.measure(PromptSet("compositions", split, split.subjects[:3]))
    assert found.translated is None


def test_plans_need_samples_and_different_seeds():
    for wrong in ({"candidates": 0}, {"seeds": ()}, {"seeds": (1, 1)}):
        with pytest.raises(ValueError, match="samples and different seeds"):
            Plan(**wrong)
