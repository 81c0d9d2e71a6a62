//! The segments of a JPEG, as far as they tell what it holds and where it ends. Tables and pixels
//! are libjpeg-turbo's work.
//!
//! Source: ITU-T T.81, annexes B and G.

use image::metadata::Orientation;
use longtail_kernels::jpeg::{self, Sampling};

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// What the segments before the first scan say.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// Scans refine each other.
    pub(super) progressive: bool,
    /// No scan holds the whole image, or scans refine each other.
    pub(super) has_many_scans: bool,
    /// Arithmetic coding in place of Huffman's.
    pub(super) arithmetic: bool,
    pub(super) components: Vec<Component>,
    /// Where the first scan begins.
    scans: usize,
}

/// A colour of the file, and how many samples it has per unit of the image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    id: u8,
    across: u32,
    down: u32,
}

impl Component {
    /// As a frame describes it.
    fn of(bytes: &[u8; 3]) -> Self {
        let [id, sampling, _] = *bytes;
        Self { id, across: u32::from(sampling >> 4), down: u32::from(sampling & 15) }
    }
}

/// Why no header came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// The bytes end before the first scan.
    Short,
    /// The file is damaged, or of a kind that is not read.
    Refused(String),
}

/// What comes after the last scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The end marker.
    Marker,
    /// Nothing.
    File,
    /// Bytes that are no JPEG.
    Trailer,
}

/// The scans of a JPEG.
#[derive(Debug)]
pub(super) struct Scans {
    /// Where the bytes of the last scan end.
    pub(super) end: usize,
    pub(super) ending: Ending,
    pub(super) count: usize,
    /// Whether every coefficient of every colour is in some scan, to its last bit.
    pub(super) complete: bool,
    /// Whether every colour is in some scan.
    pub(super) all_begun: bool,
}

impl Header {
    /// Reads the segments before the first scan.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NoHeader> {
        let mut segments = Segments { bytes, at: 2 };
        let (mut frame, mut orientation) = (None, None);
        loop {
            let at = segments.at;
            match segments.next().ok_or(NoHeader::Short)? {
                (START_OF_SCAN, payload) => {
                    let frame: Self = frame.ok_or_else(|| damaged("a scan precedes its frame"))?;
                    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
                    let colours = payload.first().map_or(0, |count| usize::from(*count));
                    let has_many_scans = frame.progressive || colours < frame.components.len();
                    return Ok(Self { orientation, has_many_scans, scans: at, ..frame });
                }
                (END_OF_IMAGE, _) => return Err(damaged("it holds no image")),
                (0xe1, payload) => orientation = orientation.or_else(|| exif_orientation(payload)),
                (kind, payload) if is_frame(kind) && frame.is_none() => {
                    frame = Some(Self::of_frame(kind, payload)?);
                }
                _ => {}
            }
        }
    }

    fn of_frame(kind: u8, payload: &[u8]) -> Result<Self, NoHeader> {
        let [precision, high, low, wide, narrow, count, rest @ ..] = payload else {
            return Err(damaged("its frame is too short"));
        };
        match (kind, precision) {
            (0xc3 | 0xcb, _) => return not_read("a lossless JPEG"),
            (0xc5.., _) if !matches!(kind, 0xc9 | 0xca) => return not_read("a hierarchical JPEG"),
            (_, 8) => {}
            (_, 12) => return not_read("a 12-bit JPEG"),
            _ => return Err(damaged("its samples have no depth that JPEG knows")),
        }
        let components: Vec<_> = rest.as_chunks().0.iter().map(Component::of).collect();
        if components.len() != usize::from(*count) {
            return Err(damaged("its frame is too short"));
        }
        if ![1, 3, 4].contains(&components.len()) {
            return not_read("a JPEG of neither one, three nor four colours");
        }
        if components.iter().any(|c| !(1..=4).contains(&c.across) || !(1..=4).contains(&c.down)) {
            return Err(damaged("its sampling factors are none of 1 to 4"));
        }
        let finest = |of: fn(&Component) -> u32| components.iter().map(of).max().unwrap_or(1);
        let (across, down) = (finest(|c| c.across), finest(|c| c.down));
        if components.iter().any(|c| across % c.across != 0 || down % c.down != 0) {
            return not_read("a JPEG with fractional sampling, such as 3:2");
        }
        Ok(Self {
            width: u32::from(u16::from_be_bytes([*wide, *narrow])),
            height: u32::from(u16::from_be_bytes([*high, *low])),
            orientation: Orientation::NoTransforms,
            progressive: matches!(kind, 0xc2 | 0xca),
            has_many_scans: false,
            arithmetic: matches!(kind, 0xc9 | 0xca),
            components,
            scans: 0,
        })
    }

    /// Blocks of 8 × 8 samples, of all colours.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks_of(|rows, _| rows)
    }

    /// [`Self::blocks`] with those below the image that complete the last row of units.
    pub(super) fn padded_blocks(&self) -> u64 {
        self.blocks_of(|rows, down| rows.next_multiple_of(down))
    }

    /// Blocks, with `rows` of them for what a colour has and for its factor.
    fn blocks_of(&self, rows: fn(u64, u64) -> u64) -> u64 {
        let most = |of: fn(&Component) -> u32| self.components.iter().map(of).max().unwrap_or(1);
        let (across, down) = (most(|c| c.across), most(|c| c.down));
        let along = |length: u32, factor: u32, most: u32| {
            (u64::from(length) * u64::from(factor)).div_ceil(u64::from(most) * 8)
        };
        let of = |c: &Component| {
            let rows = rows(along(self.height, c.down, down), u64::from(c.down));
            along(self.width, c.across, across) * rows
        };
        self.components.iter().map(of).sum()
    }

    /// How chroma is sampled in a file of three colours, where that is one of the usual ways and the image wide enough
    /// for libjpeg to filter it.
    pub(super) fn sampling(&self) -> Option<Sampling> {
        let factors: Vec<_> = self.components.iter().map(|c| (c.across, c.down)).collect();
        let sampling = match factors[..] {
            [(1, 1), (1, 1), (1, 1)] => Sampling::Full,
            [(2, 1), (1, 1), (1, 1)] => Sampling::Across,
            [(2, 2), (1, 1), (1, 1)] => Sampling::Both,
            _ => return None,
        };
        jpeg::is_filtered(self.width as usize, sampling).then_some(sampling)
    }

    /// Follows the scans to the end of the image.
    pub(super) fn scans(&self, bytes: &[u8]) -> Scans {
        let mut segments = Segments { bytes, at: self.scans };
        // How many low bits of each coefficient of each colour are still to come.
        let mut open = vec![[u8::MAX; 64]; self.components.len()];
        let (mut count, mut end) = (0, self.scans);
        let mut ending = Ending::File;
        while let Some((kind, payload)) = segments.next() {
            match kind {
                START_OF_SCAN => {
                    self.cover(payload, &mut open);
                    count += 1;
                    segments.skip_coded();
                    end = segments.at;
                    if open.iter().flatten().all(|bits| *bits == 0) {
                        ending = segments.ending();
                        break;
                    }
                }
                END_OF_IMAGE => {
                    ending = Ending::Marker;
                    break;
                }
                // Tables, remarks, applications' own.
                0xc4 | 0xcc | 0xdb..=0xdd | 0xe0..=0xef | 0xfe => {}
                _ => {
                    ending = Ending::Trailer;
                    break;
                }
            }
        }
        Scans {
            end,
            ending,
            count,
            complete: open.iter().flatten().all(|bits| *bits == 0),
            all_begun: open.iter().all(|coefficients| coefficients[0] != u8::MAX),
        }
    }

    /// Notes what the scan with this header brings.
    fn cover(&self, payload: &[u8], open: &mut [[u8; 64]]) {
        let Some((&count, rest)) = payload.split_first() else { return };
        let Some((named, rest)) = rest.split_at_checked(2 * usize::from(count)) else { return };
        let &[first, last, precision, ..] = rest else { return };
        let (range, bits) = match self.progressive {
            true => (usize::from(first)..usize::from(last.min(63)) + 1, precision & 15),
            false => (0..64, 0),
        };
        for [id, _] in named.as_chunks().0 {
            let place = self.components.iter().position(|component| component.id == *id);
            if let Some(coefficients) = place.and_then(|place| open[place].get_mut(range.clone())) {
                coefficients.fill(bits);
            }
        }
    }
}

fn not_read<T>(kind: &str) -> Result<T, NoHeader> {
    Err(NoHeader::Refused(format!("it is {kind}, which is not read: convert it to PNG")))
}

fn damaged(what: &str) -> NoHeader {
    NoHeader::Refused(format!("the JPEG is damaged: {what}"))
}

/// Whether a marker begins a frame, the description of the image.
fn is_frame(kind: u8) -> bool {
    matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc)
}

fn exif_orientation(payload: &[u8]) -> Option<Orientation> {
    Orientation::from_exif_chunk(payload.strip_prefix(b"Exif\0\0")?)
}

/// The segments of a JPEG from some place on: the marker's second byte and what it brings.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    /// None where the bytes end before the segment does.
    fn next(&mut self) -> Option<Self::Item> {
        let kind = loop {
            let rest = self.bytes.get(self.at..)?;
            // Bytes before a marker are passed over, as libjpeg does.
            let marker = rest.iter().position(|byte| *byte == 0xff)?;
            let code = marker + rest[marker..].iter().position(|byte| *byte != 0xff)?;
            self.at += code + 1;
            match rest[code] {
                0 | 1 | 0xd0..=0xd7 => {}
                kind => break kind,
            }
        };
        if matches!(kind, END_OF_IMAGE | 0xd8) {
            return Some((kind, &[]));
        }
        let length = usize::from(u16::from_be_bytes(*self.bytes.get(self.at..)?.first_chunk()?));
        let payload = self.bytes.get(self.at + 2..self.at + length.max(2))?;
        self.at += length.max(2);
        Some((kind, payload))
    }
}

impl Segments<'_> {
    /// Passes over the coded bytes of a scan, up to the next marker or the end.
    fn skip_coded(&mut self) {
        let rest = &self.bytes[self.at..];
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7);
        self.at += rest.windows(2).position(is_marker).unwrap_or(rest.len());
    }

    /// What stands here, behind a whole image.
    fn ending(&self) -> Ending {
        let rest = &self.bytes[self.at..];
        match rest.iter().find(|byte| **byte != 0xff) {
            Some(&END_OF_IMAGE) => Ending::Marker,
            Some(_) => Ending::Trailer,
            None => Ending::File,
        }
    }
}
