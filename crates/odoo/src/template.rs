//! Template databases, from which new ones are copied.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::Version;

/// The name of the template for a version, an image and a set of modules: at most 63 characters of `[a-z0-9_]`.
///
/// `image_id` is the image's digest or identifier rather than its tag, so that another build under the same tag has a
/// template of its own. The order of the modules does not matter.
pub fn name(version: Version, image_id: &str, modules: &[&str]) -> String {
    let mut modules = modules.to_vec();
    modules.sort_unstable();
    modules.dedup();
    let digest = Sha256::digest(format!("{version}\n{image_id}\n{}", modules.join(",")));
    let mut name = format!("ocore_template_{}_", version.as_str().replace('.', "_"));
    for byte in &digest[..6] {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_version_image_and_modules() {
        let image = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
        let first = name(Version::V19, image, &["base", "web"]);
        assert_eq!(first, name(Version::V19, image, &["web", "base", "web"]));
        assert!(
            first.starts_with("ocore_template_19_0_") && first.len() <= 63,
            "{first}"
        );
        assert!(
            first
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        );
        for other in [
            name(Version::V18, image, &["base", "web"]),
            name(Version::V19, "sha256:2", &["base", "web"]),
            name(Version::V19, image, &["base"]),
        ] {
            assert_ne!(first, other);
        }
    }
}
