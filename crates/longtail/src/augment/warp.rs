use super::Raster;

/// How an affine transform reads between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Of the two nearest rows and columns.
    Bilinear,
    /// Of the four nearest rows and columns.
    Bicubic,
}

/// Pillow's affine transforms, with a filter and a colour for what lies outside of the image.
///
/// ```
/// use longtail::augment::{Filter, Raster, Warp};
///
/// // Half a pixel to the left: means of neighbours, and the colour where there is no pixel.
/// let warp = Warp { filter: Filter::Bilinear, fill: [7, 8, 9] };
/// let mut image = Raster::new(1, 3, &[0, 0, 0, 10, 20, 30, 30, 40, 50]);
/// warp.translate(&mut image, &mut Raster::default(), 0.5, 0.0);
/// assert_eq!(image.data, [5, 10, 15, 20, 30, 40, 7, 8, 9]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warp {
    /// How values between pixels are made.
    pub filter: Filter,
    /// Red, green and blue of what is read outside of the image.
    pub fill: [u8; 3],
}

impl Warp {
    /// Reads at (x + `shear` · y, y).
    pub fn shear_x(&self, image: &mut Raster, spare: &mut Raster, shear: f64) {
        self.affine(image, spare, |x, y| (x + shear * y, y));
    }

    /// Reads at (x, y + `shear` · x).
    pub fn shear_y(&self, image: &mut Raster, spare: &mut Raster, shear: f64) {
        self.affine(image, spare, |x, y| (x, shear * x + y));
    }

    /// Reads at (x + `dx`, y + `dy`) pixels.
    pub fn translate(&self, image: &mut Raster, spare: &mut Raster, dx: f64, dy: f64) {
        self.affine(image, spare, |x, y| (x + dx, y + dy));
    }

    /// Turns counter-clockwise by `degrees` about the centre.
    pub fn rotate(&self, image: &mut Raster, spare: &mut Raster, degrees: f64) {
        if degrees.rem_euclid(360.0) == 0.0 {
            return;
        }
        let Turn { cos, sin, offset: [dx, dy] } = Turn::new(image, degrees);
        self.affine(image, spare, |x, y| (cos * x + sin * y + dx, -sin * x + cos * y + dy));
    }

    /// Every pixel read at `source` of its centre.
    fn affine(
        &self,
        image: &mut Raster,
        spare: &mut Raster,
        source: impl Fn(f64, f64) -> (f64, f64),
    ) {
        match self.filter {
            Filter::Bilinear => read(image, spare, self.fill, source, bilinear),
            Filter::Bicubic => read(image, spare, self.fill, source, bicubic),
        }
        std::mem::swap(image, spare);
    }
}

/// The matrix of a turn about the centre of an image, as Pillow rounds it.
pub(super) struct Turn {
    pub cos: f64,
    pub sin: f64,
    /// What keeps the centre where it is, x and y.
    pub offset: [f64; 2],
}

impl Turn {
    /// By `degrees`, counter-clockwise.
    pub(super) fn new(image: &Raster, degrees: f64) -> Self {
        let angle = -degrees.rem_euclid(360.0).to_radians();
        let round = |v: f64| (v * 1e15).round() / 1e15;
        let (cos, sin) = (round(angle.cos()), round(angle.sin()));
        let (cx, cy) = (image.width as f64 / 2.0, image.height as f64 / 2.0);
        Self { cos, sin, offset: [cos * -cx + sin * -cy + cx, -sin * -cx + cos * -cy + cy] }
    }
}

/// Fills `out` with what `filter` makes of the image around `source`, or with `fill` outside of it.
fn read(
    image: &Raster,
    out: &mut Raster,
    fill: [u8; 3],
    source: impl Fn(f64, f64) -> (f64, f64),
    filter: impl Fn(&Raster, f64, f64) -> [u8; 3],
) {
    out.reset(image.height, image.width, 0);
    let (height, width) = (image.height as f64, image.width as f64);
    for (y, row) in out.data.chunks_exact_mut(image.stride().max(1)).enumerate() {
        let (pixels, _) = row.as_chunks_mut::<3>();
        for (x, pixel) in pixels.iter_mut().enumerate() {
            let (from_x, from_y) = source(x as f64 + 0.5, y as f64 + 0.5);
            let inside = from_x >= 0.0 && from_x < width && from_y >= 0.0 && from_y < height;
            *pixel = if inside { filter(image, from_x - 0.5, from_y - 0.5) } else { fill };
        }
    }
}

/// The `N` rows and columns around a place, the borders repeated, and how far it lies behind the one before it.
struct Around<const N: usize> {
    columns: [usize; N],
    rows: [usize; N],
    dx: f64,
    dy: f64,
}

impl<const N: usize> Around<N> {
    fn new(image: &Raster, x: f64, y: f64) -> Self {
        let (left, top) = (x.floor(), y.floor());
        let first = |at: f64| at as i64 - (N as i64 / 2 - 1);
        let clip = |v: i64, size: usize| v.clamp(0, size as i64 - 1) as usize;
        Self {
            columns: std::array::from_fn(|i| clip(first(left) + i as i64, image.width) * 3),
            rows: std::array::from_fn(|i| {
                clip(first(top) + i as i64, image.height) * image.stride()
            }),
            dx: x - left,
            dy: y - top,
        }
    }

    /// What `blend` makes of the columns and then of the rows, fractions dropped.
    fn pixel(&self, image: &Raster, blend: impl Fn([f64; N], f64) -> f64) -> [u8; 3] {
        std::array::from_fn(|channel| {
            let along = |row: usize| {
                let at = |column: usize| f64::from(image.data[row + column + channel]);
                blend(self.columns.map(at), self.dx)
            };
            // Between rows there is nothing to do where the place lies on one, as it does in shears and shifts along them.
            let value = if self.dy == 0.0 {
                along(self.rows[N / 2 - 1])
            } else {
                blend(self.rows.map(along), self.dy)
            };
            value as u8
        })
    }
}

fn bilinear(image: &Raster, x: f64, y: f64) -> [u8; 3] {
    Around::<2>::new(image, x, y).pixel(image, |[a, b], at| a + (b - a) * at)
}

fn bicubic(image: &Raster, x: f64, y: f64) -> [u8; 3] {
    Around::<4>::new(image, x, y).pixel(image, cubic)
}

fn cubic([a, b, c, d]: [f64; 4], at: f64) -> f64 {
    let slope = c - a;
    let square = 2.0 * (a - b) + c - d;
    let cube = -a + b - c + d;
    b + at * (slope + at * (square + at * cube))
}
