//! Small valid files of every format, each in a folder of the format's name.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;

use super::{
    program::{longtail, run},
    run::{Place, succeeded},
};

/// Larger files are left out: they take longer, and say no more.
const LARGEST: u64 = 20_000;
/// Images of a batch of the CIFAR in its binary version.
const IMAGES: usize = 4;
const BATCHES: [&str; 6] =
    ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];

/// Files of the library's tests.
fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../longtail/tests").join(name)
}

/// Makes all samples in `folder`, and what files that are read together need in `folder/beside`.
pub fn make(folder: &Path) {
    images(folder);
    cifar(folder);
    own(folder);
    lists(folder);
    let _ = fs::remove_dir_all(folder.join("extracted"));
}

fn put(folder: &Path, format: &str, name: &str, bytes: &[u8]) {
    let folder = folder.join(format);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn images(folder: &Path) {
    let endings = [
        ("jpeg", vec!["jpg"]),
        ("png", vec!["png"]),
        ("gif", vec!["gif"]),
        ("bmp", vec!["bmp"]),
        ("webp", vec!["webp"]),
        ("tiff", vec!["tif"]),
        ("pnm", vec!["pbm", "pgm", "ppm", "pam"]),
    ];
    for place in ["images/jpeg", "images/formats"] {
        for entry in fs::read_dir(fixtures(place)).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            let fits = |ending: &&str| path.extension().is_some_and(|found| *found == **ending);
            let format = endings.iter().find(|(_, endings)| endings.iter().any(fits));
            if let Some((format, _)) = format.filter(|_| entry.metadata().unwrap().len() < LARGEST)
            {
                put(folder, format, &name, &fs::read(&path).unwrap());
            }
        }
    }
}

fn cifar(folder: &Path) {
    let binary = folder.join("beside/cifar-10-batches-bin");
    fs::create_dir_all(&binary).unwrap();
    let batch: Vec<u8> =
        (0..IMAGES).flat_map(|i| [&[i as u8][..], &[i as u8; 3072]].concat()).collect();
    for name in BATCHES {
        fs::write(binary.join(format!("{name}.bin")), &batch).unwrap();
    }
    put(folder, "cifar-binary", "data_batch_1.bin", &batch);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all("cifar-10-batches-bin", &binary).unwrap();
    put(folder, "cifar-tar", "plain.tar", &archive.into_inner().unwrap());

    let extracted = folder.join("extracted");
    for entry in fs::read_dir(fixtures("pickles")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("ten-") {
            continue;
        }
        let _ = fs::remove_dir_all(&extracted);
        let file = GzDecoder::new(File::open(&path).unwrap());
        tar::Archive::new(file).unpack(&extracted).unwrap();
        let python = extracted.join("cifar-10-batches-py");
        put(folder, "cifar-pickle", &name, &fs::read(python.join(BATCHES[0])).unwrap());
        super::run::copy(&python, &folder.join("beside/cifar-10-batches-py"));
        put(folder, "cifar-tar", &name, &fs::read(&path).unwrap());
    }
}

/// Files that the program writes.
fn own(folder: &Path) {
    let place = Place::new();
    let out = place.path("run");
    let scratch = place.scratch();
    let mut start = place.start(&out, 1);
    succeeded(run(start.args(["--max-steps", "3"]), scratch.path()).unwrap());
    let files = [
        ("split", "split.json"),
        ("recipe", "recipe.toml"),
        ("checkpoint", "checkpoints/last.safetensors"),
        ("safetensors", "checkpoints/weights-last.safetensors"),
        ("metrics", "metrics.jsonl"),
        ("summary", "summary.json"),
    ];
    for (format, name) in files {
        put(folder, format, "sample", &fs::read(out.join(name)).unwrap());
    }
    let pack = place.path("photos.pack");
    let mut command = longtail(["data", "pack", "--image-size", "16", "--data"]);
    command.arg(place.path("photos")).arg("--out").arg(&pack);
    succeeded(run(&mut command, scratch.path()).unwrap());
    put(folder, "pack", "photos.pack", &fs::read(pack).unwrap());
}

fn lists(folder: &Path) {
    let images = ["a.png", "b.png", "c.png", "d.png"];
    let lines: String =
        images.iter().zip(0..).map(|(name, i)| format!("{name} {}\n", i % 2)).collect();
    put(folder, "list", "numbers.txt", lines.as_bytes());
    let rows = |separator: &str| {
        let row = |(name, rest): (&&str, &str)| format!("{name},{rest}\n");
        let rests = ["\"a cat\",train", "dog,train", "\"a cat\",valid", "dog,test"];
        let text: String = images.iter().zip(rests).map(row).collect();
        format!("filename,label,split\n{text}").replace(',', separator)
    };
    put(folder, "csv", "commas.csv", rows(",").as_bytes());
    put(folder, "csv", "tabs.tsv", rows("\t").as_bytes());
    put(folder, "csv", "semicolons.csv", format!("\u{feff}{}", rows(";")).as_bytes());
    for name in images {
        let beside = folder.join("beside");
        fs::write(beside.join(name), b"").unwrap();
    }
}
