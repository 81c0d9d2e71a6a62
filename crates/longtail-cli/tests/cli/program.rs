//! The program, a small data set for it, and what it left behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// A temporary folder that the program runs in.
pub struct Place(TempDir);

impl Place {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempdir().unwrap())
    }

    /// One with `photos/`: 14, 9 and 5 images of three colours.
    pub fn with_photos() -> Self {
        let place = Self::new();
        for (class, count, base) in [("red", 14, [200, 0, 0]), ("green", 9, [0, 200, 0])] {
            place.photos(class, count, base);
        }
        place.photos("blue", 5, [0, 0, 200]);
        place
    }

    fn photos(&self, class: &str, count: u32, base: [u8; 3]) {
        let folder = self.path("photos").join(class);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..count {
            let pixel =
                |x: u32, y: u32| Rgb(base.map(|v| v + ((x * 7 + y * 3 + i * 5) % 51) as u8));
            RgbImage::from_fn(18, 16, pixel).save(folder.join(format!("{i:02}.png"))).unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// `longtail` with these words, separated by spaces. A build with GPUs keeps to the CPU unless a
    /// device is named, so that results are the same to the bit.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("longtail"));
        command.args(words.split_whitespace()).current_dir(self.0.path());
        let commands = ["train", "evaluate", "predict", "reproduce", "search"];
        let computes = commands.iter().any(|name| words.starts_with(name));
        if cfg!(any(feature = "cuda", feature = "wgpu")) && computes && !words.contains("--device")
        {
            command.args(["--device", "cpu"]);
        }
        command
    }

    pub fn run(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    /// What a run prints that must succeed.
    pub fn succeed(&self, words: &str) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "longtail {words}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a run says that must fail with `code`: one sentence, and no panic.
    pub fn fail(&self, code: i32, words: &str) -> String {
        let output = self.run(words);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "longtail {words}: {text}");
        assert!(!text.contains("panicked"), "{text}");
        text
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path(name)).unwrap()).unwrap()
    }

    /// The lines of metrics.jsonl without what a clock decides.
    pub fn metrics(&self, run: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(run).join("metrics.jsonl")).unwrap();
        let line = |line: &str| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            let fields = value.as_object_mut().unwrap();
            fields.remove("seconds");
            fields.remove("waited");
            fields.remove("images_per_second");
            value
        };
        text.lines().map(line).collect()
    }

    /// The final weights, to the byte.
    pub fn weights(&self, run: &str) -> Vec<u8> {
        fs::read(self.path(run).join("checkpoints/weights-last.safetensors")).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

/// What `--json` prints without where the files are, which is summary.json.
pub fn figures(printed: &Value) -> Value {
    let mut printed = printed.clone();
    let fields = printed.as_object_mut().unwrap();
    for key in ["run", "report", "weights"] {
        assert!(fields.remove(key).is_some(), "{key}");
    }
    printed
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Options of a run over `photos` that takes a second.
pub const SMALL: &str = "--data photos --image-size 16 --backbone resnet8 --batch-size 8 --lr 0.05 \
                         --val 1 --set train.drop_last=true --method bcl+rcl --quiet";

/// The repository's folder beside which the data of the project may lie.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        return Some(path.canonicalize().unwrap());
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}
