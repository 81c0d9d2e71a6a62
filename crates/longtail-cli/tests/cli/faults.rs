//! Faults while a run trains, is saved or is continued.

use std::{fs, process::Command};

use super::program::{Place, SMALL, stderr};

fn checkpoint(place: &Place, run: &str) -> std::path::PathBuf {
    place.path(run).join("checkpoints/last.safetensors")
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint() {
    let place = Place::with_photos();
    let small = SMALL.replace("--lr 0.05", "--lr 1e18");
    let text = place.fail(1, &format!("train {small} --checkpoint-steps 1 --out run"));
    assert!(text.contains("is not a number at step"), "{text}");
    assert!(text.contains("smaller --lr") && text.contains("kept in run"), "{text}");
    let kept = longtail::train::Checkpoint::load(&checkpoint(&place, "run")).unwrap();
    assert!(kept.progress.step > 0);
    assert!(kept.model.values().all(|w| w.values.iter().all(|v| v.is_finite())));
    assert!(!place.exists("run/summary.json"));
}

#[test]
fn damaged_newer_and_foreign_checkpoints_are_refused() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 2 --checkpoint-steps 1 --out run"));
    place.succeed(&format!("train {SMALL} --max-steps 2 --method ce --out other"));
    let path = checkpoint(&place, "run");
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], says: &str| {
        fs::write(&path, bytes).unwrap();
        for command in ["train --resume --out run --quiet", "evaluate run"] {
            let text = place.fail(1, command);
            assert!(text.contains("last.safetensors") && text.contains(says), "{text}");
        }
    };
    refused(&whole[..whole.len() / 2], "is damaged");
    refused(b"", "is damaged");
    let newer = String::from_utf8_lossy(&whole).contains("\\\"format\\\":3");
    assert!(newer, "the format is part of the header");
    let at = find(&whole, b"\\\"format\\\":3") + b"\\\"format\\\":".len();
    let mut newer = whole.clone();
    newer[at] = b'9';
    refused(&newer, "format 9");
    refused(&fs::read(checkpoint(&place, "other")).unwrap(), "belongs to another");
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

#[test]
fn a_run_is_not_continued_with_other_settings() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 1 --out run"));
    let text = place.fail(1, "train --resume --out run --lr 0.01");
    assert!(text.contains("started with other settings") && text.contains("lr"), "{text}");
    place.succeed("train --resume --out run --max-steps 2 --checkpoint-steps 1 --quiet");
    assert_eq!(place.json("run/summary.json")["steps"], 2);
}

/// Every write past the limit fails, as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_while_saving_leaves_the_checkpoint_before() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 1 --out run"));
    let before = fs::read(checkpoint(&place, "run")).unwrap();
    let program = assert_cmd::cargo::cargo_bin!("longtail").display().to_string();
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec {program} train --resume --out run --checkpoint-steps 1 --quiet"
    );
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(place.path("")).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot write") && text.contains("last.safetensors"), "{text}");
    assert_eq!(fs::read(checkpoint(&place, "run")).unwrap(), before);
    assert!(!place.exists("run/checkpoints/.last.safetensors.part"));
    place.succeed("train --resume --out run --max-steps 3 --quiet");
}
