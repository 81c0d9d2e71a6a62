//! The README's PyTorch program on weights that the program wrote; where there is no PyTorch it is skipped, and says
//! so. `PYTHON` names a Python.

use std::{collections::BTreeMap, fs, process::Command};

use image::{Rgb, RgbImage};
use serde_json::Value;

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
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let about = &header["__metadata__"];
    let names: Vec<String> = serde_json::from_str(about["class_names"].as_str().unwrap()).unwrap();
    assert_eq!(names, ["blue", "green", "red"]);
    assert_eq!((&about["image_size"], &about["resize"]), (&"16".into(), &"crop".into()));
    assert_eq!(about["shorter_side"], "16");
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

/// Images that have to be resized and cropped, with more in them than a colour.
fn odd_images(place: &Place) -> Vec<String> {
    fs::create_dir(place.path("odd")).unwrap();
    let drawn = |[width, height]: [u32; 2]| {
        let name = format!("odd/{width}x{height}.png");
        let pixel = |x: u32, y: u32| Rgb([x * x, x * y, y * y + x].map(|v| (v * 7 % 251) as u8));
        RgbImage::from_fn(width, height, pixel).save(place.path(&name)).unwrap();
        name
    };
    [[33, 47], [61, 35], [100, 31], [31, 100], [16, 16], [57, 200], [97, 64], [180, 45]]
        .map(drawn)
        .to_vec()
}

/// Probabilities of the classes in the order of their names, by `longtail predict`.
fn predicted(jsonl: &str) -> Vec<Vec<f64>> {
    let of_line = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        let top = answer["top"].as_array().unwrap().iter();
        let by_name: BTreeMap<String, f64> = top
            .map(|one| (one["class"].to_string(), one["probability"].as_f64().unwrap()))
            .collect();
        by_name.into_values().collect()
    };
    jsonl.lines().map(of_line).collect()
}

#[test]
fn the_readmes_pytorch_program_sees_the_pixels_of_every_resize() {
    if !has_pytorch() {
        println!("skipped: there is no Python with torch, torchvision and safetensors");
        return;
    }
    let place = Place::with_photos();
    let images = odd_images(&place);
    let names = "names[logits.argmax()]";
    assert!(program().contains(names));
    place.write("classify.py", &program().replace(names, "*logits.softmax(0).tolist()"));
    for options in [
        "",
        "--shorter-side 24",
        "--resize full",
        "--resize full --shorter-side 30",
        "--resize squash",
    ] {
        let _ = fs::remove_dir_all(place.path("run"));
        place.succeed(&format!("train {SMALL} --method la --epochs 2 {options} --out run"));
        place.succeed("export run --format safetensors --out weights --quiet");
        let ours =
            predicted(&place.succeed(&format!("predict run {} --format jsonl", images.join(" "))));
        let output = Command::new(python())
            .args(["classify.py", "weights"])
            .args(&images)
            .current_dir(place.path(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!((text.lines().count(), ours.len()), (images.len(), images.len()));
        for (line, ours) in text.lines().zip(ours) {
            let theirs: Vec<f64> = line.split(',').skip(1).map(|p| p.parse().unwrap()).collect();
            let is_near = theirs.iter().zip(&ours).all(|(a, b)| (a - b).abs() < 1e-4);
            assert!(theirs.len() == 3 && is_near, "{options}: {line}, and here {ours:?}");
        }
    }
}
