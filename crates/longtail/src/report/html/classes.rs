//! The classes from head to tail: how many images each had, and what became of it.

use super::{
    counted,
    markup::{Element, element},
    plot::{figure, frame, from_top, legend, share},
    scale::{Scale, tick_label},
};
use crate::{
    eval::Group,
    report::summary::{ClassInfo, Column, Model, Set, Summary, percent},
};

const HEIGHT: u32 = 150;
/// With more classes than this bars touch and the chosen model's marks are left out.
const MOST_SINGLE: usize = 120;
/// How many class names fit under a drawing on a wide and on a narrow screen.
const NAMES_WIDE: usize = 34;
const NAMES_NARROW: usize = 13;
/// Characters of a class name under a drawing.
const NAME: usize = 14;

/// The class histogram and, under it in the same order, the accuracies per class.
pub(super) fn section(summary: &Summary) -> Element {
    let order = summary.head_to_tail();
    let columns = summary.columns();
    let sets: Vec<_> = [Set::Test, Set::Val]
        .into_iter()
        .filter_map(|set| {
            let of =
                |model| columns.iter().find(|column| (column.set, column.model) == (set, model));
            of(Model::Last).map(|last| (last, of(Model::Best)))
        })
        .collect();
    let mut figures = vec![histogram(summary, &order, sets.is_empty())];
    for (index, (last, best)) in sets.iter().enumerate() {
        figures.push(accuracies(summary, &order, last, *best, index + 1 == sets.len()));
    }
    let title = element("h2").text("Classes, from head to tail");
    element("section").child(title).child(key(summary, &columns)).children(figures)
}

fn key(summary: &Summary, columns: &[Column]) -> Element {
    let names = Group::ALL.map(|group| {
        let members = counted(summary.members(group), "class", "classes");
        (group.name(), format!("{group}-shot ({members})"))
    });
    let mut entries: Vec<_> = names.iter().map(|(class, name)| (*class, name.as_str())).collect();
    let chosen = columns.iter().any(|column| column.model == Model::Best);
    if chosen && summary.classes.len() <= MOST_SINGLE {
        entries.push(("best", "best epoch (bars: last epoch)"));
    }
    legend(entries)
}

fn histogram(summary: &Summary, order: &[usize], named: bool) -> Element {
    let counts = summary.classes.iter().map(|class| class.train_count).filter(|&count| count > 0);
    let (low, high) = (counts.clone().min().unwrap_or(1), counts.max().unwrap_or(1));
    let (title, scale) = if high > 20 * low {
        let low = if low < 2 { 0.5 } else { 1.0 };
        ("Training images per class, logarithmic", Scale::logarithmic(low, high as f64 * 1.1))
    } else {
        ("Training images per class", Scale::linear(0.0, high as f64))
    };
    let bars = Bars { summary, order, scale: &scale };
    let drawing = frame(title, HEIGHT, &scale, tick_label);
    let drawing = drawing.children(bars.draw(|label| {
        let count = summary.classes[label].train_count;
        (count > 0).then(|| (count as f64, String::new()))
    }));
    figure(title, [if named { drawing.children(bars.names()) } else { drawing }])
}

fn accuracies(
    summary: &Summary,
    order: &[usize],
    last: &Column,
    best: Option<&Column>,
    named: bool,
) -> Element {
    let set = last.set.name();
    let title = format!("Accuracy per class, {set}");
    let scale = Scale::linear(0.0, 1.0);
    let bars = Bars { summary, order, scale: &scale };
    let mut drawing = frame(&title, HEIGHT, &scale, |value| format!("{:.0}%", value * 100.0));
    drawing = drawing.children(bars.draw(|label| {
        let text =
            |column: &Column| format!("{} {}", column.model.name(), percent(column.class(label)));
        let texts: Vec<_> = [Some(last), best].into_iter().flatten().map(text).collect();
        last.class(label).map(|accuracy| (accuracy, format!("; {set}: {}", texts.join(", "))))
    }));
    if let Some(best) = best.filter(|_| order.len() <= MOST_SINGLE) {
        drawing = drawing.children(bars.marks(|label| best.class(label)));
    }
    figure(&title, [if named { drawing.children(bars.names()) } else { drawing }])
}

/// One slot per class, all of one width, from head to tail.
struct Bars<'a> {
    summary: &'a Summary,
    order: &'a [usize],
    scale: &'a Scale,
}

impl Bars<'_> {
    fn slots(&self) -> impl Iterator<Item = (f64, usize, &ClassInfo)> {
        let width = self.width();
        let slots = self.order.iter().enumerate();
        slots.map(move |(slot, &label)| (slot as f64 * width, label, &self.summary.classes[label]))
    }

    fn width(&self) -> f64 {
        1.0 / self.order.len().max(1) as f64
    }

    /// Room at either side of a bar. Bars of many classes overlap instead: where they only touch,
    /// smoothing lets the page shine through their edges in stripes.
    fn gap(&self) -> f64 {
        self.width() * if self.order.len() > MOST_SINGLE { -0.25 } else { 0.1 }
    }

    /// Bars of the given values, each with what else its title says.
    fn draw(&self, value: impl Fn(usize) -> Option<(f64, String)>) -> Vec<Element> {
        let gap = self.gap();
        let bars = self.slots().filter_map(|(left, label, class)| {
            let (value, text) = value(label)?;
            let height = self.scale.height(value);
            let ClassInfo { name, train_count, group } = class;
            let title = format!("{name}: {train_count} training images, {group}{text}");
            // A bar of no height still gets a line, which tells zero from no figure at all.
            let bar = if height > 0.0 {
                let bar = element("rect").class(format!("bar {group}"));
                let bar = bar.attribute("y", from_top(height)).attribute("height", share(height));
                let width = (self.width() - 2.0 * gap).min(1.0 - left);
                bar.attribute("x", share(left + gap)).attribute("width", share(width))
            } else {
                self.line(left, gap, 0.0).class(format!("zero {group}"))
            };
            Some(bar.child(element("title").text(title)))
        });
        bars.collect()
    }

    /// A short line across each slot at the given value.
    fn marks(&self, value: impl Fn(usize) -> Option<f64>) -> Vec<Element> {
        let marks = self.slots().filter_map(|(left, label, _)| {
            Some(self.line(left, self.gap(), self.scale.height(value(label)?)).class("best"))
        });
        marks.collect()
    }

    fn line(&self, left: f64, gap: f64, height: f64) -> Element {
        let (y, right) = (from_top(height), left + self.width() - gap);
        let line = element("line").attribute("x1", share(left + gap)).attribute("x2", share(right));
        line.attribute("y1", &y).attribute("y2", y)
    }

    /// Slanted class names under the drawing, as many as fit.
    fn names(&self) -> Vec<Element> {
        let classes = self.order.len();
        let wide = classes.div_ceil(NAMES_WIDE).max(1);
        let narrow = wide * classes.div_ceil(wide).div_ceil(NAMES_NARROW).max(1);
        let shown = self.slots().enumerate().step_by(wide);
        let names = shown.map(|(slot, (left, _, class))| {
            let text = element("text").class("tick name").attribute("transform", "rotate(-50)");
            let place = element("svg").attribute("x", share(left + self.width() / 2.0));
            let place = place.attribute("y", "100%").attribute("overflow", "visible");
            let place = if slot.is_multiple_of(narrow) { place } else { place.class("wide") };
            place.child(text.attribute("y", 12).text(shortened(&class.name)))
        });
        names.collect()
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    name.chars().take(NAME - 1).chain(['…']).collect()
}
