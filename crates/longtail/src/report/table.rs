use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::{
    columns::{Column, OF_OUTPUTS, OVER_CLASSES, percent},
    summary::Summary,
    text::{fitted, printable, wrapped},
};
use crate::{data::names::listed, eval::Group};

const WIDTH: usize = 80;
const COUNT: usize = 7;
const GROUP: usize = 7;
/// An accuracy, in percent or as `1 of 1`.
const ACCURACY: usize = 6;
/// A figure over classes.
const FIGURE: usize = 10;
/// The longest name of a figure over classes.
const LABEL: usize = 20;
/// How many classes without an image are named.
const NAMED: usize = 10;

/// The final table of a run: its warnings, one line per class from head to tail, then groups and means.
///
/// Per class it shows the training images, the test images (without a test set, those of validation)
/// and the accuracy on them, of the last and of the chosen (best) epoch: in percent, of fewer than
/// 10 images as `1 of 1`, with its 95 % interval in percent. Below stand the figures over classes on
/// test and validation. A dash stands for no image in that set; means that leave out such classes
/// are marked, and a line says how many classes they run over.
///
/// No line is wider than 80 columns and names that are too long are shortened. With more than
/// `max_classes` classes the middle ones are left out, and one line says how many.
pub fn class_table(summary: &Summary, max_classes: Option<usize>) -> String {
    let table = Table::new(summary);
    let mut text = table.warnings();
    text += &table.header();
    let order = summary.head_to_tail();
    let (head, hidden, tail) = visible(&order, max_classes.unwrap_or(usize::MAX));
    for &label in head {
        text += &table.class(label);
    }
    if hidden > 0 {
        let _ = writeln!(text, "… {hidden} more classes …");
    }
    for &label in tail {
        text += &table.class(label);
    }
    text += &table.rule();
    if table.columns.is_empty() {
        text += "there is no test and no validation image: nothing was evaluated\n";
    } else {
        text += &table.figures();
    }
    text += &table.footer();
    text
}

/// The first and the last labels to show, and how many are left out between them.
fn visible(order: &[usize], max: usize) -> (&[usize], usize, &[usize]) {
    if order.len() <= max {
        return (order, 0, &[]);
    }
    let (head, rest) = order.split_at(max.div_ceil(2));
    let (middle, tail) = rest.split_at(rest.len() - max / 2);
    (head, middle.len(), tail)
}

struct Table<'a> {
    summary: &'a Summary,
    /// The columns of the lines per class: those of one set.
    of_classes: Vec<Column<'a>>,
    columns: Vec<Column<'a>>,
    name: usize,
    interval: usize,
}

impl<'a> Table<'a> {
    fn new(summary: &'a Summary) -> Self {
        let columns = summary.columns();
        let of_classes: Vec<_> =
            columns.iter().copied().filter(|column| column.set == columns[0].set).collect();
        let labels = || 0..summary.classes.len();
        let intervals =
            of_classes.iter().flat_map(|column| labels().map(|label| interval(column, label)));
        let mut table = Self {
            summary,
            interval: intervals.map(|text| text.width()).max().unwrap_or(0),
            of_classes,
            columns,
            name: 0,
        };
        let longest = OVER_CLASSES.iter().map(|(name, _)| name.width());
        let names = summary.classes.iter().map(|class| printable(&class.name).width());
        let room = WIDTH - table.width();
        table.name = names.chain(longest).max().unwrap_or(0).min(room);
        table
    }

    fn warnings(&self) -> String {
        let warnings = self.summary.warnings.iter();
        warnings.map(|text| wrapped(&format!("WARNING: {}", printable(text)), WIDTH)).collect()
    }

    /// Whether the images of every class in the set are known.
    fn images(&self) -> Option<&Column<'a>> {
        self.of_classes.first().filter(|column| !column.evaluation.per_class_images.is_empty())
    }

    fn width(&self) -> usize {
        let images = if self.images().is_some() { COUNT } else { 0 };
        self.name + COUNT + images + 1 + GROUP + self.of_classes.len() * self.cell()
    }

    /// A class's accuracy with its interval, such as `66.0% (57–75)`.
    fn cell(&self) -> usize {
        let interval = if self.interval > 0 { 1 + self.interval } else { 3 };
        2 + ACCURACY + interval
    }

    fn rule(&self) -> String {
        "-".repeat(self.width()) + "\n"
    }

    fn header(&self) -> String {
        let images = self.images().map(|column| column.set.short().to_owned());
        let mut text = self.line("class", "train", images, "group", |column| column.title());
        text += &self.rule();
        text
    }

    fn class(&self, label: usize) -> String {
        let class = &self.summary.classes[label];
        let images = self.images().and_then(|column| column.images(label));
        let images = images.map(|images| images.to_string());
        let count = class.train_count.to_string();
        let width = self.interval;
        self.line(&class.name, &count, images, class.group.name(), |column| {
            let accuracy = column.accuracy(label);
            match width {
                0 => accuracy,
                _ => format!("{accuracy:>ACCURACY$} {:>width$}", interval(column, label)),
            }
        })
    }

    fn line(
        &self,
        name: &str,
        count: &str,
        images: Option<String>,
        group: &str,
        figure: impl Fn(&Column) -> String,
    ) -> String {
        let mut text = fitted(&printable(name), self.name);
        let _ = write!(text, "{count:>COUNT$}");
        if let Some(images) = images {
            let _ = write!(text, "{images:>COUNT$}");
        }
        let _ = write!(text, " {group:GROUP$}");
        let cell = self.cell();
        for column in &self.of_classes {
            let _ = write!(text, "{:>cell$}", figure(column));
        }
        trimmed(text)
    }

    fn figures(&self) -> String {
        let all = |column: &Column, text: String| match column.is_partial() {
            true => text + "*",
            false => text + " ",
        };
        let mut text = self.figure("", |column| column.title() + " ");
        text += &self.figure("top-1", |column| all(column, percent(Some(column.evaluation.top1))));
        for (index, (name, value)) in OVER_CLASSES.iter().enumerate() {
            text += &self.figure(name, |column| all(column, value(column)));
            if index == 0 && self.images().is_some() {
                text += &self.figure("  95% interval: ±", |column| {
                    percent(column.evaluation.margin()) + " "
                });
            }
        }
        for group in Group::ALL {
            let members = self.summary.members(group);
            text += &self.figure(&format!("{group} ({members})"), |column| {
                let is_partial = (1..members).contains(&self.summary.tested(group, column));
                self.summary.group_accuracy(group, column) + if is_partial { "*" } else { " " }
            });
        }
        let zero = |column: &Column| all(column, column.evaluation.zero_classes.to_string());
        text += &self.figure("classes at 0%", zero);
        for (name, value) in OF_OUTPUTS {
            if self.columns.iter().any(|column| value(column.evaluation).is_some()) {
                text += &self.figure(name, |column| match value(column.evaluation) {
                    Some(value) => all(column, value),
                    None => "– ".into(),
                });
            }
        }
        let classes = self.summary.classes.len();
        text += &self.figure("classes with images", |column| {
            format!("{}/{classes} ", column.evaluation.classes_tested)
        });
        text += &self.figure("images", |column| format!("{} ", column.evaluation.count));
        text
    }

    /// One figure of every column; the last place is that of a mark.
    fn figure(&self, name: &str, figure: impl Fn(&Column) -> String) -> String {
        let columns = self.columns.len() * FIGURE;
        let room = self.width().min(WIDTH).saturating_sub(columns).max(LABEL);
        let mut text = fitted(name, room);
        for column in &self.columns {
            let _ = write!(text, "{:>FIGURE$}", figure(column));
        }
        trimmed(text)
    }

    fn footer(&self) -> String {
        let mut text = self.gaps();
        if self.images().is_some() {
            text += "in brackets: 95% interval of the accuracy, in percent\n";
        }
        let chosen = match &self.summary.best {
            Some(best) if best.outcome.val.is_some() => format!(
                "best: {}, chosen on validation; test images chose nothing",
                best.epoch_of(self.summary.epochs)
            ),
            Some(best) => format!("best: {}", best.epoch_of(self.summary.epochs)),
            None => "no epoch was chosen: the figures are those of the last one".into(),
        };
        text += &wrapped(&chosen, WIDTH);
        if self.summary.is_cut() {
            text += &wrapped(&format!("stopped after {}", self.summary.length()), WIDTH);
        }
        text
    }

    /// Which classes the marked means leave out.
    fn gaps(&self) -> String {
        let sets = self.summary.sets();
        let partial = sets.iter().map(|(last, _)| last).filter(|last| last.is_partial());
        let gaps = partial.map(|column| {
            let names = self.summary.untested(column);
            let (tested, all) = (column.evaluation.classes_tested, self.summary.classes.len());
            let set = column.set.name();
            let text = format!(
                "* {}: over {tested} of {all} classes; the {set} has no image of {}",
                column.set.short(),
                printable(&listed(&names, NAMED))
            );
            wrapped(&text, WIDTH)
        });
        gaps.collect()
    }
}

/// The interval of one class in percent, such as `(57–75)`, or nothing.
fn interval(column: &Column, label: usize) -> String {
    column
        .interval(label)
        .map_or_else(String::new, |[low, high]| format!("({:.0}–{:.0})", low * 100.0, high * 100.0))
}

fn trimmed(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    text + "\n"
}
