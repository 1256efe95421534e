//! Odoo's command lines.

use crate::Version;

/// Where the configuration file lies in the container.
pub const CONF_PATH: &str = "/etc/odoo/odoo.conf";
/// Where Odoo keeps filestore and sessions in the container.
pub const DATA_DIR: &str = "/var/lib/odoo";

/// The command that serves. All else stands in the configuration file.
pub fn serve(_version: Version) -> Vec<String> {
    odoo(&[])
}

/// The command that installs modules into an empty database and ends.
///
/// The arguments here win over the configuration file, so that the one an instance serves with can be used.
pub fn initialise(version: Version, database: &str, modules: &[&str]) -> Vec<String> {
    let modules = modules.join(",");
    let mut arguments = vec!["-d", database, "-i", &modules];
    arguments.extend([
        "--stop-after-init",
        "--no-http",
        "--workers=0",
        "--max-cron-threads=0",
    ]);
    arguments.extend(version.demo_off_arguments());
    odoo(&arguments)
}

/// `env` finds Odoo wherever the image has it. A command that begins with `odoo` itself is rewritten by the official
/// image's entry point, which would put the database's password on the command line for every `ps` to see.
fn odoo(arguments: &[&str]) -> Vec<String> {
    ["env", "odoo", "-c", CONF_PATH]
        .iter()
        .chain(arguments)
        .map(|&argument| argument.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_follow_the_version() {
        assert_eq!(serve(Version::V19).join(" "), "env odoo -c /etc/odoo/odoo.conf");
        assert_eq!(
            initialise(Version::V19, "t", &["base", "web"]).join(" "),
            "env odoo -c /etc/odoo/odoo.conf -d t -i base,web --stop-after-init --no-http --workers=0 \
             --max-cron-threads=0"
        );
        for &version in Version::ALL {
            let without = initialise(version, "t", &["base"]).contains(&"--without-demo=all".to_owned());
            assert_eq!(without, version <= Version::V18, "{version}");
        }
    }
}
