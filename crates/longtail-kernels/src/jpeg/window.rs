//! Which blocks of an image are transformed: those of the part that is asked for.

use std::cell::RefCell;

use super::Part;

thread_local! {
    static WINDOW: RefCell<Option<Part>> = const { RefCell::new(None) };
}

/// What `decode` gives, while decoders of this thread leave out of the transform what no pixel of `part` needs: samples
/// outside keep the values that they had. Where the transform is libjpeg's own, nothing is left out.
pub fn within<R>(part: &Part, decode: impl FnOnce() -> R) -> R {
    /// Takes the window away, also where libjpeg unwinds.
    struct Open;
    impl Drop for Open {
        fn drop(&mut self) {
            WINDOW.set(None);
        }
    }
    WINDOW.set(Some(part.clone()));
    let _open = Open;
    decode()
}

/// Whether the part that is asked for on this thread, if there is one, needs a block of samples: `sizes` are the rows
/// and columns of pixels that it stands for, `from` the first ones.
pub(super) fn needs(from: [usize; 2], sizes: [usize; 2]) -> bool {
    WINDOW.with_borrow(|window| {
        let Some(Part { rows, columns }) = window else { return true };
        // Pixels lie between two samples of chroma, each of which may stand for two.
        let touches = |start: usize, length: usize, wanted: &std::ops::Range<usize>| {
            start < wanted.end + 2 && start + length + 2 > wanted.start
        };
        touches(from[0], sizes[0], rows) && touches(from[1], sizes[1], columns)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_the_part_and_those_beside_it_are_needed() {
        let part = Part { rows: 16..20, columns: 40..64 };
        let blocks = |size: usize, count: usize, at: &dyn Fn(usize) -> [usize; 2]| -> Vec<usize> {
            (0..count).filter(|&i| needs(at(i), [size; 2])).map(|i| i * size).collect()
        };
        within(&part, || {
            assert_eq!(blocks(8, 8, &|i| [8 * i, 40]), [8, 16]);
            assert_eq!(blocks(8, 12, &|i| [16, 8 * i]), [32, 40, 48, 56, 64]);
            assert_eq!(blocks(16, 6, &|i| [16, 16 * i]), [32, 48, 64]);
        });
        assert_eq!(blocks(8, 2, &|i| [8 * i, 0]), [0, 8]);
    }
}
