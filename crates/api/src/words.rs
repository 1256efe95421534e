//! Words for what answers tell in sentences.

/// "1 server", "2 servers".
pub(crate) fn counted(count: impl Into<i64>, what: &str) -> String {
    let count = count.into();
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
