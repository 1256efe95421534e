//! The spans of time that partitions cover. Pure.

/// From, inclusive, and until, exclusive, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) until: i64,
}

/// Lengths of partitions in seconds. Each is a whole number of minutes, so that no bucket of late samples lies in two.
const LENGTHS: &[i64] = &[
    600, 1200, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000,
    7_776_000,
];

/// How many partitions what is kept is about divided into.
const PARTS: i64 = 8;

/// How long the partitions are for what is kept so many seconds.
pub(super) fn length(keep: i64) -> i64 {
    let last = LENGTHS.last().copied().unwrap_or(600);
    LENGTHS
        .iter()
        .copied()
        .find(|length| *length >= keep / PARTS)
        .unwrap_or(last)
}

/// The spans that are missing so that everything from `from` until `until` is covered, whatever lengths there were before.
pub(super) fn missing(existing: &[Span], from: i64, until: i64, length: i64) -> Vec<Span> {
    let mut existing = existing.to_vec();
    existing.sort_unstable();
    let mut missing = Vec::new();
    let mut at = from - from.rem_euclid(length);
    while at < until {
        if let Some(covering) = existing.iter().find(|span| span.from <= at && at < span.until) {
            at = covering.until;
            continue;
        }
        let aligned = at - at.rem_euclid(length) + length;
        let next = existing.iter().map(|span| span.from).find(|from| *from > at);
        let end = next.map_or(aligned, |next| next.min(aligned));
        missing.push(Span { from: at, until: end });
        at = end;
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, until: i64) -> Span {
        Span { from, until }
    }

    #[test]
    fn about_eight_partitions_hold_what_is_kept() {
        assert_eq!(length(3600), 600);
        assert_eq!(length(86_400), 14_400);
        assert_eq!(length(7 * 86_400), 86_400);
        assert_eq!(length(30 * 86_400), 432_000);
        assert_eq!(length(i64::MAX), 7_776_000);
    }

    #[test]
    fn everything_is_covered_once() {
        assert_eq!(missing(&[], 650, 1800, 600), [span(600, 1200), span(1200, 1800)]);
        assert_eq!(missing(&[span(600, 1800)], 650, 1800, 600), []);
        // At the very border the next one is needed as soon as anything beyond it is.
        assert_eq!(missing(&[span(600, 1200)], 600, 1200, 600), []);
        assert_eq!(missing(&[span(600, 1200)], 600, 1201, 600), [span(1200, 1800)]);
    }

    #[test]
    fn another_length_goes_around_what_is_there() {
        let existing = [span(1200, 1800), span(3000, 3600)];
        let made = missing(&existing, 0, 7200, 3600);
        assert_eq!(made, [span(0, 1200), span(1800, 3000), span(3600, 7200)]);
        let all: Vec<Span> = existing.iter().copied().chain(made).collect();
        assert_eq!(missing(&all, 0, 7200, 3600), []);
        assert_eq!(missing(&all, 0, 7200, 600), []);
    }
}
