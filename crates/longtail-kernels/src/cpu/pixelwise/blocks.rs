//! In what portions all passes go over an image.

/// `$work::<..., KV>($a, channel)` for blocks of four, two or one vectors of channels.
macro_rules! each_block {
    ($S:ty, $a:expr, $work:ident::<$($type:tt),*>) => {{
        let vectors = $a.channels / <$S>::LANES;
        if vectors.is_multiple_of(4) {
            for v in (0..vectors).step_by(4) {
                $work::<$($type,)* 4>($a, v * <$S>::LANES);
            }
        } else if vectors.is_multiple_of(2) {
            for v in (0..vectors).step_by(2) {
                $work::<$($type,)* 2>($a, v * <$S>::LANES);
            }
        } else {
            for v in 0..vectors {
                $work::<$($type,)* 1>($a, v * <$S>::LANES);
            }
        }
    }};
}
pub(super) use each_block;
