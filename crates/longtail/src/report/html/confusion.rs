//! What is mistaken for what.

use super::{
    cells::{group_key, number, number_title, row_head, table, title},
    classes::is_numbered,
    markup::{Element, element},
    pictures::picture,
    plot::{figure, legend, share},
    section,
};
use crate::{
    eval::{Analysis, ConfusedPair, Group},
    report::{
        AnalysedSet, Analyses, Gallery, Picture,
        columns::percent,
        counted,
        gallery::CONFUSIONS,
        summary::{ClassInfo, Summary},
    },
};

/// With more classes than these, cells have no title, rows no name, and cells no number.
const MOST_NAMED: usize = 30;
const MOST_NUMBERS: usize = 12;
/// How many shades a cell can have.
const SHADES: usize = 8;

/// The matrix, how the groups are mistaken for one another, and the worst pairs.
pub(super) fn confusions(
    summary: &Summary,
    analyses: &Analyses,
    gallery: Option<&Gallery>,
) -> Element {
    let of = &analyses.last;
    let set = match analyses.set {
        AnalysedSet::Test => "test",
        AnalysedSet::Val => "validation",
    };
    let images = counted(of.images, &format!("{set} image"), &format!("{set} images"));
    let intro = format!("Of {images}, by the model of the last epoch.");
    let matrix = match &of.confusion {
        Some(matrix) if matrix.len() > 1 => vec![heat_map(summary, matrix)],
        Some(_) => Vec::new(),
        None => vec![element("p").class("quiet").text(
            "There are too many classes for a matrix that could be read: the groups and the worst pairs stand for it.",
        )],
    };
    let panels = element("div").class("panels").children(matrix).children(groups(of));
    let title = "What is mistaken for what";
    section("confusions", title)
        .child(element("p").class("quiet").text(intro))
        .child(panels)
        .children(worst(summary, of, gallery))
}

/// The matrix as shades: a row for each class, in which the shares of its images add to one.
fn heat_map(summary: &Summary, matrix: &[Vec<usize>]) -> Element {
    let order = summary.head_to_tail();
    let classes = order.len();
    let cells = || {
        order.iter().enumerate().flat_map(|(row, &label)| {
            let images: usize = matrix[label].iter().sum();
            order.iter().enumerate().filter_map(move |(column, &called)| {
                let count = matrix[label][called];
                (count > 0).then(|| Cell {
                    row,
                    column,
                    share: count as f64 / images as f64,
                    count,
                })
            })
        })
    };
    let title = "Confusion matrix: rows are the true classes, columns what they are called, from head to tail";
    let drawing = element("svg").class("plot matrix").attribute("role", "img");
    let drawing = drawing.attribute("aria-label", title).child(shades(cells(), classes));
    let drawing = drawing.children(seams(summary, &order));
    let drawing = match classes <= MOST_NUMBERS {
        true => drawing.children(cells().map(|cell| cell.number(classes))),
        false => drawing,
    };
    let drawing = match classes <= MOST_NAMED {
        true => drawing
            .children(names(summary, &order))
            .children(cells().map(|cell| cell.hover(summary, &order))),
        false => drawing,
    };
    let key = legend([("first", "right"), ("wrong", "mistaken: the darker, the more")]);
    let class = if classes <= MOST_NAMED && !is_numbered(summary) { "named" } else { "bare" };
    figure(
        "Rows: true class. Columns: answer. From head to tail, in percent of the row",
        [drawing, key],
    )
    .class(format!("confusion {class}"))
}

/// One pair of classes, by their places in the order.
struct Cell {
    row: usize,
    column: usize,
    share: f64,
    count: usize,
}

impl Cell {
    fn is_right(&self) -> bool {
        self.row == self.column
    }

    /// 1 to [`SHADES`]; small shares are told apart better than large ones.
    fn shade(&self) -> usize {
        ((self.share.sqrt() * SHADES as f64).ceil() as usize).clamp(1, SHADES)
    }

    fn middle(&self, classes: usize) -> [String; 2] {
        [self.column, self.row].map(|place| share((place as f64 + 0.5) / classes as f64))
    }

    fn number(&self, classes: usize) -> Element {
        let [x, y] = self.middle(classes);
        let class = if self.share > 0.4 { "cell on-dark" } else { "cell" };
        let text = element("text").class(class).attribute("x", x).attribute("y", y);
        text.attribute("dy", ".32em").text(format!("{:.0}", self.share * 100.0))
    }

    fn hover(&self, summary: &Summary, order: &[usize]) -> Element {
        let side = 1.0 / order.len() as f64;
        let name = |place: usize| &summary.classes[order[place]].name;
        let words = format!(
            "{} called {}: {} ({})",
            name(self.row),
            name(self.column),
            self.count,
            percent(Some(self.share))
        );
        let [x, y] = [self.column, self.row].map(|place| share(place as f64 * side));
        let cell = element("rect").class("hover").attribute("x", x).attribute("y", y);
        cell.attribute("width", share(side))
            .attribute("height", share(side))
            .child(element("title").text(words))
    }
}

/// All cells of one shade are one shape.
fn shades(cells: impl Iterator<Item = Cell>, classes: usize) -> Element {
    let mut paths = vec![String::new(); 2 * SHADES];
    for cell in cells {
        let place = cell.shade() - 1 + if cell.is_right() { SHADES } else { 0 };
        paths[place] += &format!("M{} {}h1v1h-1z", cell.column, cell.row);
    }
    let paths = paths.into_iter().enumerate().filter(|(_, path)| !path.is_empty());
    let paths = paths.map(|(place, path)| {
        let class = if place < SHADES { "wrong" } else { "right" };
        let opacity = (place % SHADES + 1) as f64 / SHADES as f64;
        let shade = element("path").class(format!("shade {class}")).attribute("d", path);
        shade.attribute("fill-opacity", format!("{opacity:.3}"))
    });
    let stretched = element("svg").attribute("viewBox", format!("0 0 {classes} {classes}"));
    stretched
        .attribute("preserveAspectRatio", "none")
        .attribute("shape-rendering", "crispEdges")
        .attribute("width", "100%")
        .attribute("height", "100%")
        .children(paths)
}

/// Lines between the groups.
fn seams(summary: &Summary, order: &[usize]) -> Vec<Element> {
    let groups: Vec<Group> = order.iter().map(|&label| summary.classes[label].group).collect();
    let changes = (1..groups.len()).filter(|&place| groups[place] != groups[place - 1]);
    let lines = changes.flat_map(|place| {
        let at = share(place as f64 / groups.len() as f64);
        let line = || element("line").class("seam");
        [
            line().attribute("x1", &at).attribute("x2", &at).attribute("y2", "100%"),
            line().attribute("y1", &at).attribute("y2", &at).attribute("x2", "100%"),
        ]
    });
    lines.collect()
}

/// The names or numbers of rows, and numbers of columns.
fn names(summary: &Summary, order: &[usize]) -> Vec<Element> {
    let (classes, numbered) = (order.len(), is_numbered(summary));
    let every = classes.div_ceil(MOST_NUMBERS);
    let labels = order.iter().enumerate().flat_map(|(place, &label)| {
        let at = share((place as f64 + 0.5) / classes as f64);
        let ClassInfo { name, .. } = &summary.classes[label];
        let number = (place + 1).to_string();
        let row = element("text").class("tick y").attribute("x", -6).attribute("y", &at);
        let row = row.attribute("dy", ".32em");
        let row = if numbered { row.text(&number) } else { row.text(format!("{name}  {number}")) };
        let column = element("text").class("tick x").attribute("x", at).attribute("y", "100%");
        let column = column.attribute("dy", "1.3em").text(number);
        [Some(row), place.is_multiple_of(every).then_some(column)]
    });
    labels.flatten().collect()
}

/// How often images of one group of classes are given to another.
fn groups(of: &Analysis) -> Option<Element> {
    let counts = of.group_confusion?;
    let called = Group::ALL
        .map(|group| number_title(format!("called {group}-shot")).attribute("scope", "col"));
    let rows = Group::ALL.into_iter().zip(counts).filter_map(|(group, counts)| {
        let images: usize = counts.iter().sum();
        let shares = counts.map(|count| {
            let part = (images > 0).then(|| count as f64 / images as f64);
            number(percent(part))
        });
        let name = row_head().child(group_key(group)).text(format!("{group}-shot"));
        (images > 0).then(|| element("tr").child(name).children(shares))
    });
    let table = table(None, std::iter::once(title("images of")).chain(called), rows);
    Some(element("h3").text("Between the groups"))
        .map(|title| element("div").child(title).child(table))
}

/// The pairs with the most images, and some of these.
fn worst(summary: &Summary, of: &Analysis, gallery: Option<&Gallery>) -> Vec<Element> {
    if of.worst_confusions.is_empty() {
        return vec![element("p").text("No image is mistaken.")];
    }
    let none = Vec::new();
    let pictures = |place: usize| gallery.and_then(|of| of.confused.get(place)).unwrap_or(&none);
    let pairs = of.worst_confusions.iter().take(CONFUSIONS).enumerate();
    let items = pairs.map(|(place, pair)| item(summary, pair, pictures(place)));
    let title = element("h3").text("The worst confusions");
    vec![title, element("ol").class("pairs").children(items)]
}

fn item(summary: &Summary, pair: &ConfusedPair, pictures: &[Picture]) -> Element {
    let name = |label: u32| summary.classes.get(label as usize).map_or("?", |of| of.name.as_str());
    let (own, called) = (name(pair.label), name(pair.prediction));
    let words = format!("image of {own}, called {called}");
    let text = element("div").child(element("bdi").text(own)).text(" called ");
    let text = text.child(element("bdi").text(called)).child(
        element("span").class("quiet").text(format!(
            " {} of its images, {}",
            pair.count,
            percent(Some(pair.share))
        )),
    );
    let pictures = pictures.iter().map(|of| picture(of, &words));
    element("li").child(text).child(element("div").class("strip").children(pictures))
}
