//! The labelled images of a WebDataset archive: files whose names are the same up to the first dot are one sample.

use std::{
    collections::{BTreeSet, HashSet},
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

/// The images of the archive at `path`, which has these `members`, in its order: labelled by `KEY.cls` or `KEY.json`
/// wherever those stand in it, else by the folders that they lie in.
///
/// # Errors
/// A sentence without its subject, with the mend.
pub(super) fn samples(path: &Path, members: &[Member]) -> Result<Vec<Sample>, String> {
    let mut file = regular::open(path).map_err(|error| error.to_string())?;
    let mut samples = Vec::new();
    // References in two orders are little beside the names, however many members there are.
    let mut by_key: Vec<&Member> =
        members.iter().filter(|member| !is_hidden(&member.name)).collect();
    by_key.sort_by(|a, b| key(&a.name).cmp(key(&b.name)));
    let mut groups: Vec<&[&Member]> =
        by_key.chunk_by(|a, b| key(&a.name) == key(&b.name)).collect();
    // As they stand in the archive, so that labels are read from its beginning to its end.
    groups.sort_by_key(|group| group[0].offset);
    for group in groups {
        add(group, &mut file, &mut samples)?;
    }
    samples.sort_by_key(|sample| sample.image.offset);
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

/// The image or images of the files that share a key, in the archive's order.
fn add(group: &[&Member], file: &mut File, samples: &mut Vec<Sample>) -> Result<(), String> {
    let images = group.iter().filter(|member| is_image_name(Path::new(&member.name)));
    let images: Vec<&Member> = images.copied().collect();
    if images.is_empty() {
        return Ok(());
    }
    refuse_repeated(group)?;
    match (label_of(group, file)?, &images[..]) {
        (Some(_), [one, other, ..]) => {
            return Err(format!(
                "{} and {} are images of one sample, whose name ends at its first dot, and it has one label: give every \
                 sample one image",
                one.name, other.name
            ));
        }
        (None, images)
            if group.iter().any(|member| is_label(&member.name)) || !in_folders(images) =>
        {
            return Err(without_label(images));
        }
        (label, images) => samples.extend(
            images.iter().map(|&image| Sample { image: image.clone(), label: label.clone() }),
        ),
    }
    Ok(())
}

/// Refuses files of a sample that stand twice, of which nobody says which is meant.
fn refuse_repeated(group: &[&Member]) -> Result<(), String> {
    let mut names = HashSet::with_capacity(group.len());
    match group.iter().find(|member| !names.insert(plain(&member.name))) {
        None => Ok(()),
        Some(member) => Err(format!(
            "{} stands in it twice, as where files were appended once more: make an archive in which every sample \
             stands once",
            member.name
        )),
    }
}

/// Whether a file is called like a label, be it that of a sample or not.
fn is_label(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("cls"))
}

fn in_folders(images: &[&Member]) -> bool {
    images.iter().all(|image| !folders(&image.name).is_empty())
}

fn without_label(images: &[&Member]) -> String {
    let name = &images[0].name;
    let key = key(name);
    let dots = plain(name)[key.len()..].matches('.').count();
    let told = if dots > 1 { ", for its name as a sample ends at its first dot" } else { "" };
    match images {
        [_, other, ..] => format!(
            "{name} and {} have no label, and are one sample, {key}, for the name of a sample ends at its first dot: \
             rename them so that only endings have dots, and put the label of each beside it (0001.png, 0001.cls)",
            other.name
        ),
        _ => format!(
            "{name} has no label: put {key}.cls (or {key}.json with a key \"label\") into the archive{told}, or the \
             images of every class into a folder of their own"
        ),
    }
}

/// The label that a sample's `.cls` or `.json` has.
fn label_of(group: &[&Member], file: &mut File) -> Result<Option<String>, String> {
    let is = |member: &Member, ending: &str| {
        let name = plain(&member.name);
        name[key(name).len()..].eq_ignore_ascii_case(ending)
    };
    let with = |ending: &str| group.iter().copied().find(|member| is(member, ending));
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

/// A name without what says only that the archive's own folder is meant.
fn plain(name: &str) -> &str {
    let mut name = name;
    while let Some(rest) = name.strip_prefix("./") {
        name = rest;
    }
    name
}

/// A plain name up to the first dot of its last part.
fn key(name: &str) -> &str {
    let name = plain(name);
    let start = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[start..].find('.').map_or(name.len(), |at| start + at);
    &name[..end]
}

/// Files that systems leave beside others.
fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.len() > 2 && part.starts_with('.') || part == "__MACOSX")
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn a_key_ends_at_the_first_dot_of_the_last_part() {
        for (name, expected) in [
            ("a.jpg", "a"),
            ("a", "a"),
            ("x.y/a.seg.png", "x.y/a"),
            ("././a.jpg", "a"),
            ("./x/a.cls", "x/a"),
        ] {
            assert_eq!(key(name), expected);
        }
    }
}
