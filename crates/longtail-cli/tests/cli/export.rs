//! `export`: what it writes, what it says, what it refuses.

use std::{fs, path::Path};

use longtail::model::weights::from_safetensors;
use serde_json::Value;

use super::program::{Place, SMALL, stderr};

fn trained(method: &str) -> Place {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --method {method} --epochs 1 --out runs/mine"));
    place
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_network_is_written_in_every_format() {
    let place = trained("bcl");
    for (format, extension, outputs) in [
        ("safetensors", "safetensors", 1),
        ("pth", "pth", 1),
        ("pth-compatible", "pth", 1),
        ("onnx", "onnx", 3),
    ] {
        let said = json(&place.succeed(&format!("export runs/mine --format {format} --json")));
        let name = format!("mine.{extension}");
        assert_eq!(said["path"], name, "in the current folder");
        let bytes = fs::read(place.path(&name)).unwrap();
        assert_eq!((&said["bytes"], &said["format"]), (&bytes.len().into(), &extension.into()));
        assert_eq!(said["input"]["shape"].to_string(), "[\"N\",3,16,16]");
        let of_classes = &said["outputs"][0];
        assert_eq!((&of_classes["name"], &of_classes["shape"][1]), (&"logits".into(), &3.into()));
        assert_eq!(said["outputs"].as_array().unwrap().len(), outputs);
        fs::remove_file(place.path(&name)).unwrap();
    }
    let said = place.run("export runs/mine --format onnx --out a.onnx --weights last");
    assert!(stderr(&said).contains("weights of epoch 1 of 1, the last"), "{}", stderr(&said));
    let printed = String::from_utf8(said.stdout).unwrap();
    assert!(printed.starts_with("a.onnx: ") && printed.contains("images [N, 3, 16, 16]"));
    let quiet = place.run("export runs/mine --format onnx --out b.onnx --weights last --quiet");
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{}", stderr(&quiet));
    assert_eq!(fs::read(place.path("a.onnx")).unwrap(), fs::read(place.path("b.onnx")).unwrap());
    assert!(!place.exists(".a.onnx.part"));
}

#[test]
fn weights_are_those_of_the_run() {
    let place = trained("la");
    place.succeed("export runs/mine --format safetensors --weights last --quiet");
    let read = |path: &str| {
        let path = place.path(path);
        from_safetensors(&fs::read(&path).unwrap(), Path::new(&path)).unwrap()
    };
    let (found, own) =
        (read("mine.safetensors"), read("runs/mine/checkpoints/weights-last.safetensors"));
    assert_eq!(found.state, own.state);
    for (key, value) in &own.metadata {
        assert_eq!(found.metadata.get(key), Some(value), "{key}");
    }
}

#[test]
fn a_classifier_is_adjusted_where_its_logits_hold_a_prior() {
    let place = trained("ce");
    place.succeed("export runs/mine --format safetensors --out plain.safetensors --quiet");
    let said = place
        .succeed("export runs/mine --format safetensors --out by.safetensors --adjust 1 --json");
    assert_eq!(json(&said)["adjusted_by_tau"], 1.0);
    let bias = |name: &str| {
        let path = place.path(name);
        from_safetensors(&fs::read(&path).unwrap(), &path).unwrap().state["fc.bias"].values.clone()
    };
    let counts: Vec<f64> = place.json("runs/mine/summary.json")["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["train_count"].as_f64().unwrap())
        .collect();
    assert_eq!(counts.len(), 3);
    let images: f64 = counts.iter().sum();
    let shifts = bias("by.safetensors").into_iter().zip(bias("plain.safetensors"));
    for ((after, before), count) in shifts.zip(counts) {
        let expected = -(count / images).ln();
        assert!((f64::from(after - before) - expected).abs() < 1e-5, "{after} - {before}");
    }
    let other = trained("la");
    let said = other.fail(1, "export runs/mine --format onnx --adjust 1");
    assert!(said.contains("method la hold all classes alike"), "{said}");
    assert!(!other.exists("mine.onnx"));
}

#[test]
fn what_cannot_be_exported_is_refused_in_a_sentence() {
    let place = trained("la");
    let said = place.fail(1, "export nowhere --format onnx");
    assert!(said.contains("nowhere holds no run"), "{said}");
    let said = place.fail(2, "export runs/mine --format tflite");
    assert!(said.contains("tflite"), "{said}");
    let said = place.fail(1, "export runs/mine --format onnx --out nowhere/a.onnx");
    assert!(said.contains("cannot write nowhere/a.onnx"), "{said}");
    let checkpoint = place.path("runs/mine/checkpoints/last.safetensors");
    let half = fs::read(&checkpoint).unwrap();
    fs::write(&checkpoint, &half[..half.len() / 2]).unwrap();
    let said = place.fail(1, "export runs/mine --format onnx");
    assert!(said.contains("last.safetensors is damaged"), "{said}");
    fs::remove_dir_all(place.path("runs/mine/checkpoints")).unwrap();
    fs::create_dir(place.path("runs/mine/checkpoints")).unwrap();
    let said = place.fail(1, "export runs/mine --format onnx");
    assert!(said.contains("no checkpoint yet: train it first"), "{said}");
    assert!(!place.exists("mine.onnx"));
}
