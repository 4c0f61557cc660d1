import json

from datasets import load_dataset

from lit_dalle.cli import prepare
from lit_dalle.cli.main import main
from lit_dalle.data.creatures import SPLITS, captions, creature_rows, held_out_kinds, trained_kinds
from lit_dalle.evaluation.zero_shot.classes import read_classes


def test_rows_carry_names_and_descriptions(monkeypatch):
    monkeypatch.setitem(SPLITS, "validation", (lambda: trained_kinds()[:3], 2))
    rows = creature_rows("validation")
    assert rows["label"] == [kind.name for kind in trained_kinds()[:3] for _ in range(2)]
    assert rows[0]["caption"] == list(captions(trained_kinds()[0]))
    assert rows[0]["image"].size == (64, 64)
    assert rows[0]["image"].tobytes() != rows[1]["image"].tobytes()
    assert rows[0]["image"].tobytes() != creature_rows("validation", seed=1)[0]["image"].tobytes()


def test_the_command_writes_splits_and_class_files(tmp_path, monkeypatch, capsys):
    few = {name: (lambda kinds=kinds: kinds()[:2], 1) for name, (kinds, _) in SPLITS.items()}
    monkeypatch.setattr("lit_dalle.data.creatures.build.SPLITS", few)
    main(["prepare", "creatures", "--out", str(tmp_path / "creatures")])
    assert "274 kinds trained, 62 held out" in " ".join(capsys.readouterr().out.split())
    for split in prepare.SPLITS:
        path = str(tmp_path / "creatures" / f"{split}.parquet")
        assert len(load_dataset("parquet", data_files=path, split="train")) == 2
    found = read_classes(tmp_path / "creatures/held_out.json")
    assert found.names == tuple(kind.name for kind in held_out_kinds())
    assert len(found.described().wordings[0]) == 6
    assert len(json.loads((tmp_path / "creatures/all.json").read_text())) == 336
