//! In which form a file is sent. The smaller forms lie beside it: nothing is compressed while somebody waits.

use axum::http::{HeaderMap, header};

/// A form, the smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// Its name in headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// How the names of files in this form end.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }

    /// Those that a caller takes, in our order.
    pub(crate) fn accepted(headers: &HeaderMap) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|encoding| takes(headers, encoding.name()))
    }

    /// The path of a file that lies beside another as its smaller form, without what makes it one.
    pub(crate) fn whole(path: &str) -> Option<&str> {
        Self::ALL
            .into_iter()
            .find_map(|encoding| path.strip_suffix(encoding.suffix()))
    }
}

/// Whether `Accept-Encoding` names a form, or any, and does not refuse it.
fn takes(headers: &HeaderMap, name: &str) -> bool {
    let (mut named, mut any) = (None, false);
    let wishes = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    for wish in wishes {
        let (coding, weight) = wish.split_once(';').unwrap_or((wish, ""));
        let weight = weight.trim().strip_prefix("q=");
        let is_taken = weight.is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|q| q > 0.0));
        match coding.trim() {
            "*" => any = is_taken,
            coding if coding.eq_ignore_ascii_case(name) => named = Some(is_taken),
            _ => {}
        }
    }
    named.unwrap_or(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_form_that_is_taken_comes_first() {
        let taken = |value: &str| -> Vec<&'static str> {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value.parse().unwrap())]);
            Encoding::accepted(&headers).map(Encoding::name).collect()
        };
        assert_eq!(taken("gzip, deflate, br, zstd"), ["br", "gzip"]);
        assert_eq!(taken("GZIP"), ["gzip"]);
        assert_eq!(taken("br;q=0, gzip;q=0.5"), ["gzip"]);
        assert_eq!(taken("*"), ["br", "gzip"]);
        assert_eq!(taken("*;q=0, br"), ["br"]);
        assert_eq!(taken("br;q=0.000, *"), ["gzip"]);
        assert_eq!(taken("identity"), [""; 0]);
        assert_eq!(taken("brotli"), [""; 0]);
        assert_eq!(Encoding::accepted(&HeaderMap::new()).next(), None);
    }
}
