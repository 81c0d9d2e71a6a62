//! Every pair of blocks once, many at a time, no block in two places at once.

use rayon::prelude::*;

/// Calls `alone` on every block, then `both` on every pair. Blocks of one round run in parallel; the
/// rounds and who meets in them depend on the number of blocks alone, so what a block gathers comes
/// in the same order on any number of threads.
pub(super) fn for_each_pair<T: Send>(
    blocks: &mut [T],
    alone: impl Fn(&mut T) + Sync + Send,
    both: impl Fn(&mut T, &mut T) + Sync,
) {
    blocks.par_iter_mut().with_max_len(1).for_each(alone);
    let mut waiting: Vec<Option<&mut T>> = blocks.iter_mut().map(Some).collect();
    for round in 0..rounds(waiting.len()) {
        let mut pairs = Vec::with_capacity(waiting.len() / 2);
        for (i, j) in pairs_of(waiting.len(), round) {
            if let (Some(a), Some(b)) = (waiting[i].take(), waiting[j].take()) {
                pairs.push((i, j, a, b));
            }
        }
        pairs.par_iter_mut().with_max_len(1).for_each(|(_, _, a, b)| both(a, b));
        for (i, j, a, b) in pairs {
            (waiting[i], waiting[j]) = (Some(a), Some(b));
        }
    }
}

fn rounds(blocks: usize) -> usize {
    (blocks + blocks % 2).saturating_sub(1)
}

/// The pairs of one round of a tournament: the last seat stays, the others move around a circle.
fn pairs_of(blocks: usize, round: usize) -> impl Iterator<Item = (usize, usize)> {
    let circle = rounds(blocks);
    let around = move |k: usize| ((round + k) % circle, (round + circle - k) % circle);
    let pairs = std::iter::once((round, circle)).chain((1..=circle / 2).map(around));
    // With an odd number somebody meets the seat that is not there, and waits.
    pairs.filter(move |&(i, j)| i < blocks && j < blocks).map(|(i, j)| (i.min(j), i.max(j)))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::for_each_pair;

    #[test]
    fn everybody_meets_everybody_once() {
        for count in 0..20 {
            let met = Mutex::new(Vec::new());
            let mut blocks: Vec<usize> = (0..count).collect();
            for_each_pair(
                &mut blocks,
                |a| met.lock().unwrap().push((*a, *a)),
                |a, b| met.lock().unwrap().push((*a, *b)),
            );
            let mut met = met.into_inner().unwrap();
            met.sort_unstable();
            let all: Vec<_> = (0..count).flat_map(|i| (i..count).map(move |j| (i, j))).collect();
            assert_eq!(met, all);
        }
    }
}
