//! Figures as numbers.

use super::{
    counted,
    markup::{Element, element},
};
use crate::{
    eval::{Evaluation, Group},
    report::summary::{Column, MEANS, Set, Summary, percent},
};

/// With more classes than this the table of all classes is folded.
const MOST_OPEN: usize = 100;

/// The large figures at the head of the page, and all of them as a table.
pub(super) fn headline(summary: &Summary) -> Element {
    let columns = summary.columns();
    let section = element("section");
    let Some(first) = columns.first() else {
        return section.child(element("p").text("The run was not evaluated on any set."));
    };
    let set = match first.set {
        Set::Test => "Test set",
        Set::Val => "Validation set",
    };
    let title = format!("{set}, {} epoch", first.model.name());
    section
        .child(element("h2").text(title))
        .child(tiles(summary, first))
        .child(element("h2").text("All figures"))
        .child(figures(&columns))
        .child(element("p").class("quiet").text(selection(summary)))
}

/// Which model is the best one, and who chose it.
fn selection(summary: &Summary) -> String {
    let epochs = summary.epochs;
    match &summary.best {
        Some(best) if best.outcome.val.is_some() => format!(
            "Best is {}, chosen on the validation set. Test images chose nothing: they are only \
             reported on.",
            best.epoch_of(epochs)
        ),
        Some(best) => format!("Best is {}.", best.epoch_of(epochs)),
        None => {
            let why = if summary.last.val.is_none() { "There is no validation set. " } else { "" };
            format!("{why}No epoch was chosen: the figures are those of the last one.")
        }
    }
}

fn tiles(summary: &Summary, column: &Column) -> Element {
    let figures = column.evaluation;
    let tile = |class: &str, name: &str, value: Option<f64>, note: String| {
        let tile = element("div").class(format!("tile {class}"));
        let tile = tile.child(element("div").class("what").text(name));
        let tile = tile.child(element("div").class("figure").text(percent(value)));
        tile.child(element("div").class("quiet").text(note))
    };
    let groups = Group::ALL.map(|group| {
        let note = counted(summary.members(group), "class", "classes");
        tile(group.name(), &format!("{group}-shot"), figures.group(group), note)
    });
    let zero = format!("{} at 0%", counted(figures.zero_classes, "class", "classes"));
    let (mean, harmonic) = (figures.arithmetic_mean, figures.harmonic_mean);
    let means = [
        tile("", "Balanced top-1", Some(mean), "mean over classes".into()),
        tile("", "Harmonic mean", Some(harmonic), zero),
        tile("", "Worst class", Some(figures.worst_class), worst(summary, figures)),
    ];
    element("div").class("tiles").children(means).children(groups)
}

/// The name of the worst class, or how many share the last place.
fn worst(summary: &Summary, figures: &Evaluation) -> String {
    let classes = summary.classes.iter().zip(&figures.per_class);
    let mut worst = classes.filter(|(_, accuracy)| **accuracy == Some(figures.worst_class));
    match (worst.next(), worst.count()) {
        (Some((class, _)), 0) => class.name.clone(),
        (_, others) => format!("{} classes", others + 1),
    }
}

fn figures(columns: &[Column]) -> Element {
    let means = MEANS
        .iter()
        .map(|(name, value)| row(name, columns, |column| percent(Some(value(column.evaluation)))));
    let groups = Group::ALL
        .map(|group| row(group.name(), columns, |column| percent(column.evaluation.group(group))));
    let zero = row("classes at 0%", columns, |column| column.evaluation.zero_classes.to_string());
    let images = row("images", columns, |column| column.evaluation.count.to_string());
    let body = element("tbody").children(means).children(groups).child(zero).child(images);
    scrolled(element("table").child(head(&[""], columns)).child(body))
}

fn row(name: &str, columns: &[Column], cell: impl Fn(&Column) -> String) -> Element {
    let name = element("th").attribute("scope", "row").text(name);
    let cells = columns.iter().map(|column| element("td").class("number").text(cell(column)));
    element("tr").child(name).children(cells)
}

fn head(names: &[&str], columns: &[Column]) -> Element {
    let names = names.iter().map(|name| element("th").text(name));
    let cells = columns.iter().map(|column| element("th").class("number").text(column.title()));
    element("thead").child(element("tr").children(names).children(cells))
}

fn scrolled(table: Element) -> Element {
    element("div").class("scroll").child(table)
}

/// Every class with its accuracies, from head to tail.
pub(super) fn classes(summary: &Summary) -> Element {
    let columns = summary.columns();
    let rows = summary.head_to_tail().into_iter().map(|label| {
        let class = &summary.classes[label];
        let name = element("th").attribute("scope", "row").text(&class.name);
        let group = element("span").class(format!("key {}", class.group));
        let row = element("tr").child(name);
        let row = row.child(element("td").class("number").text(class.train_count));
        let row = row.child(element("td").child(group).text(class.group));
        row.children(
            columns
                .iter()
                .map(|column| element("td").class("number").text(percent(column.class(label)))),
        )
    });
    let table =
        element("table").class("classes").child(head(&["class", "images", "group"], &columns));
    let table = scrolled(table.child(element("tbody").children(rows)));
    let count = summary.classes.len();
    let title = element("summary").text(format!("All {count} classes"));
    let fold = element("details").child(title).child(table);
    let fold = if count > MOST_OPEN { fold } else { fold.attribute("open", "open") };
    element("section").child(element("h2").text("Per class")).child(fold)
}
