//! Where the classes lie in the space of features.

use super::{
    cells::{self, number_title, row_head, table, title},
    markup::{Element, element},
    plot::{figure, frame, from_top, legend, share},
    scale::{Scale, tick_label},
    section,
};
use crate::{
    eval::{Analysis, ClassMeans, Geometry, Group},
    report::summary::Summary,
};

const HEIGHT: u32 = 170;

/// The picture of the features, their indices, and how far each class overlaps with its neighbour.
pub(super) fn embedding(
    summary: &Summary,
    of: &Analysis,
    picture: Option<(&str, usize)>,
) -> Option<Element> {
    if of.features.is_none() && of.projections.is_none() && picture.is_none() {
        return None;
    }
    let section = section("embedding", "Where the classes lie")
        .children(picture.map(|(svg, images)| drawn(svg, images, of.images)));
    let panels = element("div").class("panels");
    let overlaps = of.features.as_ref().and_then(|of| overlaps(summary, of));
    Some(section.child(panels.children(indices(of)).children(overlaps)))
}

fn drawn(picture: &str, drawn: usize, images: usize) -> Element {
    let caption = match drawn < images {
        true => format!("Embedding of {drawn} of {images} images, evenly over the classes"),
        false => "Embedding of the images".to_owned(),
    };
    let text = "Features of the backbone, t-SNE: near points are alike; distances between groups, their sizes and the \
                axes mean nothing.";
    element("figure")
        .class("embedding")
        .child(element("figcaption").text(caption))
        .drawing(picture)
        .child(element("p").class("quiet").text(text))
}

type Figure = (&'static str, fn(&Geometry) -> Option<f64>);

const INDICES: [Figure; 9] = [
    ("dimensions", |of| Some(of.dimensions as f64)),
    ("Calinski–Harabasz", |of| of.calinski_harabasz),
    ("Davies–Bouldin", |of| of.davies_bouldin),
    ("cosine of two centres, deviation", |of| Some(of.balance.as_ref()?.cosine_std)),
    ("distance of centres, variation", |of| Some(of.balance.as_ref()?.norm_variation)),
    ("spread of the most frequent third", |of| spread(of.head.as_ref())),
    ("spread of the rarest third", |of| spread(of.tail.as_ref())),
    ("overlap of the most frequent third", |of| overlap(of.head.as_ref())),
    ("overlap of the rarest third", |of| overlap(of.tail.as_ref())),
];

fn spread(of: Option<&ClassMeans>) -> Option<f64> {
    of?.spread
}

fn overlap(of: Option<&ClassMeans>) -> Option<f64> {
    of?.overlap
}

fn indices(of: &Analysis) -> Option<Element> {
    let spaces = [("backbone", of.features.as_ref()), ("projection", of.projections.as_ref())];
    let spaces: Vec<_> = spaces.into_iter().filter_map(|(name, of)| Some((name, of?))).collect();
    if spaces.is_empty() {
        return None;
    }
    let names = spaces.iter().map(|(name, _)| number_title(name).attribute("scope", "col"));
    let rows = INDICES.iter().map(|(name, value)| {
        let values = spaces.iter().map(|(_, of)| cells::number(number(value(of))));
        element("tr").child(row_head().text(name)).children(values)
    });
    let table = table(None, std::iter::once(title("")).chain(names), rows);
    let text = "Calinski–Harabasz: more is better. Davies–Bouldin, deviation, variation, spread and overlap: less is \
                better. Overlap is a class's spread divided by the distance to the nearest other centre.";
    Some(element("div").child(table).child(element("p").class("quiet").text(text)))
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e6 => format!("{whole}"),
        Some(value) if value.abs() >= 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.3}"),
    }
}

/// A dot for each class, from head to tail.
fn overlaps(summary: &Summary, of: &Geometry) -> Option<Element> {
    let order = summary.head_to_tail();
    let overlap = |label: usize| {
        let class = of.per_class.get(label)?;
        Some(class.spread? / class.margin.filter(|&margin| margin > 0.0)?)
    };
    let highest = order.iter().filter_map(|&label| overlap(label)).fold(0.0, f64::max);
    if highest == 0.0 {
        return None;
    }
    let scale = Scale::linear(0.0, highest);
    let title = "Overlap of each class with the nearest other, from head to tail";
    let dots = order.iter().enumerate().filter_map(|(slot, &label)| {
        let (value, class) = (overlap(label)?, &summary.classes[label]);
        let x = (slot as f64 + 0.5) / order.len() as f64;
        let dot = element("circle").class(format!("dot {}", class.group)).attribute("r", 3);
        let dot = dot.attribute("cx", share(x)).attribute("cy", from_top(scale.height(value)));
        let nearest = of.per_class[label].nearest.and_then(|of| summary.classes.get(of as usize));
        let nearest = nearest.map_or_else(String::new, |of| format!(", nearest {}", of.name));
        let words = format!("{}: {value:.2}{nearest}", class.name);
        Some(dot.child(element("title").text(words)))
    });
    let drawing = frame(title, HEIGHT, &scale, tick_label).children(dots);
    let names = Group::ALL.map(|group| (group.name(), format!("{group}-shot")));
    let key = legend(names.iter().map(|(class, name)| (*class, name.as_str())));
    Some(figure(title, [drawing, key]))
}
