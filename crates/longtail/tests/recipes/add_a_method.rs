//! The code that docs/add-a-method.md shows is that of the crate, which trains in `tests/methods.rs`.

use longtail::method::Method;

use super::shelf::text;

/// File and text of every block of Rust; the file is the last that was named before it.
fn blocks(page: &str) -> Vec<(String, String)> {
    let (mut file, mut block, mut blocks) = (None, None::<String>, Vec::new());
    for line in page.lines() {
        match (&mut block, line) {
            (None, "```rust") => block = Some(String::new()),
            (Some(text), "```") => {
                let file = file.clone().unwrap_or_else(|| panic!("no file is named: {text}"));
                blocks.push((file, std::mem::take(text)));
                block = None;
            }
            (Some(text), line) => *text += &format!("{line}\n"),
            (None, line) => {
                let named = line.split('`').skip(1).step_by(2);
                file =
                    named.filter(|span| span.ends_with(".rs")).last().map(str::to_owned).or(file);
            }
        }
    }
    blocks
}

#[test]
fn what_it_shows_is_what_is_compiled() {
    let blocks = blocks(&text("docs/add-a-method.md"));
    assert!(blocks.len() >= 5, "{blocks:?}");
    for (file, block) in blocks {
        assert!(text(&file).contains(&block), "{file} has no\n{block}");
    }
}

#[test]
fn the_files_it_names_exist_and_its_examples_are_methods() {
    let page = text("docs/add-a-method.md");
    let paths = page.split('`').skip(1).step_by(2).filter(|span| span.starts_with("crates/"));
    assert!(paths.clone().count() > 8);
    paths.filter(|path| path.ends_with(".rs")).for_each(|path| drop(text(path)));
    for method in [Method::BalancedSoftmax, Method::CbFocal, Method::Crt] {
        assert!(page.contains(&format!("`{method}`")), "{method}");
    }
}
