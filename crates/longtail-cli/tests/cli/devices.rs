//! What there is to compute on, and what is said of what there is not.

use super::program::{Place, SMALL};

/// Backends with a GPU feature, and whether this build has it.
const GPUS: [(&str, bool); 4] = [
    ("cuda", cfg!(feature = "cuda")),
    ("metal", cfg!(feature = "metal")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("wgpu", cfg!(feature = "wgpu")),
];

#[test]
fn devices_are_listed_with_the_reason_why_some_cannot_be_used() {
    let place = Place::new();
    let printed = place.succeed("devices");
    let cpu = printed.lines().last().unwrap();
    assert!(cpu.starts_with("cpu "), "{printed}");
    for (name, built_in) in GPUS {
        let lines: Vec<_> = printed.lines().filter(|line| line.starts_with(name)).collect();
        assert!(!lines.is_empty(), "{name}: {printed}");
        assert_eq!(lines[0].contains("not built in: cargo build"), !built_in, "{printed}");
    }
    assert_eq!(printed.matches("(auto)").count(), 1, "{printed}");
    let json: serde_json::Value = serde_json::from_str(&place.succeed("devices --json")).unwrap();
    let devices = json.as_array().unwrap();
    assert_eq!(devices.len(), printed.lines().count());
    assert_eq!(devices.last().unwrap()["device"], "cpu");
}

#[test]
fn a_device_that_is_not_there_is_one_sentence_and_no_run() {
    let place = Place::with_photos();
    for (name, _) in GPUS.into_iter().filter(|(_, built_in)| !built_in) {
        let said = place.fail(1, &format!("train {SMALL} --device {name} --out run"));
        assert!(said.contains(&format!("--features {name}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for name in ["gpu", "cuda:x", "cpu:"] {
        let said = place.fail(2, &format!("train {SMALL} --device {name} --out run"));
        assert!(said.contains("auto") && said.contains(name), "{said}");
    }
    let said = place.fail(1, &format!("train {SMALL} --device cpu:7 --out run"));
    assert!(said.contains("counted from 0"), "{said}");
    assert!(!place.exists("run"));
}

#[test]
fn every_command_that_computes_takes_a_device() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 2 --device cpu --out run"));
    place.succeed("evaluate run --device cpu --quiet");
    place.succeed("predict run photos/red/00.png --device cpu");
    place.succeed(&format!("train {SMALL} --dry-run --device cpu"));
    place.succeed("train --resume --out run --max-steps 3 --device cpu --quiet");
}
