//! How to tell that an Odoo serves.

use crate::Version;

/// Odoo's health page. It answers 200 even with PostgreSQL away, so it is only half of the truth; the other half is
/// [`DATABASE_QUERY`].
pub const WEB_PATH: &str = "/web/health";

/// A query on the instance's own database that answers one row, `installed`, when Odoo can serve from it.
pub const DATABASE_QUERY: &str =
    "select state from ir_module_module where name = 'base' and state = 'installed'";

/// The health page, asked to look at PostgreSQL too where the version can.
///
/// It then looks at the database `postgres`, not at the instance's own.
pub const fn path(version: Version) -> &'static str {
    if version.health_reports_database() {
        "/web/health?db_server_status=1"
    } else {
        WEB_PATH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_asked_for_what_it_can_tell() {
        assert_eq!(path(Version::V18), WEB_PATH);
        assert_eq!(path(Version::V19), "/web/health?db_server_status=1");
    }
}
