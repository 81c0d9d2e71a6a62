use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::{
    summary::{Column, MEANS, Summary, percent},
    text::{fitted, printable},
};
use crate::eval::Group;

const WIDTH: usize = 80;
const COUNT: usize = 7;
const GROUP: usize = 7;
const FIGURE: usize = 10;

/// The final table of a run: one line per class from head to tail, then groups and means.
///
/// Accuracies are percentages on test and validation, of the last and of the chosen (best) epoch;
/// a dash stands for a class without an image in that set. No line is wider than 80 columns and
/// names that are too long are shortened. With more than `max_classes` classes the middle ones are
/// left out, and one line says how many.
pub fn class_table(summary: &Summary, max_classes: Option<usize>) -> String {
    let table = Table::new(summary);
    let mut text = table.header();
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
    text += &table.figures();
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
    columns: Vec<Column<'a>>,
    name: usize,
}

impl<'a> Table<'a> {
    fn new(summary: &'a Summary) -> Self {
        let columns = summary.columns();
        let room = WIDTH - (COUNT + 1 + GROUP) - columns.len() * FIGURE;
        let longest = MEANS.iter().map(|(name, _)| name.width());
        let names = summary.classes.iter().map(|class| printable(&class.name).width());
        let name = names.chain(longest).max().unwrap_or(0).min(room);
        Self { summary, columns, name }
    }

    fn header(&self) -> String {
        let mut text = self.line("class", "train", "group", |column| column.title());
        text += &self.rule();
        text
    }

    fn rule(&self) -> String {
        "-".repeat(self.name + COUNT + 1 + GROUP + self.columns.len() * FIGURE) + "\n"
    }

    fn class(&self, label: usize) -> String {
        let class = &self.summary.classes[label];
        self.line(&class.name, &class.train_count.to_string(), class.group.name(), |column| {
            percent(column.class(label))
        })
    }

    fn figures(&self) -> String {
        let mut text = String::new();
        for (name, value) in MEANS {
            text += &self.line(name, "", "", |column| percent(Some(value(column.evaluation))));
        }
        for group in Group::ALL {
            let members = format!("({})", self.summary.members(group));
            let value = |column: &Column| percent(column.evaluation.group(group));
            text += &self.line(group.name(), "", &members, value);
        }
        text += &self
            .line("classes at 0%", "", "", |column| column.evaluation.zero_classes.to_string());
        text += &self.line("images", "", "", |column| column.evaluation.count.to_string());
        text
    }

    fn footer(&self) -> String {
        match &self.summary.best {
            Some(best) if best.outcome.val.is_some() => format!(
                "best: {}, chosen on validation; test images chose nothing\n",
                best.epoch_of(self.summary.epochs)
            ),
            Some(best) => format!("best: {}\n", best.epoch_of(self.summary.epochs)),
            None => "no epoch was chosen: the figures are those of the last one\n".into(),
        }
    }

    fn line(
        &self,
        name: &str,
        count: &str,
        group: &str,
        figure: impl Fn(&Column) -> String,
    ) -> String {
        let mut text = fitted(&printable(name), self.name);
        let _ = write!(text, "{count:>COUNT$} {group:GROUP$}");
        for column in &self.columns {
            let _ = write!(text, "{:>FIGURE$}", figure(column));
        }
        text.truncate(text.trim_end().len());
        text + "\n"
    }
}
