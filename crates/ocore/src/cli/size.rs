//! Sizes in bytes as people write them.

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// Reads `4G`, `512M`, `2GiB` or a number of bytes; the units are powers of 1024.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_uppercase();
    let unit = unit
        .strip_suffix("IB")
        .or_else(|| unit.strip_suffix('B'))
        .unwrap_or(&unit);
    let power = match unit {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err("use a number of bytes, or one with K, M, G or T".to_owned()),
    };
    let number: u64 = digits
        .trim_end()
        .parse()
        .map_err(|_| "use a whole number such as 1536M".to_owned())?;
    number
        .checked_mul(1 << (10 * power))
        .ok_or_else(|| "that is too much".to_owned())
}

/// Writes a size with one decimal.
pub(crate) fn show(bytes: u64) -> String {
    let power = (0..UNITS.len() - 1)
        .rev()
        .find(|power| bytes >= 1 << (10 * power))
        .unwrap_or_default();
    let power = if bytes >= 1 << 40 { 4 } else { power };
    let tenths = (u128::from(bytes) * 10) >> (10 * power);
    if tenths % 10 == 0 {
        format!("{} {}", tenths / 10, UNITS[power])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[power])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("512M", 512 << 20),
            ("4g", 4 << 30),
            ("2GiB", 2 << 30),
            ("1 KB", 1024),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "1.5G", "-1", "4X", "99999999999999T"] {
            parse(text).unwrap_err();
        }
    }

    #[test]
    fn sizes_are_written() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (3200 << 20, "3.1 GiB"),
            (8 << 30, "8 GiB"),
            (3 << 40, "3 TiB"),
        ] {
            assert_eq!(show(bytes), text);
        }
    }
}
