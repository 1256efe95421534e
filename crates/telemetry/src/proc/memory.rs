//! Memory: `/proc/meminfo`.

use super::named;
use crate::Memory;

/// Memory and swap in bytes.
pub fn memory(text: &str) -> Memory {
    let bytes = |name| named(text, name).unwrap_or(0) * 1024;
    let swap_total = bytes("SwapTotal");
    Memory {
        total: bytes("MemTotal"),
        available: bytes("MemAvailable"),
        cached: bytes("Cached"),
        swap_total,
        swap_used: swap_total.saturating_sub(bytes("SwapFree")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kibibytes_become_bytes() {
        let text = "MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 40 kB\nCached: 20 kB\nSwapCached: 7 kB\n\
                    SwapTotal: 50 kB\nSwapFree: 30 kB\n";
        let wanted = Memory {
            total: 102_400,
            available: 40_960,
            cached: 20_480,
            swap_total: 51_200,
            swap_used: 20_480,
        };
        assert_eq!(memory(text), wanted);
    }
}
