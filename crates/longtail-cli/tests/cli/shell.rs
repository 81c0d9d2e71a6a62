//! `completions` and `man`.

use std::fs;

use super::program::Place;

/// Every command by the program's own help.
fn commands(place: &Place, of: &str) -> Vec<String> {
    let help = place.succeed(&format!("{of} --help"));
    let after = help.split_once("Commands:\n").unwrap().1;
    let block = after.split("\n\n").next().unwrap();
    let names = block
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '));
    let names: Vec<_> = names.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert!(names.len() > 2, "{help}");
    names
}

#[test]
fn completions_know_every_command() {
    let place = Place::new();
    let commands = commands(&place, "");
    assert!(commands.contains(&"export".into()) && commands.contains(&"train".into()));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.succeed(&format!("completions {shell}"));
        for command in &commands {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
        for option in ["batch-size", "across-splits", "pth"] {
            assert!(script.contains(option), "{shell} does not know {option}");
        }
    }
    assert!(place.fail(2, "completions tcsh").contains("tcsh"));
}

#[test]
fn every_command_has_a_page() {
    let place = Place::new();
    let page = place.succeed("man");
    assert!(page.contains(".TH longtail 1"), "{page}");
    let printed = place.succeed("man --out pages");
    for command in commands(&place, "").iter().filter(|command| *command != "help") {
        assert!(page.contains(&format!("longtail\\-{command}")), "{command}");
        let own = fs::read_to_string(place.path(&format!("pages/longtail-{command}.1"))).unwrap();
        assert!(own.contains(&format!("longtail {command}")), "{own}");
    }
    assert_eq!(fs::read_to_string(place.path("pages/longtail.1")).unwrap(), page);
    let train = fs::read_to_string(place.path("pages/longtail-train.1")).unwrap();
    assert!(train.contains("\\-\\-batch\\-size"), "{train}");
    let pages = fs::read_dir(place.path("pages")).unwrap().count();
    assert!(printed.contains(&format!("{pages} pages in pages")), "{printed}");
    assert!(place.exists("pages/longtail-data-split.1"));
}
