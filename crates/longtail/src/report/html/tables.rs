//! Figures as numbers.

use super::{
    cells::{group, number, number_title, quiet, row_head, table, title},
    glossary, headline,
    markup::{Element, element},
};
use crate::{
    eval::Group,
    report::{
        columns::{Column, OF_OUTPUTS, OVER_CLASSES, Set, percent},
        counted,
        summary::Summary,
    },
};

/// With more classes than this the table of all classes is folded.
const MOST_OPEN: usize = 100;

/// With more classes than this the table has the rarest of them alone.
const MOST_ROWS: usize = 1000;
const RAREST: usize = 500;

/// The large figures, and all of them as a table; nothing for a run that was not evaluated.
pub(super) fn figures(summary: &Summary) -> Option<Element> {
    let columns = summary.columns();
    let first = columns.first()?;
    let set = match first.set {
        Set::Test => "Test set",
        Set::Val => "Validation set",
    };
    let title = format!("{set}, {} epoch", first.model.name());
    let section = element("section")
        .child(element("h2").text(title))
        .child(headline::tiles(summary, first))
        .child(element("h2").text("All figures"))
        .child(all(summary, &columns))
        .child(element("p").class("quiet").text(selection(summary)));
    Some(section)
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

fn all(summary: &Summary, columns: &[Column]) -> Element {
    let rows = [
        means(summary, columns),
        groups(summary, columns),
        of_outputs(summary, columns),
        numbers(summary, columns),
    ];
    let titles = columns.iter().map(|column| number_title(column.title()));
    let titles = std::iter::once(title("")).chain(titles);
    table(Some("figures"), titles, rows.into_iter().flatten())
}

fn row(
    name: &str,
    summary: &Summary,
    columns: &[Column],
    cell: impl Fn(&Column) -> Element,
) -> Element {
    let name = row_head().child(glossary::term(name, summary));
    element("tr").child(name).children(columns.iter().map(cell))
}

fn means(summary: &Summary, columns: &[Column]) -> Vec<Element> {
    let classes = summary.classes.len();
    let intervals = |column: &Column| column.evaluation.interval.clone();
    let top1 = row("top-1", summary, columns, |column| {
        let value = percent(Some(column.evaluation.top1));
        figure(
            value,
            intervals(column).map(|all| all.top1),
            (column.evaluation.classes_tested, classes),
        )
    });
    let means = OVER_CLASSES.iter().enumerate().map(|(index, (name, value))| {
        row(name, summary, columns, |column| {
            let interval = intervals(column).filter(|_| index == 0).map(|all| all.arithmetic_mean);
            figure(value(column), interval, (column.evaluation.classes_tested, classes))
        })
    });
    std::iter::once(top1).chain(means).collect()
}

fn groups(summary: &Summary, columns: &[Column]) -> Vec<Element> {
    let row = |group: Group| {
        row(group.name(), summary, columns, |column| {
            let interval = column.evaluation.interval.as_ref().and_then(|all| all.group(group));
            let over = (summary.tested(group, column), summary.members(group));
            figure(summary.group_accuracy(group, column), interval, over)
        })
    };
    Group::ALL.map(row).into()
}

/// Those that some column has.
fn of_outputs(summary: &Summary, columns: &[Column]) -> Vec<Element> {
    let known = OF_OUTPUTS
        .iter()
        .filter(|(_, value)| columns.iter().any(|column| value(column.evaluation).is_some()));
    let rows = known.map(|(name, value)| {
        row(name, summary, columns, |column| {
            let value = value(column.evaluation).unwrap_or_else(|| "–".to_owned());
            number(value)
        })
    });
    rows.collect()
}

fn numbers(summary: &Summary, columns: &[Column]) -> Vec<Element> {
    let classes = summary.classes.len();
    vec![
        row("classes at 0%", summary, columns, |column| number(column.evaluation.zero_classes)),
        row("classes with images", summary, columns, |column| {
            number(format!("{} of {classes}", column.evaluation.classes_tested))
        }),
        row("images", summary, columns, |column| number(column.evaluation.count)),
    ]
}

/// A figure with its interval and, where it is no mean over all classes, over how many it is.
fn figure(value: String, interval: Option<[f64; 2]>, (tested, all): (usize, usize)) -> Element {
    let over = (0 < tested && tested < all).then(|| format!("over {tested} of {all} classes"));
    let lines = [interval.map(range), over].into_iter().flatten();
    number(value).children(lines.map(quiet))
}

/// An interval in percent, such as `57.0–75.2`.
fn range([low, high]: [f64; 2]) -> String {
    format!("{:.1}–{:.1}", low * 100.0, high * 100.0)
}

/// Every class with its images and accuracies, from head to tail.
pub(super) fn classes(summary: &Summary, numbered: bool) -> Element {
    let (sets, count) = (summary.sets(), summary.classes.len());
    let left_out = if count > MOST_ROWS { count - RAREST } else { 0 };
    let shown = summary.head_to_tail().into_iter().enumerate().skip(left_out);
    let rows = shown.map(|(place, label)| {
        let class = &summary.classes[label];
        let name = row_head();
        let name = match numbered {
            true => name.child(element("span").class("place").text(place + 1)),
            false => name,
        };
        let row = element("tr").child(name.child(element("bdi").text(&class.name)));
        let row = row.child(number(class.train_count)).child(group(class.group));
        row.children(sets.iter().flat_map(|(last, best)| of_set(last, best.as_ref(), label)))
    });
    let table = table(Some("classes"), class_titles(&sets), rows);
    let title = element("summary").text(match left_out {
        0 => format!("All {count} classes"),
        _ => format!("The {RAREST} rarest of {count} classes; summary.json has all of them"),
    });
    let fold = element("details").child(title).child(table);
    let fold = if count > MOST_OPEN { fold } else { fold.attribute("open", "open") };
    element("section").child(element("h2").text("Per class")).child(fold)
}

fn class_titles(sets: &[(Column, Option<Column>)]) -> Vec<Element> {
    let of_set = |(last, best): &(Column, Option<Column>)| {
        let images = (!last.evaluation.per_class_images.is_empty())
            .then(|| number_title(format!("{} images", last.set.short())));
        let columns = [Some(last), best.as_ref()].into_iter().flatten();
        let columns = columns.map(|column| number_title(column.title()));
        images.into_iter().chain(columns).collect::<Vec<_>>()
    };
    let of_class = [title("class"), number_title("training images"), title("group")];
    of_class.into_iter().chain(sets.iter().flat_map(of_set)).collect()
}

/// The images of one class in a set, and its accuracies there.
fn of_set(last: &Column, best: Option<&Column>, label: usize) -> Vec<Element> {
    let images = last.images(label).map(|images| element("td").class("number").text(images));
    let accuracy = |column: &Column| {
        let cell = element("td").class("number");
        let cell = match column.correct(label).zip(column.images(label)) {
            Some((correct, images @ 1..)) => cell.attribute(
                "title",
                format!("{correct} of {} right", counted(images, "image", "images")),
            ),
            _ => cell,
        };
        let interval = column.interval(label).map(range).map(quiet);
        cell.text(column.accuracy(label)).children(interval)
    };
    let columns = [Some(last), best].into_iter().flatten();
    images.into_iter().chain(columns.map(accuracy)).collect()
}
