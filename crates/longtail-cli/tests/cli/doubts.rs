//! What `data stats` and `train` answer alike where a data set is not what it seems.

use std::fs;

use super::program::{Place, SMALL, stderr};

/// What `data stats` prints on the error stream for a set that it takes.
fn notes(place: &Place, words: &str) -> String {
    let output = place.run(words);
    assert!(output.status.success(), "{words}: {}", stderr(&output));
    stderr(&output)
}

#[test]
fn statistics_are_refused_where_training_is() {
    let place = Place::with_photos();
    fs::create_dir_all(place.path("one")).unwrap();
    fs::rename(place.path("photos/red"), place.path("one/red")).unwrap();
    fs::create_dir_all(place.path("outer/set")).unwrap();
    fs::create_dir_all(place.path("wrap")).unwrap();
    fs::rename(place.path("photos"), place.path("wrap/photos")).unwrap();
    for part in ["train", "val"] {
        for class in ["green", "blue"] {
            let to = place.path("outer/set").join(part).join(class);
            fs::create_dir_all(&to).unwrap();
            fs::copy(place.path("wrap/photos").join(class).join("00.png"), to.join("0.png"))
                .unwrap();
        }
    }
    let small = SMALL.replace("--data photos", "");
    for (data, says) in [
        ("one", "it has 1 class, and training needs at least two"),
        ("wrap", "if its folders are the classes, say --data"),
        ("outer", "\"train\", \"val\" stand one level deeper: say --data"),
    ] {
        let stats = place.fail(1, &format!("data stats --data {data}"));
        let train = place.fail(1, &format!("train {small} --out run --data {data}"));
        assert!(stats.contains(says) && train.contains(says), "{stats}{train}");
    }
    place.succeed("data stats --data outer/set");
    place.succeed("data stats --data wrap/photos");
}

#[test]
fn a_hold_out_names_what_all_classes_can_give() {
    let place = Place::with_photos();
    let text = place.fail(1, "data stats --data photos --val 100");
    assert!(text.contains("\"blue\"") && text.contains("choose 2 or less"), "{text}");
    place.fail(1, "data stats --data photos --val 3");
    place.succeed("data stats --data photos --val 2");
}

#[test]
fn what_lies_astray_is_said() {
    let place = Place::with_photos();
    fs::create_dir_all(place.path("set/val/red")).unwrap();
    fs::create_dir_all(place.path("set/test/red")).unwrap();
    let image = place.path("photos/red/00.png");
    fs::copy(&image, place.path("set/loose.png")).unwrap();
    fs::copy(&image, place.path("photos/red/noend")).unwrap();
    place.write("photos/red/README", "words");
    fs::rename(place.path("photos/red/01.png"), place.path("set/val/red/1.png")).unwrap();
    fs::rename(place.path("photos/red/02.png"), place.path("set/test/red/2.png")).unwrap();
    fs::rename(place.path("photos"), place.path("set/train")).unwrap();
    let said = notes(&place, "data stats --data set");
    for says in [
        "1 image beside train/ lies in no part and is left out",
        "2 classes of 3 have no validation image: blue, green",
        "2 classes of 3 have no test image: blue, green",
        "1 image without an ending (give them one, such as .jpg)",
        "1 without an ending",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn what_is_not_there_or_not_whole_has_a_mend() {
    let place = Place::with_photos();
    let text = place.fail(1, "data stats --data photos --split nope.json");
    assert!(text.contains("does not exist") && text.contains("data split"), "{text}");
    let mut words = place.command("data stats --data");
    let output = words.arg("").output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains("name a folder, a list"));
    place.succeed("data pack --data photos --image-size 16 --out p.pack");
    let bytes = fs::read(place.path("p.pack")).unwrap();
    for length in [400, bytes.len() / 2] {
        fs::write(place.path("cut.pack"), &bytes[..length]).unwrap();
        let text = place.fail(if length == 400 { 2 } else { 1 }, "data stats --data cut.pack");
        assert!(text.contains("cut off or damaged"), "{text}");
        assert!(text.contains("copy it again"), "{text}");
    }
}
