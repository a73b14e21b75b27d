//! Sets of houses: a word where the ring has at most 64, four words for more.

/// A set of houses by index.
pub trait HouseSet: Copy + PartialEq + Send + Sync + 'static {
    /// No house.
    const EMPTY: Self;
    /// Most houses.
    const MOST: usize;

    /// Houses 0 to `count` - 1.
    fn first(count: usize) -> Self;
    /// Whether house `h` is in it.
    fn contains(self, h: usize) -> bool;
    /// With house `h`.
    fn with(self, h: usize) -> Self;
    /// What is in either.
    fn or(self, other: Self) -> Self;
    /// What is in both.
    fn and(self, other: Self) -> Self;
    /// What is not in `other`.
    fn without(self, other: Self) -> Self;
    /// Number of houses.
    fn count(self) -> usize;
    /// The lowest house, and the rest.
    fn split_first(self) -> Option<(usize, Self)>;

    /// Whether there is none.
    #[inline(always)]
    fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// The houses in ascending order.
    #[inline(always)]
    fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let (h, others) = rest.split_first()?;
            rest = others;
            Some(h)
        })
    }
}

impl HouseSet for u64 {
    const EMPTY: Self = 0;
    const MOST: usize = 64;

    #[inline(always)]
    fn first(count: usize) -> Self {
        if count >= 64 {
            u64::MAX
        } else {
            (1 << count) - 1
        }
    }

    #[inline(always)]
    fn contains(self, h: usize) -> bool {
        self >> (h & 63) & 1 == 1
    }

    #[inline(always)]
    fn with(self, h: usize) -> Self {
        self | 1 << (h & 63)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self | other
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }

    #[inline(always)]
    fn without(self, other: Self) -> Self {
        self & !other
    }

    #[inline(always)]
    fn count(self) -> usize {
        self.count_ones() as usize
    }

    #[inline(always)]
    fn split_first(self) -> Option<(usize, Self)> {
        (self != 0).then(|| (self.trailing_zeros() as usize, self & self.wrapping_sub(1)))
    }
}

/// Up to 256 houses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide([u64; 4]);

impl Wide {
    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Wide(std::array::from_fn(|k| f(self.0[k], other.0[k])))
    }
}

impl HouseSet for Wide {
    const EMPTY: Self = Wide([0; 4]);
    const MOST: usize = 256;

    fn first(count: usize) -> Self {
        Wide(std::array::from_fn(|k| u64::first(count.saturating_sub(64 * k))))
    }

    fn contains(self, h: usize) -> bool {
        self.0[(h / 64) & 3].contains(h & 63)
    }

    fn with(mut self, h: usize) -> Self {
        self.0[(h / 64) & 3] |= 1 << (h & 63);
        self
    }

    fn or(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    fn without(self, other: Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    fn count(self) -> usize {
        self.0.iter().map(|word| word.count()).sum()
    }

    fn split_first(mut self) -> Option<(usize, Self)> {
        let k = self.0.iter().position(|word| *word != 0)?;
        let h = 64 * k + self.0[k].trailing_zeros() as usize;
        self.0[k] &= self.0[k].wrapping_sub(1);
        Some((h, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree<M: HouseSet>(most: usize) {
        let members: Vec<usize> = (0..most).filter(|h| h * h % 7 < 3).collect();
        let set = members.iter().fold(M::EMPTY, |set, h| set.with(*h));
        assert_eq!(set.iter().collect::<Vec<_>>(), members);
        assert_eq!(set.count(), members.len());
        let rest = M::first(most).without(set);
        assert!(rest.and(set).is_empty() && rest.or(set) == M::first(most));
        assert!((0..most).all(|h| set.contains(h) != rest.contains(h)));
        assert_eq!(M::first(most).count(), most);
    }

    #[test]
    fn words_and_wide_sets_are_sets() {
        for most in [2, 10, 63, 64] {
            agree::<u64>(most);
            agree::<Wide>(most);
        }
        for most in [65, 127, 128, 129, 255] {
            agree::<Wide>(most);
        }
    }
}
