//! Small CIFARs of both versions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use longtail::data::{Cifar, Integrity};

pub const PIXELS: usize = 3072;

/// Files by name.
pub type Files = Vec<(String, Vec<u8>)>;

/// `count` records with labels that go round; the red plane is the record's number.
pub fn records(count: usize, label_bytes: usize, classes: usize) -> Vec<u8> {
    let record = |i: usize| {
        let mut bytes = vec![(i % 20) as u8; label_bytes - 1];
        bytes.push((i % classes) as u8);
        bytes.extend([[i as u8; 1024], [100; 1024], [200; 1024]].concat());
        bytes
    };
    (0..count).flat_map(record).collect()
}

pub fn ten() -> Files {
    let mut files: Vec<_> =
        (1..=5).map(|i| (format!("data_batch_{i}.bin"), records(20, 1, 10))).collect();
    files.push(("test_batch.bin".into(), records(10, 1, 10)));
    files
}

pub fn hundred() -> Files {
    let names: String = (0..100).map(|i| format!("fine{i}\n")).collect();
    vec![
        ("train.bin".into(), records(200, 2, 100)),
        ("test.bin".into(), records(100, 2, 100)),
        ("fine_label_names.txt".into(), names.into_bytes()),
    ]
}

/// The Python version of files of CIFAR-10's binary version.
pub fn pickled(files: &Files) -> Files {
    let name = |name: &str| name.trim_end_matches(".bin").to_owned();
    files.iter().map(|(file, records)| (name(file), batch(records))).collect()
}

/// Records as Python 2 pickles a batch of CIFAR-10 in protocol 2.
pub fn batch(records: &[u8]) -> Vec<u8> {
    let records = records.chunks_exact(1 + PIXELS);
    let count = records.len() as u32;
    let labels: Vec<u8> = records.clone().flat_map(|record| [b'K', record[0]]).collect();
    let planes: Vec<u8> = records.flat_map(|record| &record[1..]).copied().collect();
    [
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05(",
        &labels[..],
        b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\
          \x87Rq\x09(K\x01J",
        &count.to_le_bytes(),
        b"M\x00\x0c\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xff\
          J\xff\xff\xff\xffK\x00tb\x89T",
        &(planes.len() as u32).to_le_bytes(),
        &planes,
        b"tbu.",
    ]
    .concat()
}

pub fn archive(dir: &Path, folder: &str, name: &str, files: &Files) -> PathBuf {
    let path = dir.join(name);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut gzip, &tar(&[(folder, files)])).unwrap();
    fs::write(&path, gzip.finish().unwrap()).unwrap();
    path
}

/// An archive of folders that is not compressed.
pub fn tar(folders: &[(&str, &Files)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (folder, files) in folders {
        for (file, bytes) in *files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{folder}/{file}"), &bytes[..]).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

pub fn write_folder(folder: &Path, files: &Files) {
    fs::create_dir_all(folder).unwrap();
    files.iter().for_each(|(file, bytes)| fs::write(folder.join(file), bytes).unwrap());
}

pub fn message(cifar: Cifar, path: &Path) -> String {
    cifar.load(path, Integrity::Any).unwrap_err().to_string()
}
