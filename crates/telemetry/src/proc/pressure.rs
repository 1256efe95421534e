//! Pressure: `/proc/pressure/*`.

/// Percent of the time in which some task waited, over the last `10`, `60` or `300` seconds: from the line
/// `some avg10=0.12 avg60=…`.
pub fn waited(text: &str, seconds: u16) -> Option<f32> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let name = format!("avg{seconds}=");
    line.split_ascii_whitespace()
        .find_map(|word| word.strip_prefix(&name))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_read_as_the_kernel_writes_it() {
        let text = "some avg10=1.53 avg60=22.75 avg300=0.73 total=1\nfull avg10=9.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(waited(text, 10).map(f32::to_bits), Some(1.53_f32.to_bits()));
        assert_eq!(waited(text, 60).map(f32::to_bits), Some(22.75_f32.to_bits()));
        assert_eq!(waited("", 10), None);
    }
}
