use std::ops::Range;

/// Sizes of one convolution over a batch in `[images, height, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub images: usize,
    pub height: usize,
    pub width: usize,
    pub input: usize,
    pub output: usize,
    pub kernel: [usize; 2],
    pub stride: usize,
    pub padding: usize,
    /// Parts of the channels that are convolved each for itself.
    pub groups: usize,
}

impl Shape {
    /// Of `x` and `weight`, `[out, in / groups, kernel height, kernel width]`; `None` where no output is left
    /// or the padding reaches beyond the kernel.
    pub fn of(x: [usize; 4], weight: [usize; 4], stride: usize, padding: usize) -> Option<Self> {
        let [images, height, width, input] = x;
        let [output, of_input, kernel_height, kernel_width] = weight;
        let kernel = [kernel_height, kernel_width];
        let groups = input.checked_div(of_input).unwrap_or_default();
        let fits = groups > 0
            && groups * of_input == input
            && output.is_multiple_of(groups)
            && images > 0
            && kernel.iter().all(|&size| size > padding)
            && height + 2 * padding >= kernel_height
            && width + 2 * padding >= kernel_width;
        fits.then_some(Self {
            images,
            height,
            width,
            input,
            output,
            kernel,
            stride,
            padding,
            groups,
        })
    }

    pub fn out_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel[0]) / self.stride + 1
    }

    pub fn out_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel[1]) / self.stride + 1
    }

    /// Values of one input image.
    pub fn input_image(&self) -> usize {
        self.height * self.width * self.input
    }

    pub fn out_pixels(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Values of one output image.
    pub fn output_image(&self) -> usize {
        self.out_pixels() * self.output
    }

    /// Values of one output channel over the batch.
    pub fn count(&self) -> usize {
        self.images * self.out_pixels()
    }

    /// Taps of one kernel row.
    pub fn taps(&self) -> usize {
        self.kernel[1] * self.input
    }

    pub fn weights(&self) -> usize {
        self.output * self.input / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Images that one task works on: of the batch's size alone, so that no sum depends on the
    /// number of threads.
    pub fn chunk(&self) -> usize {
        self.images.div_ceil(CHUNKS)
    }

    /// The same where pixels do not meet, as one row of pixels, of several images if they are small: no tile of a kernel
    /// ends at the end of a short one, and all weights' gradients are added to less often.
    pub fn flat(self) -> Self {
        if self.kernel != [1, 1] || self.stride != 1 || self.padding != 0 {
            return self;
        }
        let pixels = self.height * self.width;
        let most = (LONG_ROW / pixels).clamp(1, self.images);
        let together = (1..=most).rev().find(|&count| self.images.is_multiple_of(count));
        let together = together.unwrap_or(1);
        Self { images: self.images / together, height: 1, width: pixels * together, ..self }
    }

    /// Images that one task works on where every task holds all weights' gradients: fewer tasks, where those are many.
    pub fn weights_chunk(&self) -> usize {
        let tasks = MOST_GRADIENTS / self.weights().max(1);
        self.images.div_ceil(tasks.clamp(LEAST_CHUNKS, CHUNKS))
    }

    /// The images of task `index` of those of so many images, `group` at a time.
    pub fn groups_of(
        &self,
        chunk: usize,
        index: usize,
        group: usize,
    ) -> impl Iterator<Item = Range<usize>> {
        let images = self.images_of(chunk, index);
        images.clone().step_by(group).map(move |first| first..(first + group).min(images.end))
    }

    /// Images of task `index` of those of so many images.
    pub fn images_of(&self, chunk: usize, index: usize) -> Range<usize> {
        let first = index * chunk;
        first..(first + chunk).min(self.images)
    }
}

/// Pixels that small images are put together to.
const LONG_ROW: usize = 256;
/// Most tasks of one pass.
const CHUNKS: usize = 32;
/// Least tasks of a pass that holds all weights' gradients in each, where there are as many images.
const LEAST_CHUNKS: usize = 4;
/// Values of the weights' gradients that all tasks of a pass hold together, unless they are as few as that.
const MOST_GRADIENTS: usize = 8 << 20;
