use longtail::{
    eval::{Embedding2d, EvalError, ShotThresholds},
    report::{ClassInfo, EmbeddingPicture},
};
use roxmltree::{Document, Node};

use super::sample::NASTY;

/// `per_class` points of each of the classes with these training counts, on a spiral.
fn spiral(counts: &[usize], per_class: usize) -> (Embedding2d, Vec<u32>, Vec<ClassInfo>) {
    let point = |at: usize| {
        let turn = at as f64 * 0.1;
        [turn * turn.cos(), 2.0 * turn * turn.sin()]
    };
    let points: Vec<_> = (0..counts.len() * per_class).map(point).collect();
    let labels = (0..points.len()).map(|at| (at % counts.len()) as u32).collect();
    let name = |class: usize| match class {
        1 => NASTY.to_owned(),
        2 => "חתול בר".to_owned(),
        _ => format!("class {class}"),
    };
    let names: Vec<_> = (0..counts.len()).map(name).collect();
    let classes = ClassInfo::list(&names, counts, &ShotThresholds::default());
    (Embedding2d { points, perplexity: 30.0, divergence: 1.5 }, labels, classes)
}

fn picture(counts: &[usize], per_class: usize) -> EmbeddingPicture {
    let (embedding, labels, classes) = spiral(counts, per_class);
    EmbeddingPicture::new(&embedding, &labels, &classes, "Features & <tail>").unwrap()
}

/// Name, number of points and whether they are of the tail, of each heap in the order of drawing.
fn heaps(svg: &str) -> Vec<(String, usize, bool)> {
    let document = Document::parse(svg).expect("the drawing is well-formed");
    let of = |path: Node| {
        let title = path.children().find(|child| child.has_tag_name("title")).expect("a title");
        let points = path.attribute("d").unwrap_or_default().matches('M').count();
        let is_tail = path.attribute("stroke") == Some("currentColor");
        (title.text().unwrap_or_default().to_owned(), points, is_tail)
    };
    let is_heap = |node: &Node| {
        node.tag_name().name() == "path"
            && node.parent_element() == Some(node.document().root_element())
    };
    document.descendants().filter(is_heap).map(of).collect()
}

/// [`heaps`] of an element that has no name space of its own.
fn inline_heaps(picture: &EmbeddingPicture) -> Vec<(String, usize, bool)> {
    heaps(&picture.inline_svg())
}

#[test]
fn every_class_is_drawn_and_the_tail_is_marked() {
    let picture = picture(&[500, 100, 20, 19, 3], 12);
    let names = ["class 0", "<b>&\"x'\u{fffd}[31m", "חתול בר", "class 3", "class 4"];
    let expected: Vec<_> = (0..5).map(|class| (names[class].to_owned(), 12, class > 2)).collect();
    assert_eq!(inline_heaps(&picture), expected);
    // Without few-shot classes, or with nothing else, the rarest third; without a difference, none.
    let marked = |counts: &[usize]| -> Vec<bool> {
        inline_heaps(&self::picture(counts, 2)).into_iter().map(|heap| heap.2).collect()
    };
    assert_eq!(marked(&[500, 300, 200, 150]), [false, false, false, true]);
    assert_eq!(marked(&[3, 9, 5, 12, 11, 10]), [false, false, false, false, true, true]);
    assert_eq!(marked(&[50; 4]), [false; 4]);
}

#[test]
fn many_classes_are_coloured_by_shot_or_by_third() {
    let falling: Vec<_> = (0..100).map(|class| 500 / (class + 1)).collect();
    let expected = [("many", 40, false), ("medium", 210, false), ("few", 750, true)];
    let expected = expected.map(|(name, points, is_tail)| (name.to_owned(), points, is_tail));
    assert_eq!(inline_heaps(&picture(&falling, 10)), expected);
    let none_few: Vec<_> = (0..31).map(|class| 200 + class).collect();
    let thirds = inline_heaps(&picture(&none_few, 10));
    let expected = [("head", 100, false), ("middle", 110, false), ("tail", 100, true)];
    assert_eq!(thirds, expected.map(|(name, points, is_tail)| (name.to_owned(), points, is_tail)));
    assert_eq!(inline_heaps(&picture(&[70; 12], 3)), [("all".to_owned(), 36, false)]);
}

#[test]
fn a_drawing_stays_small_and_says_what_it_leaves_out() {
    for counts in [vec![400, 300, 200, 50, 5], (0..1000).map(|class| 1000 - class).collect()] {
        let (embedding, labels, classes) = spiral(&counts, 30_000 / counts.len());
        let of = || EmbeddingPicture::new(&embedding, &labels, &classes, "T").unwrap().svg();
        let svg = of();
        assert!(svg.len() < 200_000, "{}", svg.len());
        let drawn: usize = heaps(&svg).iter().map(|heap| heap.1).sum();
        assert!((4_500..=5_000).contains(&drawn), "{drawn}");
        assert!(svg.contains(&format!("{drawn} of 30000 images")));
        assert_eq!(svg, of());
    }
}

#[test]
fn a_drawing_is_told_to_those_who_cannot_see_it_and_takes_the_colours_of_its_page() {
    let picture = picture(&(1..30).map(|class| class * 10).collect::<Vec<_>>(), 2);
    let inline = picture.inline_svg();
    assert!(
        !inline.contains("http")
            && inline.contains("var(--few,")
            && inline.contains("currentColor")
    );
    let file = picture.svg();
    let document = Document::parse(&file).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
    let texts: Vec<_> =
        root.children().take(2).map(|node| (node.tag_name().name(), node.text())).collect();
    assert_eq!(texts[0], ("title", Some("Features & <tail>")));
    assert!(texts[1].0 == "desc" && texts[1].1.unwrap().contains("the tail: few"));
    assert_eq!(root.attribute("role"), Some("img"));
}

#[test]
fn the_png_shows_the_points_on_white() {
    let picture = picture(&[500, 5], 200);
    for (side, expected) in [(300, 300), (1, 64)] {
        let file = picture.png(side).unwrap();
        assert_eq!(file, picture.png(side).unwrap());
        let image = image::load_from_memory(&file).unwrap().to_rgb8();
        assert_eq!((image.width(), image.height()), (expected + expected / 15, expected));
        assert_eq!(image.get_pixel(0, 0).0, [255; 3]);
        if side == 300 {
            for colour in [[0x3f, 0x90, 0xda], [0xff, 0xa9, 0x0e]] {
                assert!(image.pixels().any(|pixel| pixel.0 == colour), "{colour:?}");
            }
            let is_dark = |pixel: &image::Rgb<u8>| pixel.0.iter().all(|value| *value < 0x70);
            assert!(image.pixels().any(is_dark), "the outline of the tail");
        }
    }
}

#[test]
fn points_that_coincide_lie_in_the_middle_and_the_largest_numbers_fit() {
    let (mut embedding, labels, classes) = spiral(&[30, 20], 2);
    for points in [vec![[7.0, 7.0]; 4], vec![[f64::MAX, 0.0], [f64::MIN, 0.0], [0.0; 2], [1.0; 2]]]
    {
        embedding.points = points;
        let picture = EmbeddingPicture::new(&embedding, &labels, &classes, "T").unwrap();
        let svg = picture.svg();
        assert!(svg.contains("M300.0 300.0h0") && !svg.contains("NaN") && !svg.contains("inf"));
        picture.png(100).unwrap();
    }
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let (embedding, labels, classes) = spiral(&[30, 20], 2);
    let of = |embedding: &Embedding2d, labels: &[u32]| {
        EmbeddingPicture::new(embedding, labels, &classes, "T").unwrap_err()
    };
    assert_eq!(
        of(&embedding, &labels[1..]),
        EvalError::Rows { what: "points", labels: 3, rows: 4 }
    );
    let beyond = EvalError::Class { image: 2, what: "label", class: 2, classes: 2 };
    assert_eq!(of(&embedding, &[0, 1, 2, 1]), beyond);
    let mut broken = embedding.clone();
    broken.points[3][1] = f64::NAN;
    assert_eq!(of(&broken, &labels), EvalError::NotFinite { what: "points", image: 3 });
}

#[test]
fn an_embedding_without_points_is_an_empty_drawing() {
    let empty = Embedding2d { points: Vec::new(), perplexity: 1.0, divergence: 0.0 };
    let picture = EmbeddingPicture::new(&empty, &[], &[], "T").unwrap();
    assert!(heaps(&picture.svg()).is_empty());
    assert!(picture.png(64).is_ok());
}
