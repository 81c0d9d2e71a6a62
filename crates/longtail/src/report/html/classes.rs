//! The classes from head to tail: how many images each had, and what became of it.

use unicode_width::UnicodeWidthStr;

use super::{
    markup::{Element, element},
    plot::{figure, frame, from_top, legend, share},
    scale::{Scale, tick_label},
    section,
};
use crate::{
    eval::Group,
    report::{
        columns::{Column, Model},
        counted,
        summary::{ClassInfo, Summary},
    },
};

const HEIGHT: u32 = 150;
/// With more classes than this bars touch and the chosen model's marks are left out.
const MOST_SINGLE: usize = 120;
/// With more classes than this the bars of a group are one shape, without a title for each.
const MOST_BARS: usize = 1000;
/// How many class names fit under a drawing on a wide and on a narrow screen.
const NAMES_WIDE: usize = 34;
const NAMES_NARROW: usize = 13;
/// Columns of the longest name that stands slanted, and upright, under a drawing. Where one is longer,
/// numbers stand in place of names.
const SLANTED: usize = 14;
const UPRIGHT: usize = 26;
/// With more classes than this their intervals are left out.
const MOST_INTERVALS: usize = 60;

/// The class histogram and, under it in the same order, the accuracies per class.
pub(super) fn head_to_tail(summary: &Summary) -> Element {
    let order = summary.head_to_tail();
    let sets = summary.sets();
    let mut figures = vec![histogram(summary, &order, sets.is_empty())];
    for (index, (last, best)) in sets.iter().enumerate() {
        figures.push(accuracies(summary, &order, last, best.as_ref(), index + 1 == sets.len()));
    }
    let section = section("classes", "Classes, from head to tail").child(key(summary));
    let section = section.children(figures);
    if !is_numbered(summary) {
        return section;
    }
    let note = "The numbers under the bars are those of the classes in the table below.";
    section.child(element("p").class("quiet").text(note))
}

/// Whether classes are numbered because a name is too long to stand whole under the bars.
pub(super) fn is_numbered(summary: &Summary) -> bool {
    Labels::of(summary) == Labels::Numbers
}

fn key(summary: &Summary) -> Element {
    let columns = summary.columns();
    let names = Group::ALL.map(|group| {
        let members = counted(summary.members(group), "class", "classes");
        (group.name(), format!("{group}-shot ({members})"))
    });
    let mut entries: Vec<_> = names.iter().map(|(class, name)| (*class, name.as_str())).collect();
    let chosen = columns.iter().any(|column| column.model == Model::Best);
    if chosen && summary.classes.len() <= MOST_SINGLE {
        entries.push(("best", "best epoch (bars: last epoch)"));
    }
    if !columns.is_empty() {
        entries.push(("shade", "behind the accuracies: training images, logarithmic"));
    }
    let intervals = columns.iter().any(|column| column.evaluation.interval.is_some());
    if intervals && summary.classes.len() <= MOST_INTERVALS {
        entries.push(("range", "95% interval of the last epoch"));
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
    bars.figure(title, drawing, named)
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
    drawing = drawing.child(bars.long_tail());
    drawing = drawing.children(bars.draw(|label| {
        let text =
            |column: &Column| format!("{} {}", column.model.name(), column.accuracy_of(label));
        let texts: Vec<_> = [Some(last), best].into_iter().flatten().map(text).collect();
        last.class(label).map(|accuracy| (accuracy, format!("; {set}: {}", texts.join(", "))))
    }));
    if let Some(best) = best.filter(|_| order.len() <= MOST_SINGLE) {
        drawing = drawing.children(bars.marks(|label| best.class(label)));
    }
    if order.len() <= MOST_INTERVALS {
        drawing = drawing.children(bars.intervals(last));
    }
    bars.figure(&title, drawing, named)
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
        if self.order.len() > MOST_BARS {
            return vec![self.shapes(|label| value(label).map(|(value, _)| value))];
        }
        let gap = self.gap();
        let bars = self.slots().filter_map(|(left, label, class)| {
            let (value, text) = value(label)?;
            let height = self.scale.height(value);
            let ClassInfo { name, train_count, group } = class;
            let images = counted(*train_count, "training image", "training images");
            let title = format!("{name}: {images}, {group}{text}");
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

    /// The bars of every group as one shape.
    fn shapes(&self, value: impl Fn(usize) -> Option<f64>) -> Element {
        let paths = Group::ALL.map(|group| {
            let bars = self.order.iter().enumerate().filter_map(|(slot, &label)| {
                let value = value(label).filter(|_| self.summary.classes[label].group == group)?;
                let top = 100.0 * (1.0 - self.scale.height(value));
                Some(format!("M{slot} 100V{top:.1}h1V100z"))
            });
            let path = bars.collect::<String>();
            element("path").class(format!("bar {group}")).attribute("d", path)
        });
        self.stretched().children(paths)
    }

    /// A drawing within the drawing, as many wide as there are classes and 100 high.
    fn stretched(&self) -> Element {
        let view = format!("0 0 {} 100", self.order.len().max(1));
        let stretched = element("svg").attribute("viewBox", view).class("stretch");
        let stretched = stretched.attribute("preserveAspectRatio", "none");
        stretched.attribute("width", "100%").attribute("height", "100%")
    }

    /// The training images of all classes as one shape, logarithmic, from 1 to the most.
    fn long_tail(&self) -> Element {
        let count = |label: usize| self.summary.classes[label].train_count.max(1) as f64;
        let most = self.order.iter().map(|&label| count(label)).fold(1.0, f64::max);
        let height = |label: usize| if most > 1.0 { count(label).ln() / most.ln() } else { 1.0 };
        let steps =
            self.order.iter().map(|&label| format!("V{:.1}h1", 100.0 * (1.0 - height(label))));
        let path = format!("M0 100{}V100z", steps.collect::<String>());
        let shape = element("path").class("shade tail").attribute("d", path);
        self.stretched().child(shape)
    }

    fn line(&self, left: f64, gap: f64, height: f64) -> Element {
        let (y, right) = (from_top(height), left + self.width() - gap);
        let line = element("line").attribute("x1", share(left + gap)).attribute("x2", share(right));
        line.attribute("y1", &y).attribute("y2", y)
    }

    /// An upright line over each slot, from the lowest to the highest accuracy that the class may have.
    fn intervals(&self, column: &Column) -> Vec<Element> {
        let lines = self.slots().filter_map(|(left, label, _)| {
            let [low, high] = column.interval(label)?.map(|bound| self.scale.height(bound));
            let x = share(left + self.width() / 2.0);
            let line = |class: &str| {
                let line = element("line").class(class).attribute("x1", &x).attribute("x2", &x);
                line.attribute("y1", from_top(low)).attribute("y2", from_top(high))
            };
            // Over bars and page alike it is seen by its edge.
            Some([line("range edge"), line("range")])
        });
        lines.flatten().collect()
    }

    /// `drawing` with its title and, if it is the lowest, with what tells the classes.
    fn figure(&self, title: &str, drawing: Element, lowest: bool) -> Element {
        if !lowest {
            return figure(title, [drawing]);
        }
        let labels = Labels::of(self.summary);
        figure(title, [drawing.children(self.names(labels))]).class(labels.class())
    }

    /// The names or numbers of classes under the drawing, as many as fit, each of them whole.
    fn names(&self, labels: Labels) -> Vec<Element> {
        let classes = self.order.len();
        let wide = classes.div_ceil(NAMES_WIDE).max(1);
        let narrow = wide * classes.div_ceil(wide).div_ceil(NAMES_NARROW).max(1);
        let shown = self.slots().enumerate().step_by(wide);
        let names = shown.map(|(slot, (left, _, class))| {
            let place = element("svg").attribute("x", share(left + self.width() / 2.0));
            let place = place.attribute("y", "100%").attribute("overflow", "visible");
            let place = if slot.is_multiple_of(narrow) { place } else { place.class("wide") };
            place.child(labels.label(slot, class))
        });
        names.collect()
    }
}

/// How classes are told under a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Labels {
    Slanted,
    Upright,
    Numbers,
}

impl Labels {
    fn of(summary: &Summary) -> Self {
        let longest = summary.classes.iter().map(|class| class.name.width()).max().unwrap_or(0);
        match longest {
            _ if longest <= SLANTED => Self::Slanted,
            _ if longest <= UPRIGHT => Self::Upright,
            _ => Self::Numbers,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Slanted => "slanted",
            Self::Upright => "upright",
            Self::Numbers => "numbers",
        }
    }

    fn label(self, slot: usize, class: &ClassInfo) -> Element {
        let name = element("text").class("tick name");
        let number = element("text").class("tick x").attribute("y", 16);
        match self {
            Self::Slanted => {
                name.attribute("y", 12).attribute("transform", "rotate(-50)").text(&class.name)
            }
            Self::Upright => {
                let name = name.attribute("x", -8).attribute("dy", ".32em");
                name.attribute("transform", "rotate(-90)").text(&class.name)
            }
            Self::Numbers => number.text(slot + 1),
        }
    }
}
