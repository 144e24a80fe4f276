"""Write the sample data: three small drawn datasets, and the list of what is wrong in them.

    python sample_data/make.py              rewrite it beside this file
    python sample_data/make.py OUT          write it to OUT
    python sample_data/make.py --clean OUT  the same without a planted defect

Seeded: the same numpy and Pillow give the same bytes.
"""

import argparse
import csv
import json
import shutil
from pathlib import Path

try:
    from . import planted
    from .set_coco import make_people
    from .set_hagrid import make_gestures
    from .set_yolo import data_yaml, make_hands
except ImportError:  # run as a script, from inside the folder
    import planted
    from set_coco import make_people
    from set_hagrid import make_gestures
    from set_yolo import data_yaml, make_hands

HERE = Path(__file__).resolve().parent
DATASETS = ("hagrid", "coco_people", "yolo_hands")


def _write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def _one_a_line(mapping):
    """A JSON object with one record a line, which a diff can show."""
    rows = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in mapping.items())
    return "{\n" + rows + "\n}\n"


def write_gestures(gestures, folder):
    for split, files in gestures.annotations.items():
        for gesture, records in files.items():
            _write(folder / "hagrid_annotations" / split / f"{gesture}.json", _one_a_line(records))
    for (gesture, key), image in gestures.images.items():
        _write(folder / "hagrid_dataset" / gesture / f"{key}.jpg", image)


def write_people(people, folder):
    for split, document in people.documents.items():
        parts = []
        for field, value in document.items():
            rows = value if isinstance(value, list) else None
            text = (
                json.dumps(value) if rows is None else "[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]"
            )
            parts.append(f"{json.dumps(field)}: {text}")
        _write(
            folder / "annotations" / f"person_keypoints_{split}2017.json", "{\n" + ",\n".join(parts) + "\n}\n"
        )
        for name, image in people.images[split].items():
            _write(folder / "images" / f"{split}2017" / name, image)


def write_hands(hands, folder):
    _write(folder / "data.yaml", data_yaml())
    for split, labels in hands.labels.items():
        for stem, lines in labels.items():
            _write(folder / "images" / split / f"{stem}.jpg", hands.images[split][stem])
            if lines is not None:
                _write(folder / "labels" / split / f"{stem}.txt", "".join(line + "\n" for line in lines))


def make(out, clean=False):
    """Draw all three datasets and write them to `out`, replacing what is there."""
    out = Path(out)
    gestures, people, hands = make_gestures(), make_people(), make_hands()
    rows = [] if clean else planted.plant_all(gestures, people, hands)
    for name in DATASETS:
        shutil.rmtree(out / name, ignore_errors=True)
    write_gestures(gestures, out / "hagrid")
    write_people(people, out / "coco_people")
    write_hands(hands, out / "yolo_hands")
    with (out / "planted.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(planted.COLUMNS)
        table.writerows(rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "out", nargs="?", type=Path, default=HERE, help="folder to write to (default: beside this file)"
    )
    parser.add_argument("--clean", action="store_true", help="plant no defect")
    arguments = parser.parse_args()
    make(arguments.out, arguments.clean)


if __name__ == "__main__":
    main()
