//! The labelled images of a WebDataset archive: files whose names are the same up to the first dot are one sample.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use serde_json::Value;

use super::{classes::folders, tar::Member};
use crate::{
    data::{decode::is_image_name, folder::PartName},
    regular,
};

/// Bytes of a label's file.
const LONGEST_LABEL: u64 = 1 << 20;
/// Keys of a sample's JSON that its label may stand under.
const LABELS: [&str; 4] = ["label", "cls", "class", "target"];

/// An image of an archive with its label as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub image: Member,
    /// `None`: the folder says it.
    pub label: Option<String>,
}

/// The images of the archive at `path`, which has these `members`: labelled by `KEY.cls` or `KEY.json` beside them, else
/// by the folders that they lie in.
///
/// # Errors
/// A sentence without its subject, with the mend.
pub(super) fn samples(path: &Path, members: Vec<Member>) -> Result<Vec<Sample>, String> {
    let mut file = regular::open(path).map_err(|error| error.to_string())?;
    let mut samples = Vec::new();
    let visible = members.into_iter().filter(|member| !is_hidden(&member.name));
    let visible: Vec<Member> = visible.collect();
    for group in visible.chunk_by(|a, b| key(&a.name) == key(&b.name)) {
        add(group, &mut file, &mut samples)?;
    }
    refuse_parts(&samples)?;
    Ok(samples)
}

/// Refuses an archive in which folders are called like several parts: all of its images are of one.
fn refuse_parts(samples: &[Sample]) -> Result<(), String> {
    let folders = samples.iter().flat_map(|sample| folders(&sample.image.name));
    let parts: BTreeSet<PartName> = folders.filter_map(PartName::of).collect();
    let names: Vec<String> = parts.iter().map(|part| format!("{part}/")).collect();
    match names.len() {
        0 | 1 => Ok(()),
        _ => Err(format!(
            "it holds {}, and the images of an archive are all of one part: make an archive of each (train-000.tar, \
             test-000.tar), or unpack it to a folder",
            names.join(" and ")
        )),
    }
}

/// The image or images of the files that share a key.
fn add(group: &[Member], file: &mut File, samples: &mut Vec<Sample>) -> Result<(), String> {
    let images: Vec<&Member> =
        group.iter().filter(|member| is_image_name(Path::new(&member.name))).collect();
    match (beside(group, file)?, &images[..]) {
        (_, []) => {}
        (label @ Some(_), [image]) => samples.push(Sample { image: (*image).clone(), label }),
        (Some(_), [one, other, ..]) => {
            return Err(format!(
                "{} and {} are images of one sample, and one label stands beside them: give every sample one image",
                one.name, other.name
            ));
        }
        (None, images) => {
            for image in images {
                if folders(&image.name).is_empty() {
                    return Err(without_label(&image.name));
                }
                samples.push(Sample { image: (*image).clone(), label: None });
            }
        }
    }
    Ok(())
}

fn without_label(name: &str) -> String {
    let key = key(name);
    format!(
        "{name} has no label: put {key}.cls (or {key}.json with a key \"label\") beside it, or the images of every class \
         into a folder of their own"
    )
}

/// The label that a sample's `.cls` or `.json` has.
fn beside(group: &[Member], file: &mut File) -> Result<Option<String>, String> {
    let with = |ending: &str| {
        group
            .iter()
            .find(|member| member.name[key(&member.name).len()..].eq_ignore_ascii_case(ending))
    };
    if let Some(member) = with(".cls").or_else(|| with(".cls.txt")) {
        let label = text(file, member)?.trim().to_owned();
        return match label.is_empty() {
            true => Err(format!("{} is empty: write the label into it", member.name)),
            false => Ok(Some(label)),
        };
    }
    let Some(member) = with(".json") else { return Ok(None) };
    let json: Value = serde_json::from_str(&text(file, member)?)
        .map_err(|error| format!("{} is no JSON: {error}", member.name))?;
    Ok(LABELS.iter().find_map(|key| match json.get(key)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }))
}

fn text(file: &mut File, member: &Member) -> Result<String, String> {
    if member.length > LONGEST_LABEL {
        return Err(format!("{} has more than 1 MiB, and no label has", member.name));
    }
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(member.offset))
        .and_then(|_| file.take(member.length).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| format!("{} is no text in UTF-8", member.name))
}

/// A name up to the first dot of its last part.
fn key(name: &str) -> &str {
    let start = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[start..].find('.').map_or(name.len(), |at| start + at);
    &name[..end]
}

/// Files that systems leave beside others.
fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.len() > 2 && part.starts_with('.') || part == "__MACOSX")
}
