"""path-outside-root: names of image files that lead out of the dataset's folder."""

from __future__ import annotations

import pytest

from tests.checks.audited import check
from tests.checks.planted import coco


def found_of(indexed, name: str):
    document = coco()
    document["images"][0]["file_name"] = name
    return check(indexed({"a_train.json": document}), "path-outside-root")


@pytest.mark.parametrize(
    ("clean", "planted", "how"),
    [
        ("b/../a.jpg", "a/../../etc/passwd", "it goes up out of the folder that it starts from"),
        ("a..b.jpg", "../../etc/passwd", "it goes up out of the folder that it starts from"),
        ("etc/passwd.jpg", "/etc/passwd", "it is absolute"),
        ("x:y.jpg", "C:\\pictures\\a.jpg", "it is absolute"),
        ("server/a.jpg", "\\\\server\\a.jpg", "it is absolute"),
    ],
)
def test_a_file_name_that_leads_out(indexed, clean, planted, how):
    assert found_of(indexed, clean).findings == []
    (finding,) = found_of(indexed, planted).findings
    assert (finding["key"], finding["ordinal"], finding["severity"]) == (planted, None, "error")
    assert finding["detail"] == f"file_name is {planted}: {how}, and is not read"
