//! Which points are drawn, in which colours and as which marks.

use std::cmp::Reverse;

use crate::{counted::counted, eval::Group, report::ClassInfo};

/// Points that are drawn at most.
const MOST: usize = 5000;
/// Petroff's ten colours.
const COLOURS: [[u8; 3]; 10] = [
    [0x3f, 0x90, 0xda],
    [0xff, 0xa9, 0x0e],
    [0xbd, 0x1f, 0x01],
    [0x94, 0xa4, 0xa2],
    [0x83, 0x2d, 0xb6],
    [0xa9, 0x6b, 0x59],
    [0xe7, 0x63, 0x00],
    [0xb9, 0xac, 0x70],
    [0x71, 0x75, 0x81],
    [0x92, 0xda, 0xdd],
];
/// Those of many, medium and few shot on the page, by their names there.
const SHOTS: [(&str, [u8; 3]); 3] = [
    ("--many", [0x21, 0x66, 0xac]),
    ("--medium", [0xc9, 0x85, 0x00]),
    ("--few", [0xc2, 0x18, 0x5b]),
];

/// Points that are drawn alike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heap {
    pub name: String,
    /// What the key says of it beside its name.
    pub note: String,
    pub colour: Colour,
    pub is_tail: bool,
    /// Within the unit square, y upwards.
    pub points: Vec<[f64; 2]>,
}

/// A colour, and the property of a page that may replace it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour {
    pub rgb: [u8; 3],
    pub property: Option<&'static str>,
}

/// Classes that are drawn alike.
struct Kind {
    name: String,
    note: String,
    colour: Colour,
    is_tail: bool,
    labels: Vec<usize>,
}

/// Of all points, from the head to the tail.
pub(super) fn of(points: &[[f64; 2]], labels: &[u32], classes: &[ClassInfo]) -> Vec<Heap> {
    let mut images = vec![Vec::new(); classes.len()];
    labels.iter().enumerate().for_each(|(image, &label)| images[label as usize].push(image));
    let mut seen: Vec<usize> =
        (0..classes.len()).filter(|&label| !images[label].is_empty()).collect();
    seen.sort_by_key(|&label| Reverse(classes[label].train_count));
    let kinds = match seen.len() <= COLOURS.len() {
        true => single(&seen, classes),
        false => shots(&seen, classes),
    };
    let quota = quota(kinds.len(), points.len());
    let place = placing(points);
    let heap = |kind: Kind| {
        let mut of_kind: Vec<usize> =
            kind.labels.iter().flat_map(|&label| &images[label]).copied().collect();
        of_kind.sort_unstable();
        let drawn = quota(of_kind.len());
        let image = |at: usize| of_kind[at * of_kind.len() / drawn];
        let points = (0..drawn).map(|at| place(points[image(at)])).collect();
        let Kind { name, note, colour, is_tail, .. } = kind;
        Heap { name, note, colour, is_tail, points }
    };
    kinds.into_iter().map(heap).collect()
}

/// How many of a heap's points are drawn: half of [`MOST`] is shared out alike, the other half by number.
fn quota(heaps: usize, count: usize) -> impl Fn(usize) -> usize {
    let least = MOST / 2 / heaps.max(1);
    move |of_heap| match count <= MOST {
        true => of_heap,
        false => of_heap.min(least + of_heap * (MOST / 2) / count),
    }
}

/// Every class by itself.
fn single(seen: &[usize], classes: &[ClassInfo]) -> Vec<Kind> {
    let tail = Tail::of(seen, classes);
    let kind = |(rank, (&label, rgb)): (usize, (&usize, [u8; 3]))| Kind {
        name: classes[label].name.clone(),
        note: classes[label].train_count.to_string(),
        colour: Colour { rgb, property: None },
        is_tail: match tail {
            Tail::Few => classes[label].group == Group::Few,
            Tail::Third => rank >= seen.len() - (seen.len() / 3).max(1),
            Tail::None => false,
        },
        labels: vec![label],
    };
    seen.iter().zip(COLOURS).enumerate().map(kind).collect()
}

/// By shot, or by thirds, or all alike.
fn shots(seen: &[usize], classes: &[ClassInfo]) -> Vec<Kind> {
    let tail = Tail::of(seen, classes);
    let third = seen.len() / 3;
    let of_group = |group| {
        let is_of = |label: &usize| classes[*label].group == group;
        seen.iter().copied().filter(is_of).collect::<Vec<_>>()
    };
    let kinds: Vec<(&str, Vec<usize>)> = match tail {
        Tail::Few => Group::ALL.map(|group| (group.name(), of_group(group))).into(),
        Tail::Third => vec![
            ("head", seen[..third].to_vec()),
            ("middle", seen[third..seen.len() - third].to_vec()),
            ("tail", seen[seen.len() - third..].to_vec()),
        ],
        Tail::None => vec![("all", seen.to_vec())],
    };
    let named = kinds.into_iter().zip(SHOTS);
    named.filter_map(|((name, labels), colour)| shot(name, labels, colour, classes)).collect()
}

/// A group, where it has a class; `labels` from the most training images to the fewest.
fn shot(
    name: &str,
    labels: Vec<usize>,
    (property, rgb): (&'static str, [u8; 3]),
    classes: &[ClassInfo],
) -> Option<Kind> {
    let [most, least] = [*labels.first()?, *labels.last()?].map(|label| classes[label].train_count);
    Some(Kind {
        name: name.to_owned(),
        note: format!("{}, {least}–{most}", counted(labels.len(), "class", "classes")),
        colour: Colour { rgb, property: Some(property) },
        is_tail: matches!(name, "few" | "tail"),
        labels,
    })
}

/// Which classes are marked as the tail.
#[derive(Debug, Clone, Copy)]
enum Tail {
    Few,
    Third,
    None,
}

impl Tail {
    /// Among classes from the most training images to the fewest.
    fn of(seen: &[usize], classes: &[ClassInfo]) -> Self {
        let few = seen.iter().filter(|&&label| classes[label].group == Group::Few).count();
        let ends = [seen.first(), seen.last()].map(|label| label.map(|&l| classes[l].train_count));
        match few {
            _ if ends[0] == ends[1] => Self::None,
            few if few > 0 && few < seen.len() => Self::Few,
            _ => Self::Third,
        }
    }
}

/// From the points' coordinates to places in the unit square, of one scale for both axes.
fn placing(points: &[[f64; 2]]) -> impl Fn([f64; 2]) -> [f64; 2] {
    let (low, high) =
        points.iter().fold(([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]), |(low, high), point| {
            (
                [0, 1].map(|axis| low[axis].min(point[axis])),
                [0, 1].map(|axis| high[axis].max(point[axis])),
            )
        });
    // Halves, as the whole extent may be beyond f64.
    let middle = [0, 1].map(|axis| f64::midpoint(low[axis], high[axis]));
    let half = (high[0] / 2.0 - low[0] / 2.0).max(high[1] / 2.0 - low[1] / 2.0);
    move |point| {
        [0, 1].map(|axis| match half > 0.0 {
            true => 0.5 + (point[axis] - middle[axis]) / half / 2.0,
            false => 0.5,
        })
    }
}
