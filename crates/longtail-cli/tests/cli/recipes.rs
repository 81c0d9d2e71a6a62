//! The recipes inside the program.

use std::{fs, path::Path};

use super::program::{Place, SMALL};

/// The recipes of the repository: name and text.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(files.len() >= 83);
    files
}

#[test]
fn every_recipe_of_the_repository_is_listed_and_shown_as_it_is() {
    let place = Place::new();
    let list = place.succeed("recipes list");
    let lines: Vec<Vec<&str>> =
        list.lines().map(|line| line.split_whitespace().collect()).collect();
    let files = files();
    assert_eq!(lines.len(), files.len());
    for ((name, text), line) in files.iter().zip(lines) {
        let recipe: toml::Table = text.parse().unwrap();
        let data = recipe["data"]["name"].as_str().unwrap();
        let method = recipe["method"]["name"].as_str().unwrap();
        assert_eq!(line[..3], [name, data, method]);
        assert!(line.len() > 5, "what it is: {line:?}");
        assert_eq!(&place.succeed(&format!("recipes show {name}")), text);
    }
    let wrapped = "Table 1, row 5 (LC + SCL + BCL + RCL) and Table 3, BCL+RCL (ours); CIFAR-100-LT, \
                   factor 100.";
    assert!(list.contains(wrapped), "{list}");
}

#[test]
fn a_recipe_trains_by_its_name_and_a_file_of_that_name_wins() {
    let place = Place::with_photos();
    let decay = |out: &str| -> f64 {
        let recipe = fs::read_to_string(place.path(out).join("recipe.toml")).unwrap();
        let recipe: toml::Table = recipe.parse().unwrap();
        recipe["optimizer"]["weight_decay"].as_float().unwrap()
    };
    let train = |recipe: &str, out: &str| {
        place.succeed(&format!("train {SMALL} --recipe {recipe} --max-steps 1 --out {out}"));
        decay(out)
    };
    // Its weight decay is 2e-4, the default 5e-4.
    assert_eq!(train("cifar10-lt-50-ce", "a"), 2e-4);
    assert_eq!(train("cifar10-lt-50-ce.toml", "b"), 2e-4);
    place.write("cifar10-lt-50-ce", "[optimizer]\nweight_decay = 1e-3\n");
    assert_eq!(train("cifar10-lt-50-ce", "c"), 1e-3);
}

#[test]
fn a_recipe_that_is_not_there_names_the_nearest() {
    let place = Place::new();
    let nearest = "the nearest is \"cifar10-lt-100-bcl-rcl\"";
    for name in
        ["cifar10-lt-100-bcl-rlc", "cifar10-lt-100-bcl+rcl", "recipes/cifar10-lt-100-bcl-rcl.toml"]
    {
        let text = place.fail(2, &format!("train --recipe {name} --out run"));
        assert!(text.contains(name) && text.contains(nearest), "{text}");
        assert!(text.contains("no such file") && text.contains("recipes list"), "{text}");
        let text = place.fail(2, &format!("recipes show {name}"));
        assert!(text.contains(nearest), "{text}");
        let text = place.fail(2, &format!("train --init-recipe {name}"));
        assert!(text.contains(nearest), "{text}");
    }
    assert_eq!(fs::read_dir(place.path(".")).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_recipe_is_written_for_editing_and_nothing_is_overwritten() {
    let place = Place::new();
    let (name, text) = &files()[0];
    let said = place.succeed(&format!("train --init-recipe {name}"));
    let file = format!("{name}.toml");
    assert!(said.contains(&format!("--recipe {file}")), "{said}");
    assert_eq!(&fs::read_to_string(place.path(&file)).unwrap(), text);
    place.write("mine.toml", "mine");
    for words in [
        format!("train --init-recipe {name}"),
        format!("train --init-recipe {name} --out mine.toml"),
    ] {
        let text = place.fail(1, &words);
        assert!(text.contains("exists already"), "{text}");
    }
    assert_eq!(fs::read_to_string(place.path("mine.toml")).unwrap(), "mine");
    let said = place.succeed(&format!("train --init-recipe {name} --out other.toml --quiet"));
    assert!(said.is_empty(), "{said}");
    assert_eq!(&fs::read_to_string(place.path("other.toml")).unwrap(), text);
    let text = place.fail(1, &format!("train --init-recipe {name} --out gone/other.toml"));
    assert!(text.contains("gone/other.toml"), "{text}");
    for option in ["--epochs 3", "--data photos", "--json", "--recipe other.toml", "--max-steps 1"]
    {
        let text = place.fail(2, &format!("train --init-recipe {name} {option} --out new.toml"));
        assert!(text.contains("--init-recipe") && !place.exists("new.toml"), "{option}: {text}");
        assert!(text.lines().count() < 8, "{option}: {text}");
    }
    assert_eq!(fs::read_dir(place.path(".")).unwrap().count(), 3, "and nothing is trained");
}
