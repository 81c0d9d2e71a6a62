//! Every operator on every path against the composed one in f64, on random shapes, gradients
//! included.

mod operators {
    mod support;

    mod blocks;
    mod conv_bn;
    mod cross_entropy;
    mod inference;
    mod max_pool;
}
