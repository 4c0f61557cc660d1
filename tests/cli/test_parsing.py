from lit_dalle.cli.parsing import gathered

OPTIONS = {"lists": ("--seeds", "--split"), "flags": ("--quick",)}


def test_lists_and_flags_are_taken_as_they_are_typed():
    typed = ["--seeds", "0", "1", "--quick", "--split", "held-out", "--out", "a.json"]
    assert gathered(typed, **OPTIONS) == [
        *("--seeds=[0,1]", "--quick=true", "--split=[held-out]", "--out", "a.json"),
    ]
    short = ["--seeds=[3]", "--quick", "false"]
    assert gathered(short, **OPTIONS) == ["--seeds=[3]", "--quick=false"]
    assert gathered(["--seeds", "[3, 4]"], **OPTIONS) == ["--seeds", "[3, 4]"]
