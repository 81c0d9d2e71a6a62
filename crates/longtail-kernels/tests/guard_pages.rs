//! Every operator on every path with an unreadable page before and behind each allocation, which begins or ends
//! at it: what reads or writes out of bounds ends the process.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ffi::{c_int, c_long, c_void},
    process::Command,
    ptr::null_mut,
    sync::atomic::{AtomicBool, Ordering},
};

use burn::tensor::{DType, Device, Distribution, Tensor};
use longtail_kernels::{
    ContrastTerms, ConvBnOptions, Path, basic_block_eval, basic_block_train, contrast,
    conv_bn_eval, conv_bn_train, force, max_pool,
};

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        length: usize,
        access: c_int,
        flags: c_int,
        file: c_int,
        offset: c_long,
    ) -> *mut c_void;
    fn mprotect(at: *mut c_void, length: usize, access: c_int) -> c_int;
    fn munmap(at: *mut c_void, length: usize) -> c_int;
}

const NONE: c_int = 0;
const READ_WRITE: c_int = 3;
const PRIVATE_ANONYMOUS: c_int = 0x22;
const PAGE: usize = 4096;
/// Smaller allocations are nobody's activations.
const SMALLEST: usize = 256;

/// Allocations between two unreadable pages: at the end of their own, or at the beginning.
struct Guarded;

static AT_END: AtomicBool = AtomicBool::new(true);

fn is_guarded(layout: Layout) -> bool {
    layout.size() >= SMALLEST && layout.align() <= PAGE
}

// SAFETY: what is not guarded is the system's; what is lies in pages of its own, which are at least as large,
// aligned as asked, and found again from the address: it always begins in the first of them.
unsafe impl GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: plain system calls on fresh pages.
        unsafe {
            if !is_guarded(layout) {
                return System.alloc(layout);
            }
            let inside = layout.size().next_multiple_of(PAGE);
            let pages = mmap(null_mut(), inside + 2 * PAGE, NONE, PRIVATE_ANONYMOUS, -1, 0);
            if pages.addr() == usize::MAX {
                return null_mut();
            }
            let start = pages.cast::<u8>().add(PAGE);
            if mprotect(start.cast(), inside, READ_WRITE) != 0 {
                return null_mut();
            }
            let slack = (inside - layout.size()) / layout.align() * layout.align();
            if AT_END.load(Ordering::Relaxed) { start.add(slack) } else { start }
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the pages that `alloc` has made for this address.
        unsafe {
            if !is_guarded(layout) {
                return System.dealloc(at, layout);
            }
            let start = at.sub(at.addr() % PAGE);
            let length = layout.size().next_multiple_of(PAGE) + 2 * PAGE;
            assert_eq!(munmap(start.sub(PAGE).cast(), length), 0);
        }
    }
}

#[global_allocator]
static ALLOCATOR: Guarded = Guarded;

/// What one process runs.
#[derive(Debug, Clone, Copy)]
enum Case {
    /// Images, height, width, channels before and after, stride.
    Block([usize; 6]),
    /// Images, height, width, channels before and after, kernel, stride, padding.
    Layer([usize; 8]),
    /// Images, height, width, channels, groups, kernel, stride, padding.
    Grouped([usize; 8]),
    /// Embeddings, prototypes, features.
    Contrast([usize; 3]),
    /// Images, height, width, channels.
    Pool([usize; 4]),
}

const CASES: [Case; 28] = [
    Case::Block([3, 8, 12, 16, 16, 1]),
    Case::Block([2, 4, 4, 64, 64, 1]),
    Case::Block([33, 4, 4, 32, 32, 1]),
    Case::Block([2, 8, 8, 16, 32, 2]),
    Case::Block([2, 7, 5, 16, 32, 2]),
    Case::Block([1, 6, 3, 48, 48, 1]),
    // Tiles that reach beyond the images, in both directions.
    Case::Block([3, 7, 10, 32, 32, 1]),
    Case::Layer([1, 13, 9, 16, 48, 3, 1, 1]),
    // Images together, parts of a row with parts of its taps, rows that are no small ones.
    Case::Layer([6, 7, 7, 64, 96, 1, 1, 0]),
    Case::Layer([1, 1, 300, 160, 48, 1, 1, 0]),
    Case::Layer([2, 5, 60, 96, 64, 3, 2, 1]),
    // Parts that stay in the second cache.
    Case::Layer([1, 25, 40, 256, 32, 1, 1, 0]),
    Case::Layer([1, 64, 30, 96, 32, 3, 2, 1]),
    Case::Layer([2, 9, 7, 3, 16, 3, 1, 1]),
    Case::Layer([1, 5, 6, 5, 32, 4, 2, 3]),
    Case::Layer([2, 1, 1, 1, 48, 1, 1, 0]),
    Case::Contrast([5, 3, 7]),
    Case::Contrast([130, 10, 128]),
    Case::Contrast([33, 0, 16]),
    Case::Grouped([2, 9, 7, 32, 8, 3, 1, 1]),
    Case::Grouped([1, 8, 6, 64, 8, 3, 2, 1]),
    Case::Grouped([9, 1, 2, 16, 16, 3, 1, 1]),
    Case::Grouped([2, 7, 7, 128, 4, 3, 1, 1]),
    // Slices of several groups and several vectors.
    Case::Grouped([2, 6, 7, 48, 4, 3, 2, 1]),
    Case::Grouped([2, 5, 20, 32, 2, 4, 3, 2]),
    Case::Pool([2, 7, 6, 48]),
    Case::Pool([3, 1, 2, 16]),
    Case::Pool([1, 2, 1, 64]),
];

fn random<const D: usize>(dims: [usize; D], dtype: DType) -> Tensor<D> {
    Tensor::<D>::random(dims, Distribution::Uniform(0.1, 1.0), &Device::flex().autodiff())
        .cast(dtype)
        .require_grad()
}

impl Case {
    fn run(self, dtype: DType) {
        let plain = DType::F32;
        match self {
            Case::Block([images, height, width, input, output, stride]) => {
                let x = random([images, height, width, input], dtype);
                let weights = [input, output].map(|input| random([output, input, 3, 3], plain));
                let [gammas, betas] = [(); 2].map(|()| [(); 2].map(|()| random([output], plain)));
                let norms = [0, 1].map(|i: usize| {
                    let [gamma, beta] = [&gammas[i], &betas[i]].map(|t| t.clone().inner());
                    [gamma.clone(), beta.clone(), beta, gamma]
                });
                let inner = weights.clone().map(Tensor::inner);
                basic_block_eval(x.clone().inner(), inner, norms, stride, 1e-5);
                let made = basic_block_train(x, weights, gammas, betas, stride, 1e-5);
                made.output.sum().backward();
            }
            Case::Layer([images, height, width, input, output, kernel, stride, padding]) => {
                let options =
                    ConvBnOptions { stride, padding, groups: 1, relu: true, epsilon: 1e-5 };
                layer([images, height, width, input], [output, kernel], options, dtype);
            }
            Case::Grouped([images, height, width, channels, groups, kernel, stride, padding]) => {
                let options = ConvBnOptions { stride, padding, groups, relu: true, epsilon: 1e-5 };
                layer([images, height, width, channels], [channels, kernel], options, dtype);
            }
            Case::Pool(dims) => {
                let x = random(dims, dtype);
                max_pool(x.clone().inner());
                max_pool(x).sum().backward();
            }
            Case::Contrast([rows, prototypes, features]) => {
                let columns = rows + prototypes;
                let terms = ContrastTerms {
                    temperature: 0.1,
                    include_self: false,
                    labels: (0..columns as u32).map(|i| i % 3).collect(),
                    bias_own: vec![0.1; columns],
                    bias_other: vec![0.2; columns],
                    prior: vec![0.0; rows],
                    inverse_norm: vec![1.0; rows],
                    factors: None,
                };
                let others = (prototypes > 0).then(|| random([prototypes, features], plain));
                contrast(random([rows, features], plain), others, terms).backward();
            }
        }
    }
}

fn layer(dims: [usize; 4], [output, kernel]: [usize; 2], options: ConvBnOptions, dtype: DType) {
    let (x, plain) = (random(dims, dtype), DType::F32);
    let weight = random([output, dims[3] / options.groups, kernel, kernel], plain);
    let [gamma, beta] = [(); 2].map(|()| random([output], plain));
    let [a, b, c, d] = [&gamma, &beta, &beta, &gamma].map(|t| t.clone().inner());
    let inner = weight.clone().inner();
    conv_bn_eval(x.clone().inner(), inner, a, b, c, d, None, options);
    conv_bn_train(x, weight, gamma, beta, None, options).output.sum().backward();
}

/// One case in this process, which is started for it.
#[test]
#[ignore = "started by `nothing_is_read_or_written_out_of_bounds`"]
fn one_case() {
    let number = |name: &str| std::env::var(name).unwrap().parse::<usize>().unwrap();
    AT_END.store(number("GUARD_AT_END") == 1, Ordering::Relaxed);
    let case = CASES[number("GUARD_CASE")];
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        force(path);
        for dtype in [DType::F32, DType::BF16] {
            println!("{case:?} {} {dtype:?}", path.name());
            // New threads, so that no buffer is left over from another case.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| pool.install(|| case.run(dtype))).join().unwrap()
            });
        }
    }
}

#[test]
fn nothing_is_read_or_written_out_of_bounds() {
    let program = std::env::current_exe().unwrap();
    for (index, at_end) in (0..CASES.len()).flat_map(|case| [(case, 0), (case, 1)]) {
        let output = Command::new(&program)
            .args(["--exact", "one_case", "--ignored", "--nocapture"])
            .env("GUARD_CASE", index.to_string())
            .env("GUARD_AT_END", at_end.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{}: {said}", output.status);
    }
}

/// The pages do end a process that reads behind its values, or nothing here could fail.
#[test]
#[ignore = "started by `a_guard_page_ends_the_process`"]
fn reads_behind_its_values() {
    let values = vec![1.0_f32; 1024];
    // SAFETY: none; this is what has to end the process.
    let value = unsafe { values.as_ptr().add(values.len()).read_volatile() };
    println!("read {value}");
}

#[test]
fn a_guard_page_ends_the_process() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reads_behind_its_values", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    assert!(!output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("read"));
}
