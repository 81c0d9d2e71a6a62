//! The README's PyTorch program on weights that the program wrote; where there is no PyTorch it is skipped, and says
//! so. `PYTHON` names a Python.

use std::{fs, process::Command};

use super::program::{Place, SMALL};

fn python() -> String {
    std::env::var("PYTHON").unwrap_or_else(|_| "python3".into())
}

fn has_pytorch() -> bool {
    let wanted = "import safetensors, torch, torchvision, PIL";
    Command::new(python()).args(["-c", wanted]).output().is_ok_and(|out| out.status.success())
}

/// The README's one program in Python.
fn program() -> String {
    let readme = include_str!("../../../../README.md");
    let start = readme.split_once("```python\n").unwrap().1;
    start.split_once("```").unwrap().0.to_owned()
}

#[test]
fn weights_say_what_they_need() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    let bytes = fs::read(place.path("run/checkpoints/weights-last.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let about = &header["__metadata__"];
    let names: Vec<String> = serde_json::from_str(about["class_names"].as_str().unwrap()).unwrap();
    assert_eq!(names, ["blue", "green", "red"]);
    assert_eq!((&about["image_size"], &about["resize"]), (&"16".into(), &"crop".into()));
    for key in ["mean", "std"] {
        let values: Vec<f64> = serde_json::from_str(about[key].as_str().unwrap()).unwrap();
        assert_eq!(values.len(), 3, "{key}");
    }
    for key in ["backbone", "method", "longtail_version", "format"] {
        assert!(about[key].is_string(), "{key}");
    }
}

#[test]
fn the_readmes_pytorch_program_names_the_same_classes() {
    if !has_pytorch() {
        println!("skipped: there is no Python with torch, torchvision and safetensors");
        return;
    }
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 4 --out run"));
    place.write("classify.py", &program());
    let images: Vec<String> = (0..5)
        .flat_map(|i| ["red", "green", "blue"].map(|class| format!("photos/{class}/{i:02}.png")))
        .collect();
    let ours = place
        .succeed(&format!("predict run {} --weights last --top 1 --format csv", images.join(" ")));
    let ours: Vec<String> = ours
        .lines()
        .skip(1)
        .map(|line| line.split(',').take(2).collect::<Vec<_>>().join(","))
        .collect();
    place.succeed("export run --format safetensors --weights last --quiet");
    for weights in ["run/checkpoints/weights-last.safetensors", "run.safetensors"] {
        let theirs = Command::new(python())
            .args(["classify.py", weights])
            .args(&images)
            .current_dir(place.path(""))
            .output()
            .unwrap();
        assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stderr));
        let theirs = String::from_utf8(theirs.stdout).unwrap();
        assert_eq!(ours, theirs.lines().collect::<Vec<_>>(), "{weights}");
    }
}
