/// Where a network of several branches leaves its common trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branches {
    /// Nowhere: there is one.
    One,
    /// Before the last two stages: every expert has two of its own, of these widths, and its own classifier (RIDE).
    Experts {
        /// How many.
        count: usize,
        /// Channels of these stages; of bottlenecks a quarter of what goes out.
        widths: [usize; 2],
    },
    /// Before the last block of the last stage, which every branch has of its own; one classifier reads the features of
    /// all (BBN).
    LastBlocks {
        /// How many.
        count: usize,
    },
}

impl Branches {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Experts { count, .. } | Self::LastBlocks { count } => count,
        }
    }

    /// Of the blocks of every stage those that all branches have in common.
    pub(super) fn of_trunk<const STAGES: usize>(
        self,
        mut blocks: [usize; STAGES],
    ) -> [usize; STAGES] {
        match (self, blocks.as_mut_slice()) {
            (Self::Experts { .. }, [.., before, last]) => (*before, *last) = (0, 0),
            (Self::LastBlocks { .. }, [.., last]) => *last = last.saturating_sub(1),
            _ => {}
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trunk_ends_where_branches_begin() {
        let experts = Branches::Experts { count: 3, widths: [24, 48] };
        let last = Branches::LastBlocks { count: 2 };
        assert_eq!(Branches::One.of_trunk([3, 4, 6, 3]), [3, 4, 6, 3]);
        assert_eq!(experts.of_trunk([3, 4, 6, 3]), [3, 4, 0, 0]);
        assert_eq!(experts.of_trunk([5, 5, 5]), [5, 0, 0]);
        assert_eq!(last.of_trunk([1, 1, 1]), [1, 1, 0]);
        assert_eq!([Branches::One, experts, last].map(Branches::count), [1, 3, 2]);
    }
}
